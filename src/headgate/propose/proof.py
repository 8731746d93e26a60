"""A failed canary as tables and a small plot: what a revert shows."""

from collections.abc import Sequence

from headgate.names import short
from headgate.propose.words import code, escape, table
from headgate.records.live import Analysis, Answer, Revision
from headgate.wording import percent, sparkline


def failing(analysis: Analysis) -> list[Answer]:
    """Return the answers that failed it."""
    return [answer for answer in analysis.answers if answer.outcome == "fail"]


def sentence(analysis: Analysis) -> str:
    """Return why a canary failed, for the ban and the body's first line."""
    told = [f"{one.question}, {seen(one)}; stable {percent(one.stable_share)}" for one in failing(analysis)]
    return f"canary failed at {analysis.weight} %: " + ("; ".join(told) or "no question says why")


def seen(answer: Answer) -> str:
    allowed = f"{answer.bad:,} of {answer.requests:,} answers were bad, {percent(answer.limit)} is allowed"
    return answer.detail or allowed


def met(analyses: Sequence[Analysis]) -> tuple[int, int]:
    """Return how many requests met the failed revision in all its steps, and how many of them broke a limit.

    An analysis counts from its step's beginning, so a step's last one has all of its requests.
    """
    steps = {one.started_at: one for one in sorted(analyses, key=lambda one: one.ended_at)}
    bad = [max((answer.bad for answer in one.answers), default=0) for one in steps.values()]
    return sum(one.canary_requests for one in steps.values()), sum(bad)


def answers(analysis: Analysis) -> list[str]:
    """Return every question's numbers beside stable's."""
    rows = [
        (
            escape(one.question, 60),
            f"{one.bad:,} of {one.requests:,}: {percent(one.share)} {bounds(one)}".strip(),
            percent(one.stable_share),
            percent(one.limit),
            f"**{one.outcome}**" if one.outcome == "fail" else one.outcome,
            escape(one.detail),
        )
        for one in analysis.answers
    ]
    return table(("question", "canary: bad answers", "stable", "allowed", "", ""), rows)


def bounds(answer: Answer) -> str:
    return "" if answer.low is None or answer.high is None else f"[{percent(answer.low)}, {percent(answer.high)}]"


def plot(analyses: Sequence[Analysis]) -> list[str]:
    """Return each failed question's shares over the canary's analyses, canary above stable, in one scale."""
    lines = []
    for question in [one.question for one in failing(analyses[-1])]:
        found = [one for analysis in analyses for one in analysis.answers if one.question == question]
        canary, stable = [one.share for one in found], [one.stable_share for one in found]
        top = max([share for share in (*canary, *stable) if share is not None], default=0.0)
        lines += [
            f"{question[:20]:<20} at {', '.join(f'{one.weight} %' for one in analyses)}",
            f"  canary {sparkline(canary, top)} {percent(canary[-1])}",
            f"  stable {sparkline(stable, top)} {percent(stable[-1])}",
        ]
    return ["```text", *(line.replace("`", "'") for line in lines), "```"] if lines else []


def differences(failed: Revision, healthy: Revision | None) -> list[str]:
    """Return what the failed revision changed, a line each."""
    if healthy is None:
        return [f"- nothing was live before {code(short(failed.model))}"]
    pairs = (
        ("model", short(failed.model), short(healthy.model)),
        ("serving settings", short(failed.settings), short(healthy.settings)),
        ("chart", failed.chart, healthy.chart),
    )
    return [f"- {what}: {code(old)} → {code(new)}" for what, new, old in pairs if new != old]
