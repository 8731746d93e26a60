"""The report's plots: AUC by month, each window's metric, a canary's course."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from headgate.names import short
from headgate.records.story import LookNote, PromotionNote, Story, WindowPoint
from headgate.show.page.markup import Markup, element
from headgate.show.page.svg import WIDTH, Frame, drawn, label, room
from headgate.wording import interval, number, percent, title

LEGEND_STEP = 118
FEWEST_LOOKS = 2
LOOKS_DRAWN = 60


def months(story: Story) -> Markup:
    """Return AUC by month: what was served beside the frozen first model, on the same rows."""
    ring, frozen = (points(story.auc.get(arm, {})) for arm in ("ring", "frozen"))
    if not ring:
        return element("p", "No month has labelled answers yet.")
    first, last = min(at for at, _, _ in ring), max(at for at, _, _ in ring)
    half = timedelta(days=15).total_seconds()
    frame = Frame((first - half, last + half), room([value for _, value, _ in (*ring, *frozen)]))
    marks = [*frame.grid(), *frame.months(), *promoted(frame, story.promotions)]
    for name, arm in (("frozen", frozen), ("ring", ring)):
        marks.append(frame.path([(at, value) for at, value, _ in arm], f"line {name}"))
        marks += [frame.dot(at, value, f"dot {name}", f"{month}: {name} {value:.3f}") for at, value, month in arm]
    marks += legend(frame, ["ring", "frozen"])
    described = f"{len(ring)} months from {ring[0][2]} to {ring[-1][2]}; the table below has every number"
    return frame.picture("AUC by month, served and frozen", described, *marks)


def points(by_month: dict[str, float]) -> list[tuple[float, float, str]]:
    """Return (middle of the month, value, month) of each."""
    return [(middle(month), value, month) for month, value in sorted(by_month.items())]


def middle(month: str) -> float:
    year, _, number_of = month.partition("-")
    return datetime(int(year), int(number_of), 16, tzinfo=UTC).timestamp()


def promoted(frame: Frame, promotions: Iterable[PromotionNote]) -> list[Markup]:
    """Return a mark for each promotion after the plot's beginning."""
    inside = [one for one in promotions if frame.x.low < one.live_at.timestamp() < frame.x.high]
    return [mark for one in inside for mark in frame.mark(one.live_at.timestamp(), told(one))]


def told(one: PromotionNote) -> str:
    return f"#{one.pull_request} {short(one.model)[:6]}"


def legend(frame: Frame, names: Sequence[str]) -> list[Markup]:
    """Return the lines' names beside a piece of each."""
    marks = []
    for at, name in enumerate(names):
        x, y = WIDTH - LEGEND_STEP * (len(names) - at), frame.height - 36
        marks.append(element("line", x1=x, x2=x + 22, y1=y, y2=y, class_=f"line {name}"))
        marks.append(label(x + 28, y + 4, name))
    return marks


def windows(story: Story, metric: str) -> Markup:
    """Return one metric of every matured window with its interval, beside what the model had at the gate."""
    found = [one for one in story.windows if one.metric == metric]
    times = [one.end.timestamp() for one in found]
    values = [value for one in found for value in (one.low, one.high, one.reference)]
    frame = Frame(room(times, 0.02), room(values))
    marks = [*frame.grid(), *frame.months(), *promoted(frame, story.promotions)]
    marks += [frame.path(steps, "line reference") for steps in references(found)]
    for one in found:
        marks.append(whisker(frame, one))
        marks.append(frame.dot(one.end.timestamp(), one.value, fired(one), window_told(one), 4.5 if one.fired else 3))
    count = sum(one.fired for one in found)
    described = f"{len(found)} windows, {count} of them fired; the table below has every number"
    return frame.picture(f"{title(metric)} by window", described, *marks)


def references(found: Sequence[WindowPoint]) -> list[list[tuple[float, float]]]:
    """Return a level line for each stretch of windows with one model."""
    stretches: list[list[WindowPoint]] = []
    for one in found:
        if not stretches or stretches[-1][-1].model != one.model:
            stretches.append([])
        stretches[-1].append(one)
    week = timedelta(days=3).total_seconds()
    return [
        [(part[0].end.timestamp() - week, part[0].reference), (part[-1].end.timestamp() + week, part[-1].reference)]
        for part in stretches
    ]


def whisker(frame: Frame, one: WindowPoint) -> Markup:
    x = frame.x.at(one.end.timestamp())
    return element("line", x1=x, x2=x, y1=frame.y.at(one.low), y2=frame.y.at(one.high), class_=f"whisker {fired(one)}")


def fired(one: WindowPoint) -> str:
    return "fired" if one.fired else "quiet"


def window_told(one: WindowPoint) -> str:
    bounds = interval(one.low, one.high)
    return f"{one.end:%Y-%m-%d}: {number(one.value)} {bounds}, at the gate {number(one.reference)}"


def course(looks: Sequence[LookNote], question: str) -> Markup | None:
    """Return how the bounds of a question's share moved from look to look, beside its limit; one look is no course."""
    found = [one for one in looks if one.question == question and one.requests and one.low is not None]
    if len(found) < FEWEST_LOOKS:
        return None
    found = [found[at] for at in evenly(len(found), LOOKS_DRAWN)]
    begin = min(one.wall_seconds for one in looks)
    end = max(one.wall_seconds for one in looks)
    top = max(0.05, *(one.bad / one.requests for one in found), *(one.limit for one in found))
    frame = Frame((0.0, max(end - begin, 0.1)), (0.0, min(top * 1.15, 1.0)), height=190)
    marks = [*frame.grid(" %", 100), *frame.seconds(), limit(frame, found[0].limit), *weights(frame, found, begin)]
    for one in found:
        x, share = one.wall_seconds - begin, one.bad / one.requests
        at = frame.x.at(x)
        bounds = interval(one.low, one.high)
        words = f"{x:.1f} s: {one.bad:,} of {one.requests:,} ({percent(share)} {bounds})"
        class_ = "fired" if one.low is not None and one.low > one.limit else "quiet"
        low, high = frame.y.at(one.low or 0.0), frame.y.at(one.high if one.high is not None else 1.0)
        marks.append(element("line", x1=at, x2=at, y1=low, y2=high, class_=f"whisker {class_}"))
        marks.append(drawn("circle", words, cx=at, cy=frame.y.at(share), r=3, class_=class_))
    told_ = f"{len(found)} looks; anytime bounds of the share, and the limit of {percent(found[0].limit)}"
    return frame.picture(f"{question}: share of bad answers", told_, *marks)


def evenly(count: int, most: int) -> list[int]:
    """Return at most `most` of `count` positions, the first and the last among them.

    >>> evenly(7, 3), evenly(2, 3)
    ([0, 3, 6], [0, 1])
    """
    return list(range(count)) if count <= most else [at * (count - 1) // (most - 1) for at in range(most)]


def limit(frame: Frame, share: float) -> Markup:
    x1, x2, y = frame.x.start, frame.x.end, frame.y.at(share)
    return drawn("line", f"limit {percent(share)}", x1=x1, x2=x2, y1=y, y2=y, class_="line limit")


def weights(frame: Frame, looks: Sequence[LookNote], begin: float) -> list[Markup]:
    """Return a mark where each weight's looks begin."""
    first: dict[int, float] = {}
    for one in looks:
        first.setdefault(one.weight, one.wall_seconds - begin)
    return [mark for weight, at in first.items() for mark in frame.mark(at, f"{weight} %")]
