"""Headgate's charts, as they are vendored into an env repo: charts/<name>/<version>/."""

import re
from collections.abc import Iterator
from pathlib import Path

from headgate.errors import PermanentError
from headgate.records.change import Edit

SERVICE, PLATFORM = "headgate-service", "headgate-platform"
PACKAGE = Path(__file__).parents[1]
WITHIN = PACKAGE / "charts"
"""Where the wheel has them."""
CHECKOUT = PACKAGE.parents[1] / "charts"
"""Where Headgate's own repository has them, which an editable install runs from."""


def source(chart: str = SERVICE) -> Path:
    """Return the folder a chart is copied from."""
    found = next((folder / chart for folder in (WITHIN, CHECKOUT) if (folder / chart / "Chart.yaml").is_file()), None)
    if found is None:
        raise PermanentError(
            f"this installation has no chart {chart!r}",
            next_step="install Headgate's wheel, or run from its repository",
        )
    return found


def version(chart: str = SERVICE) -> str:
    """Return a chart's version."""
    path = source(chart) / "Chart.yaml"
    found = re.search(r"^version: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise PermanentError(f"{str(path)!r} names no version")
    return found[1]


def vendored() -> list[Edit]:
    """Return the charts' files at their place in an env repo."""
    return [edit for chart in (SERVICE, PLATFORM) for edit in copied(source(chart), f"charts/{chart}/{version(chart)}")]


def copied(folder: Path, place: str) -> Iterator[Edit]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        yield Edit(path=f"{place}/{path.relative_to(folder).as_posix()}", text=path.read_text(encoding="utf-8"))
