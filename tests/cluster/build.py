"""Builds the pinned programs into the cache, each once; a killed build goes on where it stopped."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from cluster.alone import alone
from cluster.pins import Program, cache, programs
from cluster.process import processes
from cluster.progress import Progress

SHORT_BYTES = 20 * 2**30  # less free disk than this empties Go's caches between two programs


def build(names: Iterable[str] = ()) -> None:
    """Make sure that the named programs (all, when none is named) stand in the cache, and link them into its `bin/`."""
    table = programs()
    wanted = [table[name] for name in (list(names) or table)]
    with alone("building"):
        missing = [program for program in wanted if not program.folder.exists()]
        with Progress(len(missing)) as progress:
            for program in wanted:
                if program in missing:
                    _build(program, progress)
                _link(program)


def _build(program: Program, progress: Progress) -> None:
    work = cache() / "building" / program.name
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(program.wrapper, work)
    (work / "out" / "bin").mkdir(parents=True)
    progress.start(f"{program.name} {program.version}: modules")
    source = _source(program, work) if program.keep or program.links else work
    if program.main:
        packages = _go(program, work, "list", "-deps", *program.main.values()).count("\n")
        progress.start(f"{program.name} {program.version}", packages)
    for name, package in program.main.items():
        _compile(program, work, name, package, progress)
    for kept in program.keep:
        _keep(source / kept, work / "out" / "files" / kept)
    for old in cache().glob(f"{program.name}-????????????"):
        if not _runs(old):
            shutil.rmtree(old)
    (work / "out").rename(program.folder)
    shutil.rmtree(work)
    _empty_when_short()
    progress.finish()


def _runs(folder: Path) -> bool:
    """Tell whether the cluster that runs was started from this folder."""
    return any(str(folder) in word for process in processes().values() for word in process.command)


def _source(program: Program, work: Path) -> Path:
    """Return the module's folder: Go's own, or a copy when the zip lost symlinks."""
    _go(program, work, "mod", "download", program.module)
    module = Path(_go(program, work, "list", "-m", "-f", "{{.Dir}}", program.module).strip())
    if not program.links:
        return module
    shutil.copytree(module, work / "source", copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", work / "source"], check=True)
    for path, target in program.links.items():
        (work / "source" / path).symlink_to(target)
    _go(program, work, "mod", "edit", f"-replace={program.module}=./source")
    return work / "source"


def _compile(program: Program, work: Path, name: str, package: str, progress: Progress) -> None:
    flags = [
        "-s",
        "-w",
        *(flag.format(version=program.version, number=program.version[1:]) for flag in program.ldflags),
    ]
    command = [
        "go",
        "build",
        "-v",
        "-o",
        f"out/bin/{name}",
        f"-ldflags={' '.join(flags)}",
        f"-tags={','.join(program.tags)}",
        package,
    ]
    with subprocess.Popen(command, cwd=work, env=_environment(program), stderr=subprocess.PIPE, text=True) as go:
        said = [line for line in go.stderr or () if not progress.advance(line)]
    if go.returncode:
        raise RuntimeError(f"go build of {name} failed:\n{''.join(said[-40:])}")


def _go(program: Program, work: Path, *command: str) -> str:
    done = subprocess.run(
        ["go", *command], check=False, cwd=work, env=_environment(program), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"go {' '.join(command)} failed for {program.name}: {done.stderr[-2000:]}")
    return done.stdout


def _environment(program: Program) -> dict[str, str]:
    """Go's caches are our own, so that emptying them takes nothing from anybody else."""
    ours = {
        "GOFLAGS": "-mod=mod -trimpath -buildvcs=false",
        "GOMODCACHE": str(cache() / "go" / "modules"),
        "GOCACHE": str(cache() / "go" / "build"),
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "1" if program.cgo else "0",
        "GOGC": "400",  # a fifth of the compiler's time is collecting garbage that a node's memory has room for
    }
    return os.environ | ours


def _keep(source: Path, target: Path) -> None:
    """Copy without the module cache's read-only modes."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    subprocess.run(["chmod", "-R", "u+w", target], check=True)


def _empty_when_short() -> None:
    if shutil.disk_usage(cache()).free < SHORT_BYTES:
        shutil.rmtree(cache() / "go" / "build", ignore_errors=True)
    if shutil.disk_usage(cache()).free < SHORT_BYTES:
        modules = os.environ | {"GOMODCACHE": str(cache() / "go" / "modules")}
        subprocess.run(["go", "clean", "-modcache"], check=True, env=modules)


def _link(program: Program) -> None:
    folder = cache() / "bin"
    folder.mkdir(exist_ok=True)
    for name in program.main:
        fresh = folder / f".{name}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(program.folder / "bin" / name)
        fresh.rename(folder / name)
