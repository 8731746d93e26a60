"""The end of the demo on a terminal: what happened when, Git's proof, and AUC beside the frozen first model."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from headgate.errors import printable
from headgate.records.story import Story
from headgate.show.chapters import chapters
from headgate.wording import BARS

TONES = {"good": "green", "bad": "red", "plain": ""}
EVENT_WIDTH = 30


def show(story: Story, console: Console) -> None:
    """Print what happened when, the env repo's history, AUC by month, and what it cost."""
    parts = [happened(story), history(story.git_log), months(story), closing(story)]
    for part in parts:
        console.print()
        console.print(part)


def happened(story: Story) -> Table:
    """Return the story's chapters as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(f"{story.hops[0].event_time:%Y}" if story.hops else "", no_wrap=True)
    table.add_column("event", max_width=EVENT_WIDTH)
    table.add_column("what happened")
    for chapter in chapters(story):
        for at, line in enumerate(chapter.lines):
            heads = (f"{chapter.at:%m-%d}", Text(printable(chapter.event))) if at == 0 else ("", Text())
            table.add_row(*heads, Text(printable(line.text), style=TONES[line.tone]))
    return table


def history(git_log: str) -> Text:
    """Return the env repo's history with its live and aborted tags in colour."""
    text = Text("\n".join(printable(line).rstrip() for line in git_log.splitlines()))
    text.highlight_regex(r"tag: live/[^,)]*", "green")
    text.highlight_regex(r"tag: aborted/[^,)]*", "red")
    return text


def months(story: Story) -> Table:
    """Return AUC by month of the served models beside the frozen first one, on the same rows."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("month")
    for name in ("ring", "frozen", "difference", "rows"):
        table.add_column(name, justify="right")
    ring, frozen = story.auc.get("ring", {}), story.auc.get("frozen", {})
    for month, rows in story.rows_by_month.items():
        here, there = ring.get(month), frozen.get(month)
        gain = here - there if here is not None and there is not None else None
        table.add_row(month, three(here), three(there), f"{gain:+.3f}" if gain is not None else "-", f"{rows:,}")
    return table


def closing(story: Story) -> Text:
    """Return the last lines: AUC as a sparkline, requests, where the report is, seconds and megabytes."""
    ring, frozen = (list(story.auc.get(arm, {}).values()) for arm in ("ring", "frozen"))
    low, high = min([*ring, *frozen], default=0.0), max([*ring, *frozen], default=1.0)
    sent = story.requests
    return Text.assemble(
        "AUC  ring ",
        (spark(ring, low, high), "green"),
        "   frozen ",
        (spark(frozen, low, high), "dim"),
        f"   {low:.3f} … {high:.3f}\n",
        f"{sent.sent:,} requests of {sent.rows:,} rows, ",
        f"{sent.failed_outside_fault:,} failed; the bad settings spoiled {sent.spoiled_in_fault:,} answers, ",
        f"{sent.failed_in_fault:,} failed meanwhile\n",
        f"report {story.report}   {story.seconds:.0f} s, {story.peak_rss_mb:,.0f} MB",
    )


def spark(values: list[float], low: float, high: float) -> str:
    """Return values as bars between `low` and `high`.

    >>> spark([0.6, 0.65, 0.7], 0.6, 0.7)
    '▁▄█'
    """
    steps, width = len(BARS) - 1, high - low
    return "".join(BARS[int((value - low) / width * steps + 1e-9) if width > 0 else steps] for value in values)


def three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
