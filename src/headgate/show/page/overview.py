"""The report's beginning: the story in a sentence, its numbers, what happened when, AUC by month."""

from headgate.records.story import Story
from headgate.show.chapters import Chapter, chapters
from headgate.show.page import plots
from headgate.show.page.markup import Child, Markup, element, joined, table


def summary(story: Story) -> Markup:
    """Return the story in a sentence."""
    sent = story.requests
    lived = len(story.promotions)
    aborted = len({one.commit for one in story.analyses if one.outcome == "fail"})
    taken_back = f", {count(aborted, 'canary', 'canaries')} aborted and taken back" if aborted else ""
    were = "was" if len(story.refusals) == 1 else "were"
    told = (
        f"{count(lived, 'model')} reached {story.environment} through gate and pull request; "
        f"{count(len(story.refusals), 'attempt')} {were} refused{taken_back}. "
        f"{sent.rows:,} rows were answered in {sent.sent:,} requests, "
        f"{sent.failed_outside_fault:,} of which failed outside the planned fault."
    )
    return element("p", told, class_="lede")


def count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def figures(story: Story) -> Markup:
    """Return the numbers that one looks for first."""
    gain = advantage(story)
    sent = story.requests
    pairs = [
        ("promotions", f"{len(story.promotions)}"),
        ("refusals", f"{len(story.refusals)}"),
        ("AUC over the frozen model", "-" if gain is None else f"{gain:+.3f}"),
        ("failed outside the fault", f"{sent.failed_outside_fault:,}"),
        ("failed in the fault", f"{sent.failed_in_fault:,}"),
        ("answers the fault spoiled", f"{sent.spoiled_in_fault:,}"),
    ]
    return element(
        "dl", *(element("div", element("dt", name), element("dd", told)) for name, told in pairs), class_="figures"
    )


def advantage(story: Story) -> float | None:
    """Return the mean difference to the frozen model by rows, over the months in which another one served."""
    ring, frozen = story.auc.get("ring", {}), story.auc.get("frozen", {})
    months = [month for month in ring if month in frozen and ring[month] != frozen[month]]
    rows = sum(story.rows_by_month.get(month, 0) for month in months)
    if not rows:
        return None
    return sum((ring[month] - frozen[month]) * story.rows_by_month.get(month, 0) for month in months) / rows


def happened(story: Story) -> Markup:
    """Return what happened when."""
    return element("ol", *(chapter(one) for one in chapters(story)), class_="timeline")


def chapter(one: Chapter) -> Markup:
    tone = next((tone for tone in ("bad", "good") if any(line.tone == tone for line in one.lines)), "plain")
    when = element("time", f"{one.at:%d %b}", datetime=f"{one.at:%Y-%m-%dT%H:%M}", title=f"{one.at:%Y-%m-%d %H:%M}")
    lines = joined(element("p", *emphasised(line.text, line.tone), class_=line.tone) for line in one.lines)
    return element("li", when, element("div", element("h3", one.event), lines), class_=tone)


def emphasised(text: str, tone: str) -> tuple[Child, str]:
    """Return a line with what it is about set apart from the rest, where that went well or badly."""
    if tone == "plain":
        return None, text.replace("   ", " · ")
    head, between, rest = text.partition("  ") if "  " in text.partition("   ")[0] else text.partition(": ")
    if not between:
        head, _, rest = text.partition("   ")
    return element("strong", head), f"{': ' if between == ': ' else ' '}{rest.strip()}".replace("   ", " · ")


def months(story: Story) -> Markup:
    """Return AUC by month as a plot and a table."""
    ring, frozen = story.auc.get("ring", {}), story.auc.get("frozen", {})
    rows = [
        (month, three(ring.get(month)), three(frozen.get(month)), difference(ring, frozen, month), f"{rows:,}")
        for month, rows in sorted(story.rows_by_month.items())
    ]
    words = "AUC of the logged answers by month, on the rows that both answered and whose labels came"
    plot = element("figure", element("div", plots.months(story), class_="wide", tabindex="0"))
    return joined([plot, table(("month", "ring", "frozen", "difference", "rows"), rows, caption=words, class_="slim")])


def three(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def difference(ring: dict[str, float], frozen: dict[str, float], month: str) -> str:
    return f"{ring[month] - frozen[month]:+.3f}" if month in ring and month in frozen else "-"


def requests(story: Story) -> Markup:
    """Return what the client counted."""
    sent = story.requests
    begin, end = sent.fault_from, sent.fault_to
    lasted = f"{begin:%H:%M:%S.%f}"[:-3] + f" … {end:%H:%M:%S.%f}"[:-3] + " UTC" if begin and end else "no fault"
    share = f" ({sent.spoiled_in_fault / sent.canary_plan:.1%})" if sent.canary_plan else ""
    rows = [
        ("requests sent, retries off", f"{sent.sent:,}"),
        ("rows answered", f"{sent.rows:,}"),
        ("failed outside the fault", f"{sent.failed_outside_fault:,}"),
        ("failed in the fault", f"{sent.failed_in_fault:,}"),
        ("answers that the fault spoiled", f"{sent.spoiled_in_fault:,}"),
        ("of the aborted canary's plan", f"{sent.canary_plan:,} requests{share}"),
        ("the fault was in, wall time", lasted),
    ]
    return table(("", "counted by the client"), rows, caption="Requests and failures", class_="facts")


def provenance(story: Story) -> Markup:
    """Return what made this report."""
    rows = [
        *story.provenance.items(),
        ("env repo folder", story.env_repo),
        ("seconds", f"{story.seconds:,.1f}"),
        ("peak memory of the process tree", f"{story.peak_rss_mb:,.0f} MB"),
    ]
    return table(
        ("", "value"), [(name, element("code", told)) for name, told in rows], caption="Provenance", class_="facts"
    )
