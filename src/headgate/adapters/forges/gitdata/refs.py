"""References: read them, move them only from where they were last seen, keep documents under them."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import pygit2
from pygit2.enums import ObjectType

from headgate.adapters.forges.gitdata.access import STALE_SECONDS, await_reference
from headgate.adapters.forges.gitdata.trees import edited
from headgate.errors import MovedError, PermanentError
from headgate.names import Commit
from headgate.ports import Tag
from headgate.records.change import Edit

NAME_LENGTH = 100


def target(repo: pygit2.Repository, reference: str) -> pygit2.Oid | None:
    """Return the object a reference points to."""
    try:
        direct = repo.lookup_reference(reference).resolve().target
    except (KeyError, ValueError):
        return None
    return direct if isinstance(direct, pygit2.Oid) else None


def move(repo: pygit2.Repository, reference: str, new: pygit2.Oid, seen: pygit2.Oid | None) -> None:
    """Point a reference to `new`; it must still be where it was `seen` (None: not exist)."""
    deadline = time.monotonic() + 2 * STALE_SECONDS
    while True:
        await_reference(repo, reference)
        try:
            return swap(repo, reference, new, seen)
        except (pygit2.AlreadyExistsError, KeyError) as err:
            raise moved(reference, seen, target(repo, reference)) from err
        except pygit2.GitError as err:
            if target(repo, reference) != seen:
                raise moved(reference, seen, target(repo, reference)) from err
            if "lock" not in str(err) or time.monotonic() > deadline:
                raise


def swap(repo: pygit2.Repository, reference: str, new: pygit2.Oid, seen: pygit2.Oid | None) -> None:
    if seen is None:
        repo.references.create(reference, new, force=False)
        return
    found = repo.lookup_reference(reference)
    if found.target != seen:
        raise moved(reference, seen, target(repo, reference))
    found.set_target(new)  # compares with the value read one line above, under the reference's own lock


def moved(reference: str, seen: pygit2.Oid | None, now: pygit2.Oid | None) -> MovedError:
    shown = reference.removeprefix("refs/heads/")
    return MovedError(
        f"{shown!r} moved: expected {str(seen)[:12]}, found {str(now)[:12]}", next_step="read it again, then retry"
    )


def commit_at(repo: pygit2.Repository, commit: str) -> pygit2.Commit:
    """Return a commit by its id; PermanentError when the repository has none such."""
    found = commit_or_none(repo, commit)
    if found is None:
        raise PermanentError(f"the env repo has no commit {commit[:40]!r}", next_step="fetch, then try again")
    return found


def named(repo: pygit2.Repository, name: str) -> pygit2.Commit:
    """Return the commit that a branch, a tag or an id names."""
    try:
        return repo.revparse_single(name).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as err:
        raise PermanentError(
            f"the env repo has no commit {name[:80]!r}", next_step="name a branch, a tag or a commit's id"
        ) from err


def commit_or_none(repo: pygit2.Repository, commit: pygit2.Oid | str | None) -> pygit2.Commit | None:
    try:
        found: object = repo.get(commit) if commit else None
    except (ValueError, pygit2.GitError):
        return None
    return found if isinstance(found, pygit2.Commit) else None


def commit_oid(oid: pygit2.Oid | str) -> Commit:
    return Commit(str(oid))


def signature(name: str, at: datetime) -> pygit2.Signature:
    """Return who and when; what Git forbids in a name is left out."""
    kept = "".join(char for char in name if char.isprintable() and char not in "<>").strip(" .,:;'\"\\")
    local = "".join(char for char in kept.lower() if char.isascii() and (char.isalnum() or char in "-.@"))
    email = local if "@" in local else f"{local or 'headgate'}@localhost"
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return pygit2.Signature(kept[:NAME_LENGTH] or "headgate", email[:NAME_LENGTH], int(aware.timestamp()), 0)


def when(commit: pygit2.Commit | pygit2.Tag) -> datetime:
    """Return a commit's time by its committer, a tag's by its tagger."""
    who = commit.committer if isinstance(commit, pygit2.Commit) else commit.tagger
    return datetime.fromtimestamp(who.time if who else 0, tz=UTC)


def names(repo: pygit2.Repository, prefix: str) -> list[str]:
    """Return the names of references under a prefix."""
    return [name for name in repo.listall_references() if name.startswith(prefix)]


def append(
    repo: pygit2.Repository, reference: str, edits: Iterable[Edit], message: str, who: pygit2.Signature
) -> pygit2.Oid:
    """Write documents as a further commit on a reference of their own; every earlier state stays readable."""
    seen = target(repo, reference)
    base = commit_or_none(repo, seen)
    tree = edited(repo, base.tree if base else None, edits)
    if base and base.tree.id == tree:
        return base.id
    new = repo.create_commit(None, who, who, message, tree, [seen] if seen is not None else [])
    move(repo, reference, new, seen)
    return new


def document(repo: pygit2.Repository, reference: str, name: str) -> bytes | None:
    """Return a document kept under a reference."""
    commit = commit_or_none(repo, target(repo, reference))
    if commit is None or name not in commit.tree:
        return None
    blob = commit.tree[name]
    return blob.data if isinstance(blob, pygit2.Blob) else None


def extend(
    repo: pygit2.Repository,
    reference: str,
    edits: Iterable[Edit],
    message: str,
    *,
    base: str | None,
    who: pygit2.Signature,
) -> pygit2.Oid:
    """Commit edits onto a branch that is still at `base`; the very commit a killed call left is adopted."""
    if not pygit2.reference_is_valid_name(reference):
        raise PermanentError(f"{reference.removeprefix('refs/heads/')[:80]!r} is not a branch name")
    parent = commit_at(repo, base) if base is not None else None
    tree = edited(repo, parent.tree if parent else None, edits)
    parents = [parent.id] if parent else []
    seen = target(repo, reference)
    last = commit_at(repo, str(seen)) if seen is not None else None
    if last and (last.parent_ids, last.tree.id, last.message) == (parents, tree, message):
        return last.id
    if parent is not None and tree == parent.tree.id and seen == parent.id:
        return parent.id
    if seen != (parent.id if parent else None):
        raise moved(reference, parent.id if parent else None, seen)
    new = repo.create_commit(None, who, who, message, tree, parents)
    move(repo, reference, new, seen)
    return new


def tags(repo: pygit2.Repository, prefix: str) -> list[Tag]:
    """Return annotated tags under a path prefix, by the number that ends their name."""
    under = "refs/tags/" + (f"{prefix.rstrip('/')}/" if prefix else "")
    found = [(name.removeprefix("refs/tags/"), repo[oid]) for name in names(repo, under) if (oid := target(repo, name))]
    annotated = [
        Tag(name=name, commit=commit_oid(tag.target), message=tag.message or "", at=when(tag))
        for name, tag in found
        if isinstance(tag, pygit2.Tag)
    ]
    return sorted(annotated, key=lambda tag: (number_of(tag.name), tag.name))


def number_of(name: str) -> int:
    last = name.rpartition("/")[2]
    return int(last) if last.isascii() and last.isdigit() else -1


def tag(repo: pygit2.Repository, name: str, commit: str, message: str, who: pygit2.Signature) -> None:
    """Create an annotated tag; the same tag twice is fine, another under its name is refused."""
    reference = f"refs/tags/{name}"
    if not pygit2.reference_is_valid_name(reference):
        raise PermanentError(f"{name[:80]!r} is not a tag name")
    oid = commit_at(repo, commit).id
    seen = target(repo, reference)
    if seen is None:
        await_reference(repo, reference)
        repo.create_tag(name, oid, ObjectType.COMMIT, who, message)
        return
    kept = repo[seen]
    if not isinstance(kept, pygit2.Tag) or (kept.target, kept.message) != (oid, message):
        raise PermanentError(f"tag {name!r} exists with other content", next_step="use the next number")
