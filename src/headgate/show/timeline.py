"""The demo as it happens: a line for each thing, and on a terminal a few lines below them that keep moving."""

import os
import sys
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headgate.records.live import ColumnDrift, DriftReport
from headgate.records.story import Hop, WindowPoint
from headgate.wording import interval, number, one_line, title

UPDATES_PER_SECOND = 4
PLAIN_WIDTH = 140
BAR_WIDTH = 40
DETAIL_WIDTH = 4000
COLOURS = {
    "pass": "green",
    "live": "green",
    "promoted": "green",
    "start_stable": "green",
    "merged": "green",
    "opened": "cyan",
    "started": "cyan",
    "advanced": "cyan",
    "start": "yellow",
    "inconclusive": "yellow",
    "fail": "red",
    "failed": "red",
    "error": "red",
    "refused": "red",
}


class WindowGlimpse(msgspec.Struct, frozen=True, kw_only=True):
    """The newest matured window."""

    model: str
    metric: WindowPoint | None
    drift: DriftReport


class Glimpse(msgspec.Struct, frozen=True, kw_only=True):
    """Where things stand at one moment."""

    start: datetime
    now: datetime
    """In event time."""
    end: datetime
    seconds: float
    """Wall time since the story began."""
    doing: str = ""
    """Verbs of the pipeline that run now."""
    canary: str = ""
    weight: int = 0
    sent: int = 0
    rows: int = 0
    failed: int = 0
    window: WindowGlimpse | None = None

    @property
    def share(self) -> float:
        """How much of the event time has passed, 0 to 1."""
        whole = (self.end - self.start).total_seconds()
        return min(max((self.now - self.start).total_seconds() / whole, 0.0), 1.0) if whole > 0 else 0.0


class Timeline:
    """Shows hops a line each; on a terminal also what `look` says, a few times a second."""

    def __init__(self, look: Callable[[], Glimpse], console: Console | None = None) -> None:
        self.look = look
        self.console = console or terminal()
        self.moves = moving(self.console)
        self.live: Live | None = None

    def __enter__(self) -> Self:
        if self.moves:
            self.live = Live(
                console=self.console,
                get_renderable=lambda: standing(self.look()),
                refresh_per_second=UPDATES_PER_SECOND,
                transient=True,
            )
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the moving part; what was told stays."""
        if self.live:
            self.live.stop()
            self.live = None

    def show(self, hop: Hop) -> None:
        """Print one hop: cut at the edge of a terminal, whole anywhere else."""
        if self.moves:
            self.console.print(line(hop), overflow="ellipsis", no_wrap=True)
        else:
            self.console.print(line(hop), soft_wrap=True)


def terminal() -> Console:
    """Return the console on stdout; a wide one where stdout is no terminal."""
    return Console() if sys.stdout.isatty() else Console(width=int(os.environ.get("COLUMNS", PLAIN_WIDTH)))


def moving(console: Console) -> bool:
    """Say whether anything may move: a person looks at a terminal that can."""
    return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal and "CI" not in os.environ


def line(hop: Hop) -> Text:
    """Return a hop as people read it: when it happened, what, how it went, the detail."""
    return Text.assemble(
        (f"{hop.wall_seconds:6.1f} s  ", "dim"),
        f"{hop.event_time:%m-%d}  ",
        (f"{hop.name:<9} ", "bold"),
        (f"{hop.outcome.replace('_', ' '):<12} ", COLOURS.get(hop.outcome, "")),
        one_line(hop.detail, DETAIL_WIDTH),
    )


def standing(now: Glimpse) -> RenderableType:
    """Return the moving part: progress over event time, traffic, requests, the newest window."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", width=10, no_wrap=True)
    rows.add_column(width=BAR_WIDTH, no_wrap=True)
    rows.add_column(no_wrap=True, overflow="ellipsis")
    rows.add_row(
        f"{now.now:%Y-%m-%d}",
        ProgressBar(total=1.0, completed=now.share, width=BAR_WIDTH),
        f"{now.share:4.0%}  {now.seconds:.0f} s" + (f"  running {now.doing}" if now.doing else ""),
    )
    rows.add_row("traffic", split_bar(now.weight), traffic(now))
    rows.add_row("requests", f"{now.sent:,} sent, {now.rows:,} rows", failures(now.failed))
    if now.window:
        metric, drift = window(now.window)
        rows.add_row("window", metric, drift)
    return rows


def split_bar(weight: int) -> Text:
    """Return the traffic as a bar: what stable takes, then what the canary takes."""
    canary = round(BAR_WIDTH * weight / 100)
    return Text.assemble(("█" * (BAR_WIDTH - canary), "blue"), ("▓" * canary, "yellow"))


def traffic(now: Glimpse) -> Text:
    if not now.canary:
        return Text("all to stable")
    return Text.assemble((f"canary {now.canary} {now.weight} %", "yellow"), f"  stable {100 - now.weight} %")


def failures(failed: int) -> Text:
    return Text(f"{failed:,} failed", style="red" if failed else "")


def window(seen: WindowGlimpse) -> tuple[Text, Text]:
    """Return the newest window's leading metric beside the gate's, and its drift."""
    metric, worst = seen.metric, furthest(seen.drift)
    words = (
        Text(f"{title(metric.metric)} {number(metric.value)} {interval(metric.low, metric.high)}") if metric else Text()
    )
    gate = f"{number(metric.reference)} at the gate  " if metric else ""
    drift = f"drift {seen.drift.outcome.replace('_', ' ')}"
    if worst:
        drift += f"; {worst.column} {times(worst):.1f} times its limit"
    if metric and metric.fired:
        words.stylize("red")
    return words, Text(gate + drift)


def furthest(report: DriftReport) -> ColumnDrift | None:
    """Return the column that is furthest beyond its limit, of those that count."""
    known = [one for one in report.columns if one.distance is not None and not one.expected]
    return max(known, key=times, default=None)


def times(column: ColumnDrift) -> float:
    """Return a column's distance in multiples of the limit that it must pass to count as drifted."""
    limit = max(column.null_limit or 0.0, column.effect_limit)
    return (column.distance or 0.0) / limit if limit > 0 else 0.0
