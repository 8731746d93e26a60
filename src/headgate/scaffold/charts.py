"""The chart of a served model, as it is vendored into an env repo: charts/headgate-service/<version>/."""

import re
from pathlib import Path

from headgate.errors import PermanentError
from headgate.records.change import Edit

NAME = "headgate-service"
PACKAGE = Path(__file__).parents[1]
WITHIN = PACKAGE / "charts" / NAME
"""Where the wheel has it."""
CHECKOUT = PACKAGE.parents[1] / "charts" / NAME
"""Where Headgate's own repository has it, which an editable install runs from."""


def source() -> Path:
    """Return the folder the chart is copied from."""
    found = next((folder for folder in (WITHIN, CHECKOUT) if (folder / "Chart.yaml").is_file()), None)
    if found is None:
        raise PermanentError(
            f"this installation has no chart {NAME!r}", next_step="install Headgate's wheel, or run from its repository"
        )
    return found


def version() -> str:
    """Return the chart's version."""
    found = re.search(r"^version: (\S+)$", (source() / "Chart.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise PermanentError(f"{str(source() / 'Chart.yaml')!r} names no version")
    return found[1]


def vendored() -> list[Edit]:
    """Return the chart's files at their place in an env repo."""
    folder, place = source(), f"charts/{NAME}/{version()}"
    found = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [
        Edit(path=f"{place}/{path.relative_to(folder).as_posix()}", text=path.read_text(encoding="utf-8"))
        for path in found
    ]
