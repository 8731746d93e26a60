"""The files of a new env repo that no service owns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal

import msgspec

from headgate.errors import UsageError, printable
from headgate.names import Name
from headgate.records.change import Edit
from headgate.specs.environment import Environment

Dialect = Literal["github", "gitea", "gitlab"]
CI: Mapping[Dialect, str] = {
    "github": ".github/workflows/env.yaml",
    "gitea": ".gitea/workflows/env.yaml",
    "gitlab": ".gitlab-ci.yml",
}
OWNERS: Mapping[Dialect, str] = {"github": "CODEOWNERS", "gitea": ".gitea/CODEOWNERS", "gitlab": "CODEOWNERS"}

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]*")
"""What needs no quotes in YAML, and can end none: addresses, names, images."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An environment's name and what its environment.yaml says."""

    name: Name
    environment: Environment


def repository(url: str, places: Sequence[Place], dialects: Iterable[Dialect], image: str) -> list[Edit]:
    """Return README, owners, CI and, for each environment, its Argo CD project and ApplicationSet.

    url: what Argo CD clones. image: what the CI runs in, Headgate's own.
    """
    chosen = tuple(dialects)
    edits = {"README.md": text("README.md")}
    for dialect in chosen:
        edits[OWNERS[dialect]] = text("CODEOWNERS")
        edits[CI[dialect]] = text(CI[dialect], IMAGE=image)
    for place in places:
        edits[f"appsets/{place.name}.yaml"] = argo(url, place)
    return [Edit(path=path, text=written) for path, written in sorted(edits.items())]


def argo(url: str, place: Place) -> str:
    """Return an environment's AppProject and ApplicationSet."""
    words = {
        "REPOSITORY": url,
        "ENVIRONMENT": str(place.name),
        "CLUSTER": place.environment.cluster,
        "NAMESPACE": place.environment.namespace,
    }
    parts = (text(f"environment/{name}.yaml", **words) for name in ("project", "applications"))
    return "---\n".join(parts)


def text(path: str, **words: str) -> str:
    """Return a file of this package with its capital words replaced, all at once."""
    for word, value in words.items():
        check(word, value)
    found: Traversable = files("headgate.scaffold") / "files"
    written = found.joinpath(*path.split("/")).read_text(encoding="utf-8")
    return re.sub("|".join(words), lambda match: words[match[0]], written) if words else written


def check(word: str, value: str) -> None:
    """Refuse what YAML could take for something else."""
    if not PLAIN.fullmatch(value):
        raise UsageError(f"{word.lower()} {printable(value)!r} cannot be written into YAML as it is")
