"""The service owner's own functions, from their own folder, and digests of what decides a run besides the data."""

import hashlib
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from headgate.errors import HeadgateError, PermanentError
from headgate.names import COMMIT_PATTERN, Commit, Digest, did_you_mean
from headgate.records.model import ServiceCode

CODE = {".py", ".yaml", ".yml", ".sql"}
NOT_CODE = {"__pycache__", "node_modules", "mlruns", "build", "dist"}

FOLDERS: set[str] = set()
"""Folders whose modules were loaded by this process: a module of one must not stand in for another's."""


def load(entry: str, folder: Path) -> Callable[..., Any]:
    """Return the function `pkg.module:function`, from the service's folder first, else from installed packages."""
    module_name, _, function_name = entry.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), function_name)):
        raise PermanentError(
            f"{entry!r} is not `module:function`", next_step='write it like "flights.features:features"'
        )
    module = import_from(module_name, folder.resolve(), entry)
    function = getattr(module, function_name, None)
    if function is None:
        known = sorted(name for name, value in vars(module).items() if callable(value) and not name.startswith("_"))
        raise PermanentError(
            f"module {module_name!r} has no function {function_name!r}.{did_you_mean(function_name, known)}",
            found=f"{module.__file__}: {', '.join(known[:20]) or 'no functions'}",
        )
    if not callable(function):
        raise PermanentError(f"{entry!r} is a {type(function).__name__}, expected a function")
    return function  # type: ignore[no-any-return]


def import_from(name: str, folder: Path, entry: str) -> ModuleType:
    forget_others(folder)
    refuse_taken(name.partition(".")[0], folder)
    with importable(folder):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as err:
            raise missing(err, name, folder, entry) from err
        except HeadgateError:
            raise
        except (Exception, SystemExit) as err:
            raise blamed(name, err) from err


def missing(err: ModuleNotFoundError, name: str, folder: Path, entry: str) -> PermanentError:
    absent = err.name or name
    if absent != name and not name.startswith(f"{absent}."):
        told = blamed(name, err)
        return PermanentError(told.message, found=told.found, next_step=f"install {absent!r}, or correct the import")
    known = modules(folder)
    return PermanentError(
        f"no module {name!r} for {entry!r}.{did_you_mean(name, known)}",
        found=f"{folder}: {', '.join(known[:20]) or 'no Python files'}",
    )


def forget_others(folder: Path) -> None:
    """Forget modules of other services' folders that this folder has its own of."""
    for name, module in list(sys.modules.items()):
        taken = has(folder, name.partition(".")[0]) and not is_in(module, folder)
        if taken and any(is_in(module, Path(known)) for known in FOLDERS):
            del sys.modules[name]


def refuse_taken(top: str, folder: Path) -> None:
    """Refuse a module of the folder whose name an imported package has already."""
    loaded = sys.modules.get(top)
    if loaded is not None and has(folder, top) and not is_in(loaded, folder):
        raise PermanentError(
            f"module {top!r} of {str(folder)!r} has the name of one that is imported already",
            found=str(getattr(loaded, "__file__", None) or "built in"),
            next_step="rename it, or put it in a package of the service's name",
        )


def has(folder: Path, top: str) -> bool:
    return (folder / f"{top}.py").is_file() or (folder / top).is_dir()


def is_in(module: ModuleType, folder: Path) -> bool:
    places = (getattr(module, "__file__", None), *getattr(module, "__path__", ()))
    return any(Path(place).is_relative_to(folder) for place in places if place)


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let `folder` be searched first while importing, and last from then on: their functions may import later."""
    importlib.invalidate_caches()
    path = str(folder)
    FOLDERS.add(path)
    sys.path[:] = [path, *(known for known in sys.path if known != path)]
    try:
        yield
    finally:
        sys.path.remove(path)
        sys.path.append(path)


def modules(folder: Path) -> list[str]:
    """Return the dotted names of the modules in a folder."""
    found = (path.relative_to(folder).with_suffix("") for path in files(folder) if path.suffix == ".py")
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in found)


def code_digest(folder: Path) -> Digest:
    """Return a digest of the service's own files (Python, YAML, SQL) and Headgate's version."""
    root = folder.resolve()
    sha256 = hashlib.sha256(f"headgate {headgate_version()}\n".encode())
    named = {path.relative_to(root).as_posix(): path for path in files(root)}
    for name in sorted(named):
        content = hashlib.sha256(named[name].read_bytes()).hexdigest()
        sha256.update(f"{content}  {name}\n".encode())
    return Digest(sha256.hexdigest())


def gather(service_file: Path) -> ServiceCode:
    """Return the service's own files, whose digest is `code_digest` of their folder."""
    root = service_file.resolve().parent
    named = {path.relative_to(root).as_posix(): path.read_bytes() for path in files(root)}
    return ServiceCode(headgate=headgate_version(), spec=service_file.name, files=named)


def files(root: Path) -> Iterator[Path]:
    """Yield the files of code under a folder: no hidden folders, caches, environments, or other repositories."""
    for place, folders, names in os.walk(root):
        here = Path(place)
        folders[:] = sorted(name for name in folders if is_ours(here / name))
        yield from (here / name for name in sorted(names) if Path(name).suffix in CODE and not name.startswith("."))


def is_ours(folder: Path) -> bool:
    foreign = any((folder / mark).exists() for mark in ("pyvenv.cfg", ".git", "HEAD"))
    return not folder.name.startswith(".") and folder.name not in NOT_CODE and not foreign


def checked_out(work_tree: Path) -> Commit:
    """Return the commit that a Git work tree has checked out."""
    git = work_tree / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        text = (git / head.removeprefix("ref: ")).read_text(encoding="utf-8") if head.startswith("ref: ") else head
    except OSError as err:
        raise PermanentError(
            f"{str(work_tree)!r} has no commit checked out: {err.strerror} of {err.filename!r}",
            next_step="give --checkout a Git work tree that was just cloned",
        ) from err
    if not re.fullmatch(COMMIT_PATTERN, text.strip()):
        raise PermanentError(f"HEAD of {str(work_tree)!r} names no commit", found=text[:80])
    return Commit(text.strip())


def headgate_version() -> str:
    try:
        return version("headgate")
    except PackageNotFoundError:
        return "unknown"


def lock_digest() -> Digest:
    """Return a digest of the Python version and of every installed package's name and version."""
    python = ".".join(map(str, sys.version_info[:3]))
    return Digest(hashlib.sha256("\n".join([f"python {python}", *sorted(installed())]).encode()).hexdigest())


def installed() -> set[str]:
    """Return `name-version` of the installed packages, read off the names of their metadata folders (PEP 427)."""
    places = [Path(place) for place in dict.fromkeys(sys.path) if place and place not in FOLDERS]
    names = (path.name for place in places if place.is_dir() for path in place.iterdir())
    return {name.rpartition(".")[0].lower() for name in names if name.endswith((".dist-info", ".egg-info"))}


def blamed(name: str, err: BaseException) -> PermanentError:
    from headgate.features import blame  # noqa: PLC0415 - brings polars, which digests of code do without

    return blame(f"importing {name!r}", err)
