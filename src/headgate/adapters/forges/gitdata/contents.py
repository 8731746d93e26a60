"""What does a commit say? Its files, and the commits before it."""

from itertools import islice

import pygit2

from headgate.adapters.forges.gitdata import history, refs, trees
from headgate.errors import PermanentError
from headgate.names import Commit
from headgate.ports import LogEntry


def text(repo: pygit2.Repository, path: str, at: Commit) -> str | None:
    """Return a file's text at a commit, None when it is not there."""
    found = trees.entry(refs.commit_at(repo, at).tree, path)
    blob = repo[found[0]] if found is not None else None
    if not isinstance(blob, pygit2.Blob):
        return None
    try:
        return blob.data.decode()
    except UnicodeDecodeError as err:
        raise PermanentError(f"{path!r} is not UTF-8 text") from err


def paths(repo: pygit2.Repository, prefix: str, at: Commit) -> list[str]:
    """Return the paths of all files under `prefix` at a commit, sorted."""
    return sorted(path for path in trees.files(refs.commit_at(repo, at).tree) if path.startswith(prefix))


def log(repo: pygit2.Repository, path: str, at: Commit, limit: int) -> list[LogEntry]:
    """Return the commits that changed `path`, newest first, on the first-parent line."""
    return [entry_of(line) for line in islice(history.touching(refs.commit_at(repo, at), path), limit)]


def entry_of(commit: pygit2.Commit) -> LogEntry:
    return LogEntry(
        commit=refs.commit_oid(commit.id),
        parents=tuple(refs.commit_oid(parent) for parent in commit.parent_ids),
        author=commit.author.name,
        committer=commit.committer.name,
        at=refs.when(commit),
        message=commit.message,
    )
