"""Rows of figures to bench/results.json and bench/RESULTS.md; each benchmark owns one section of both."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Row:
    """One figure: ours beside a peer's, in one interleaved run."""

    row: str
    unit: str
    ours: float
    peer: float
    ratio: float
    """Median over the rounds of ours / peer."""
    spread: tuple[float, float]
    """The smallest and largest ratio of a round."""
    target: str | None
    """`>= 5` or `<= 0.3`; none: told, not promised."""
    met: bool | None
    remark: str = ""


def row(name: str, unit: str, pairs: Sequence[tuple[float, float]], target: str | None, remark: str = "") -> Row:
    """Return the row of some rounds' (ours, peer).

    >>> row("speed", "a second", [(10, 2), (12, 2), (9, 3)], ">= 5").met
    True
    """
    ratios = sorted(ours / peer for ours, peer in pairs)
    ratio = median(ratios)
    return Row(
        row=name,
        unit=unit,
        ours=round(median(ours for ours, _ in pairs), 4),
        peer=round(median(peer for _, peer in pairs), 4),
        ratio=round(ratio, 3),
        spread=(round(ratios[0], 3), round(ratios[-1], 3)),
        target=target,
        met=keeps(ratio, target) if target else None,
        remark=remark,
    )


def keeps(ratio: float, target: str) -> bool:
    """Say whether a ratio keeps to `>= x` or `<= x`."""
    sign, bound = target.split()
    return ratio >= float(bound) if sign == ">=" else ratio <= float(bound)


def write(
    section: str, title: str, rows: Sequence[Row], versions: Sequence[str], text: str, *, at: str, folder: Path = HERE
) -> None:
    """Replace one benchmark's section in both files; `at` is the commit that stood when it began."""
    facts = {"section": section, "commit": at, "machine": machine(), "versions": list(versions)}
    place = folder / "results.json"
    others = [one for one in json.loads(place.read_text()) if one["section"] != section] if place.exists() else []
    mine = [{**asdict(one), **facts} for one in rows]
    place.write_text(json.dumps([*others, *mine], indent=1) + "\n")
    report = folder / "RESULTS.md"
    sections = (report.read_text() if report.exists() else HEAD).split("\n<!-- section: ")
    head, bodies = sections[0], {body.partition(" ")[0]: body for body in sections[1:]}
    about = f"{facts['machine']}. Commit {facts['commit']}. {', '.join(versions)}."
    content = "\n\n".join([f"## {title}", about, table(rows), text.strip()])
    bodies[section] = f"{section} -->\n\n{content}\n"
    report.write_text("\n<!-- section: ".join([head, *(bodies[name] for name in sorted(bodies))]))


HEAD = """# Results

Every figure is a ratio measured in one interleaved run (ours, peer, ours, peer, ...): absolute numbers are this
machine's at that hour. `make bench-serve` and `make bench-ring` write their sections anew; `results.json` has the same
rows.
"""


def table(rows: Sequence[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| | ours | peer | ratio (smallest - largest) | target | met |", "|---|---|---|---|---|---|"]
    for one in rows:
        met = {True: "yes", False: "**missed**", None: ""}[one.met]
        name = f"{one.row} ({one.remark})" if one.remark else one.row
        ratio = f"**{one.ratio:.3g}x** ({one.spread[0]:.3g} - {one.spread[1]:.3g})"
        figures = f"{figure(one.ours)} {one.unit} | {figure(one.peer)} {one.unit}"
        lines.append(f"| {name} | {figures} | {ratio} | {one.target + 'x' if one.target else ''} | {met} |")
    return "\n".join(lines)


def figure(value: float) -> str:
    """Return a number as people write it.

    >>> figure(12345.6), figure(0.1234)
    ('12,346', '0.123')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def commit() -> str:
    """Return the commit that was measured; a `+` says that the tree had changes."""
    asked = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    return subprocess.run(asked, cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()


def machine() -> str:
    """Return the processor, cores, memory and Python."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = f"{os.cpu_count()} cores of {names[0] if names else platform.machine()}"
    return f"{cores}, {gigabytes:.0f} GB, Python {platform.python_version()}"
