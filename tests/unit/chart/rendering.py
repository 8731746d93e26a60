"""The chart under test, and Helm to render it with."""

import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from built import built
from headgate.cli.charting import CHART, template

ROOT = Path(__file__).parents[3]
CHARTS = ROOT / CHART
PROFILES = Path(__file__).parent / "profiles"
NAMES = sorted(path.name for path in PROFILES.iterdir())
Manifest = dict[str, Any]


def helm() -> str:
    """Return Helm."""
    return built("helm")


def rendered(profile: str | Path, *more: str, release: str = "flights") -> list[Manifest]:
    """Return the objects that the chart makes of a profile."""
    folder = PROFILES / profile if isinstance(profile, str) else profile
    text = template(helm(), CHARTS, folder, *more, release=release)
    return [found for found in yaml.safe_load_all(text) if found]


@cache
def objects(profile: str) -> tuple[Manifest, ...]:
    """Return a profile's objects, rendered once."""
    return tuple(rendered(profile))


def one(
    manifests: Iterator[Manifest] | tuple[Manifest, ...] | list[Manifest], kind: str, name: str = "flights"
) -> Manifest:
    """Return the one object of a kind and a name."""
    (found,) = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def edited(folder: Path, profile: str, changes: Mapping[str, Mapping[str, Any]]) -> Path:
    """Return a copy of a profile with some top keys changed, by file; None takes a key away."""
    shutil.copytree(PROFILES / profile, folder / profile)
    for file, keys in changes.items():
        path = folder / profile / file
        values = yaml.safe_load(path.read_text()) or {}
        kept = {key: value for key, value in {**values, **keys}.items() if value is not None}
        path.write_text(yaml.safe_dump(kept))
    return folder / profile
