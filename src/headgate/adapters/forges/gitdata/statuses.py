"""Commit statuses as Git data: `refs/statuses/<commit>` points to a commit whose tree holds statuses.json."""

import msgspec
import pygit2

from headgate.adapters.forges.gitdata import refs
from headgate.errors import PermanentError
from headgate.records.change import Edit

PREFIX = "refs/statuses/"
DOCUMENT = "statuses.json"
STATES = ("pending", "success", "failure")

Statuses = dict[str, tuple[str, str]]


def load(repo: pygit2.Repository, commit: str) -> Statuses:
    """Return context → (state, detail) of a commit."""
    content = refs.document(repo, PREFIX + commit, DOCUMENT)
    return {} if content is None else msgspec.json.decode(content, type=Statuses)


def save(repo: pygit2.Repository, commit: str, context: str, status: tuple[str, str], who: pygit2.Signature) -> None:
    """Set one context's status; the same once more changes nothing."""
    if status[0] not in STATES:
        raise PermanentError(f"{status[0]!r} is not a status", found=f"known: {', '.join(STATES)}")
    found = load(repo, commit)
    text = msgspec.json.format(msgspec.json.encode(found | {context: status}, order="sorted"), indent=2).decode()
    message = f"{context}: {status[0]}"
    refs.append(repo, PREFIX + commit, [Edit(path=DOCUMENT, text=text + "\n")], message, who)
