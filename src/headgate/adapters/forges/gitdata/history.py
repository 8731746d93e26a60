"""Walking main: its first-parent line is the history of what was desired."""

from collections.abc import Iterable, Iterator

import pygit2

from headgate.adapters.forges.gitdata import refs, trees


def touching(tip: pygit2.Commit, path: str) -> Iterator[pygit2.Commit]:
    """Yield the commits of the first-parent line that changed a file or folder, newest first."""
    for line in first_parents(tip):
        before = trees.entry(line.parents[0].tree, path) if line.parents else None
        if trees.entry(line.tree, path) != before:
            yield line


def fork(repo: pygit2.Repository, ours: pygit2.Oid, theirs: pygit2.Oid) -> pygit2.Commit | None:
    """Return the newest commit that both sides share."""
    shared: str = str(repo.merge_base(ours, theirs))
    return refs.commit_or_none(repo, shared)


def oldest(newest_first: Iterable[pygit2.Commit]) -> pygit2.Commit | None:
    last = None
    for last in newest_first:  # noqa: B007 - the last one is the answer
        pass
    return last


def reaches(repo: pygit2.Repository, tip: pygit2.Oid, commit: pygit2.Oid) -> bool:
    """Say whether `commit` is `tip` or one of its ancestors."""
    return tip == commit or repo.descendant_of(tip, commit)


def first_parents(tip: pygit2.Commit) -> Iterator[pygit2.Commit]:
    """Yield a commit and its first-parent ancestors, newest first."""
    line: pygit2.Commit | None = tip
    while line is not None:
        yield line
        line = line.parents[0] if line.parents else None
