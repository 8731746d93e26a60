"""Which programs the cluster needs, at which version, and where their built form is kept."""

import hashlib
import json
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = Path(__file__).parent / "programs"


def cache() -> Path:
    """Return the folder that keeps built programs and images between runs."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headgate" / "cluster"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One Go module at its pin, with what is built and kept of it."""

    name: str
    main: dict[str, str]
    ldflags: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    cgo: bool = False

    @property
    def wrapper(self) -> Path:
        """The folder with the wrapper module."""
        return PROGRAMS / self.name

    @property
    def module(self) -> str:
        """The path of the module that is built."""
        return self._required()[0]

    @property
    def version(self) -> str:
        """The pinned version."""
        return self._required()[1]

    @property
    def digest(self) -> str:
        """Twelve digits that change whenever something that shapes the built files does."""
        pinned = [file.read_text() for file in sorted(self.wrapper.iterdir())]
        recipe = {key: value for key, value in vars(self).items() if value}
        return hashlib.sha256(json.dumps([pinned, recipe], sort_keys=True).encode()).hexdigest()[:12]

    @property
    def folder(self) -> Path:
        """Where the built form stands: `bin/` and `files/`; it is whole when it is there."""
        return cache() / f"{self.name}-{self.digest}"

    def _required(self) -> tuple[str, str]:
        """Read `require MODULE VERSION`; a wrapper that requires nothing is itself what is built."""
        words = [line.split() for line in (self.wrapper / "go.mod").read_text().splitlines()]
        required = next((line for line in words if line[:1] == ["require"]), ["", f"headgate.test/{self.name}", ""])
        return required[1], required[2]


def programs() -> dict[str, Program]:
    """Return every program of the table by name, in the order they are built."""
    table = tomllib.loads((PROGRAMS / "programs.toml").read_text())
    return {name: Program(name=name, **recipe) for name, recipe in table.items()}
