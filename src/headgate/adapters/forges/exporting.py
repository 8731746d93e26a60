"""A commit's files written into a folder: what a checkout of it would hold, without Git's own program."""

from pathlib import Path

import pygit2

from headgate.errors import PermanentError


def base_of(checkout: Path, reference: str, folder: Path) -> str:
    """Write what the checkout's HEAD began from, on its way from `reference`, into `folder`; return that commit."""
    repo = opened(checkout)
    try:
        named = repo.revparse_single(reference).peel(pygit2.Commit)
    except (KeyError, ValueError, pygit2.GitError) as err:
        raise PermanentError(
            f"{reference!r} names no commit here", next_step="fetch it: a CI's checkout needs the whole history"
        ) from err
    found = repo.merge_base(repo.head.target, named.id)
    commit = repo[found] if found is not None else named
    write(repo, commit.peel(pygit2.Tree), folder)
    return str(commit.id)


def opened(checkout: Path) -> pygit2.Repository:
    try:
        return pygit2.Repository(str(checkout))
    except pygit2.GitError as err:
        raise PermanentError(
            f"{str(checkout)!r} is no Git checkout", next_step="leave --base out, or name a checkout"
        ) from err


def write(repo: pygit2.Repository, tree: pygit2.Tree, folder: Path) -> None:
    """Write files; a link becomes a file that says where it points, and other repositories are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in tree:
        place = folder / str(entry.name)
        if isinstance(entry, pygit2.Tree):
            write(repo, entry, place)
        elif isinstance(entry, pygit2.Blob):
            place.write_bytes(entry.data)
