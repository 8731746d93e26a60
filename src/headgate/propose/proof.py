"""A failed canary as tables and a small plot: what a revert shows."""

from collections.abc import Sequence

from headgate.names import short
from headgate.propose.words import code, escape, interval, percent, sparkline, table
from headgate.records.live import Analysis, Answer, Revision

SLOW_SHARE = "1 % slower than"


def failing(analysis: Analysis) -> list[Answer]:
    """Return the answers that failed it."""
    return [answer for answer in analysis.answers if answer.outcome == "fail"]


def sentence(analysis: Analysis) -> str:
    """Return why a canary failed, for the ban and the body's first line."""
    told = [
        f"{one.question} {percent(one.share)} of {one.requests:,} answers (allowed: {allowed(one)}; "
        f"stable {percent(one.stable_share)})"
        for one in failing(analysis)
    ]
    return f"canary failed at {analysis.weight} %: " + ("; ".join(told) or "no question says why")


def allowed(answer: Answer) -> str:
    """Return a question's limit as people read it."""
    if answer.question == "p99":
        return f"{SLOW_SHARE} {answer.limit:g} ms"
    return percent(answer.limit) if 0 < answer.limit < 1 else f"{answer.limit:g}"


def answers(analysis: Analysis) -> list[str]:
    """Return every question's numbers beside stable's."""
    rows = [
        (
            escape(one.question, 60),
            f"{one.bad:,} of {one.requests:,} ({percent(one.share)} {interval(one.low, one.high)})",
            percent(one.stable_share),
            allowed(one),
            f"**{one.outcome}**" if one.outcome == "fail" else one.outcome,
            escape(one.detail),
        )
        for one in analysis.answers
    ]
    return table(("question", "canary: bad answers", "stable", "allowed", "", ""), rows)


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
