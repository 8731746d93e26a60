"""Trees without a checkout: apply edits, compare, merge."""

from collections.abc import Iterable, Iterator, Mapping

import pygit2
from pygit2.enums import FileMode

from headgate.desired import PROMOTION
from headgate.errors import PermanentError
from headgate.records.change import Edit

Parts = tuple[str, ...]
Changes = dict[str, tuple[pygit2.Oid, int] | None]
"""Path → (blob, mode) as it is now, None when it is gone."""


def edited(repo: pygit2.Repository, base: pygit2.Tree | None, edits: Iterable[Edit]) -> pygit2.Oid:
    """Write the tree that `base` becomes with `edits`."""
    contents = {parts(edit.path): None if edit.text is None else utf8(edit) for edit in edits}
    changes = {
        path: None if content is None else (repo.create_blob(content), int(FileMode.BLOB))
        for path, content in contents.items()
    }
    return written(repo, base, changes) or repo.TreeBuilder().write()


def written(
    repo: pygit2.Repository, base: pygit2.Tree | None, changes: Mapping[Parts, tuple[pygit2.Oid, int] | None]
) -> pygit2.Oid | None:
    """Write `base` with `changes`; None when nothing is left in it."""
    builder = repo.TreeBuilder(base) if base is not None else repo.TreeBuilder()
    below: dict[str, dict[Parts, tuple[pygit2.Oid, int] | None]] = {}
    for path, change in changes.items():
        below.setdefault(path[0], {})[path[1:]] = change
    for name, inner in below.items():
        if () in inner and len(inner) > 1:
            raise PermanentError(f"{name!r} cannot be a file and a folder at once")
        change = inner[()] if () in inner else folder(repo, base, name, inner)
        if change is not None:
            builder.insert(name, *change)
        elif builder.get(name) is not None:
            builder.remove(name)
    return builder.write() if len(builder) else None


def folder(
    repo: pygit2.Repository,
    base: pygit2.Tree | None,
    name: str,
    inner: Mapping[Parts, tuple[pygit2.Oid, int] | None],
) -> tuple[pygit2.Oid, int] | None:
    existing = base[name] if base is not None and name in base else None
    tree = written(repo, existing if isinstance(existing, pygit2.Tree) else None, inner)
    return None if tree is None else (tree, int(FileMode.TREE))


def parts(path: str) -> Parts:
    """Return a path's segments; refuse one that leaves the repository or that Git forbids."""
    segments = tuple(path.split("/"))
    forbidden = {"", ".", ".."}
    hostile = any(part in forbidden or part.lower() == ".git" or len(part.encode()) > 255 for part in segments)
    if hostile or "\\" in path or any(ord(char) < 32 for char in path) or len(path) > 1000:
        raise PermanentError(f"{path[:80]!r} is not a path inside the repository")
    return segments


def utf8(edit: Edit) -> bytes:
    try:
        return (edit.text or "").encode()
    except UnicodeEncodeError as err:
        raise PermanentError(f"the new text of {edit.path!r} is not valid Unicode") from err


def changed(old: pygit2.Tree, new: pygit2.Tree) -> Changes:
    """Return what each path that differs holds in `new`."""
    changes: Changes = {}
    for delta in old.diff_to_tree(new).deltas:
        for path in {delta.old_file.path, delta.new_file.path}:
            changes[path] = entry(new, path)
    return changes


def entry(tree: pygit2.Tree, path: str) -> tuple[pygit2.Oid, int] | None:
    """Return (object, mode) at a path, None when nothing is there."""
    try:
        found = tree[path]
    except KeyError:
        return None
    return found.id, int(found.filemode)


def holds(tree: pygit2.Tree, changes: Changes) -> bool:
    """Say whether every change is already in `tree`."""
    return all(entry(tree, path) == change for path, change in changes.items())


def merged(
    repo: pygit2.Repository, ancestor: pygit2.Tree, ours: pygit2.Tree, theirs: pygit2.Tree
) -> pygit2.Oid | list[str]:
    """Write `ours` with what `theirs` changed, or return the paths both sides changed.

    Whole files only: two version.yaml merged line by line would name a model that nobody judged.
    """
    changes = changed(ancestor, theirs)
    conflicts = [
        path
        for path, change in changes.items()
        if entry(ours, path) not in (entry(ancestor, path), change) or blocked(ours, ancestor, path, change)
    ]
    if conflicts:
        return sorted(conflicts)
    tree = written(repo, ours, {tuple(path.split("/")): change for path, change in changes.items()})
    return tree or repo.TreeBuilder().write()


def blocked(ours: pygit2.Tree, ancestor: pygit2.Tree, path: str, change: tuple[pygit2.Oid, int] | None) -> bool:
    """Say whether a file of ours stands where `path` needs a folder."""
    if change is None:
        return False
    folders = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
    found = [(entry(ours, name), entry(ancestor, name)) for name in folders]
    return any(now is not None and now[1] != FileMode.TREE and now != then for now, then in found)


def texts(tree: pygit2.Tree) -> dict[str, str]:
    """Return the texts that say what should run, by path; bytes that are no UTF-8 stay as surrogates."""
    blobs = {path: tree[path] for path in files(tree) if path == PROMOTION or path.startswith("env/")}
    return {
        path: blob.data.decode(errors="surrogateescape")
        for path, blob in blobs.items()
        if isinstance(blob, pygit2.Blob)
    }


def files(tree: pygit2.Tree, folder: str = "") -> Iterator[str]:
    """Yield the paths of all files in a tree."""
    for item in tree:
        path = f"{folder}{item.name}"
        if isinstance(item, pygit2.Tree):
            yield from files(item, f"{path}/")
        else:
            yield path
