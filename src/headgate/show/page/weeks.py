"""The report's windows: each metric by week, and drift by column."""

from collections.abc import Sequence

from headgate.records.live import ColumnDrift, DriftReport
from headgate.records.story import Story
from headgate.show.page import plots
from headgate.show.page.markup import Markup, element, folded, joined, scrolling, table
from headgate.show.timeline import times
from headgate.wording import interval, number, title

MARKS = {"drifted": "drifted", "insufficient_data": "thin"}
WINDOWS_SHOWN = 60
LEVELS = (0.25, 0.5, 0.75, 1.0, 2.0)


def performance(story: Story) -> Markup:
    """Return a plot and a table of each metric by window."""
    metrics = dict.fromkeys(one.metric for one in story.windows)
    if not metrics:
        return element("p", "No window has matured yet.")
    told = "The line is what each model scored at the gate; a red window raised a signal. Intervals are clustered."
    shown = (part for metric in metrics for part in metric_by_window(story, metric))
    return joined([element("p", told, class_="soft"), *shown])


def metric_by_window(story: Story, metric: str) -> tuple[Markup, ...]:
    rows = [
        (
            f"{one.end:%Y-%m-%d}",
            number(one.value),
            interval(one.low, one.high),
            number(one.reference),
            "fired" if one.fired else "",
            element("code", one.model),
        )
        for one in story.windows
        if one.metric == metric
    ]
    heads = ("window ends", title(metric), "interval", "at the gate", "", "model")
    caption = f"{title(metric)} of each matured window"
    return (
        element("h3", title(metric)),
        element("figure", element("div", plots.windows(story, metric), class_="wide", tabindex="0")),
        folded("Numbers", table(heads, rows, caption=caption)),
    )


def drift(story: Story) -> Markup:
    """Return each column's distance in each window as a table of colours that is also one of numbers."""
    reports = story.drift[-WINDOWS_SHOWN:]
    if not reports:
        return element("p", "No window has been compared yet.")
    names = dict.fromkeys(column.column for report in reports for column in report.columns)
    heads = element("tr", element("td"), *(date(report) for report in reports))
    body = [element("tr", element("th", name, scope="row"), *(square(one, name) for one in reports)) for name in names]
    outcomes = element("tr", element("th", "window", scope="row"), *(verdict(report) for report in reports))
    caption = "Distance from the champion's training rows, in multiples of the column's limit, by week"
    inside = [element("caption", caption), element("thead", heads), element("tbody", *body, outcomes)]
    return joined([scrolling(element("table", *inside, class_="heat"), "drift by column and window"), key()])


def date(report: DriftReport) -> Markup:
    return element("th", element("span", f"{report.window.end:%d %b}"), scope="col")


def square(report: DriftReport, name: str) -> Markup:
    """Return one column in one window: a colour, a number, and the rest when pointed at."""
    column = next((one for one in report.columns if one.column == name), None)
    if column is None:
        return element("td", class_="none")
    many = times(column)
    class_ = "expected" if column.expected else MARKS.get(column.outcome) or f"d{level(many)}"
    return element("td", figure(column, many), class_=class_, title=told(column, report))


def figure(column: ColumnDrift, many: float) -> str:
    """Return a square's text; a column within its limit drifts by what is missing, infinite or unseen."""
    if column.distance is None:
        return "?"
    return "%" if column.outcome == "drifted" and many < 1 else f"{many:.1f}"


def level(many: float) -> int:
    return sum(many >= edge for edge in LEVELS)


def told(column: ColumnDrift, report: DriftReport) -> str:
    known = number(column.distance) if column.distance is not None else column.reason
    return f"{known} {report.window.end:%d %b}" + (f" {column.reason}" if column.outcome == "drifted" else "")


def verdict(report: DriftReport) -> Markup:
    words = {"drifted": ("●", "drifted"), "stable": ("", "stable")}.get(report.outcome, ("?", report.outcome))
    return element("td", words[0], class_=f"of {MARKS.get(report.outcome, '')}".strip(), title=words[1])


def key() -> Markup:
    """Return what the colours mean."""
    words: Sequence[tuple[str, str]] = [
        ("d1", "a quarter of its limit"),
        ("d3", "three quarters"),
        ("d4", "beyond it, yet not alone enough"),
        ("drifted", "drifted; %: by what is missing, infinite or unseen"),
        ("expected", "a calendar column, takes no part"),
        ("thin", "too little to say"),
    ]
    return element("p", *(joined([element("i", class_=class_), f" {told} "]) for class_, told in words), class_="key")


def signals(story: Story) -> Markup:
    """Return the signals that fired."""
    fired = [one for one in story.signals if one.fired]
    rows = [(f"{one.window.end:%Y-%m-%d}", one.cause, one.rule, one.detail) for one in fired]
    caption = f"{len(fired)} of {len(story.signals)} signals fired"
    return folded(caption, table(("window ends", "cause", "rule", "detail"), rows, caption="Signals that fired"))
