"""An env repo as it lies in a person's folder: what its CI looks at before a merge."""

from collections.abc import Iterator
from pathlib import Path

from headgate.desired import PROMOTION
from headgate.errors import speaking


def texts(folder: Path) -> dict[str, str]:
    """Return the texts that say what should run, by path; bytes that are no UTF-8 stay as surrogates."""
    with speaking(f"read env repo {str(folder)!r}"):
        return {path.relative_to(folder).as_posix(): text_of(path) for path in files(folder)}


def files(folder: Path) -> Iterator[Path]:
    found = [folder / PROMOTION, *sorted((folder / "env").rglob("*"))]
    return (path for path in found if path.is_file() or path.is_symlink())


def text_of(path: Path) -> str:
    """Return a file's text; of a link where it points to, as Git keeps it: nothing outside is ever read."""
    if path.is_symlink():
        return str(path.readlink())
    return path.read_bytes().decode(errors="surrogateescape")
