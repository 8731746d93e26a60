"""Stories made by hand: a full year of one, and one whose every text is hostile."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from headgate.names import Commit, Digest, Name
from headgate.records.dataset import Check, Window
from headgate.records.judgement import Finding, Number
from headgate.records.live import Analysis, Answer, ColumnDrift, DriftReport, Revision, Signal
from headgate.records.story import (
    Hop,
    LookNote,
    PromotionNote,
    RefusalNote,
    Requests,
    SplitNote,
    Story,
    VerdictNote,
    WindowPoint,
)

START = datetime(2013, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
OLD, NEW = Digest("a" * 64), Digest("b" * 64)
GOOD, BAD = Commit("1" * 40), Commit("2" * 40)
COLUMNS = [f"column_{at}" for at in range(20)]
GIT_LOG = "\n".join(  # noqa: FLY002 - lines read better
    (
        "*   7f24516 (HEAD -> main) Merge #4: flights: REVERT",
        "|\\  ",
        "| * 5a16935 (revert/prod/flights/3254289ba56c) flights: REVERT",
        "|/  ",
        "*   3254289 (tag: aborted/prod/flights/1) Merge #3: settings",
        "* 76ffbe0 (tag: live/prod/flights/1) Begin",
    )
)


def window(week: int) -> Window:
    return Window(start=START + week * WEEK, end=START + (week + 1) * WEEK)


def hops(*told: tuple[str, str, str]) -> tuple[Hop, ...]:
    """Return (name, outcome, detail) as hops, a second and a day apart."""
    return tuple(
        Hop(name=name, event_time=START + timedelta(days=at), wall_seconds=float(at), outcome=outcome, detail=detail)
        for at, (name, outcome, detail) in enumerate(told)
    )


HOPS = hops(
    ("gate", "pass", f"{OLD[:12]}: every rule passes"),
    ("propose", "opened", "#1 flights → prod: PASS"),
    ("merge", "merged", "#1 by reviewer"),
    ("live", "started", f"{OLD[:12]}: the first deploy"),
    ("trigger", "start", "auc low in 2 of 3 windows: auc 0.61, 0.74 at the gate: worse by 0.13; gate rows from 02-01"),
    ("gate", "pass", f"{NEW[:12]}: every rule passes"),
    ("propose", "opened", "#2 flights → prod: PASS"),
    ("merge", "merged", "#2 by reviewer"),
    ("canary", "started", f"{NEW[:12]} at 10 %"),
    ("canary", "advanced", "10 % passed, now 25 %"),
    ("live", "promoted", f"{NEW[:12]}: all 2 steps passed"),
    ("settings", "merged", "#3 by operator: faults: {delay_ms: 400}"),
    ("canary", "started", f"{NEW[:12]} at 10 %"),
    ("abort", "fail", "4 of 4 answers were slower than the limit"),
    ("revert", "opened", "#4 flights → prod: REVERT"),
    ("merge", "merged", "#4 by rule"),
    ("settings", "refused", "faults: {delay_ms: 400}: banned with these settings"),
    ("validate", "fail", "distance is text"),
)


def analysis(commit: Commit, weight: int, outcome: str) -> Analysis:
    answer = Answer(
        question="p99",
        outcome="fail" if outcome == "fail" else "pass",
        bad=4 if outcome == "fail" else 0,
        requests=500,
        share=0.008 if outcome == "fail" else 0.0,
        low=0.002,
        high=0.014,
        limit=0.01,
        stable_share=0.0,
        detail="4 of 4 answers were slower than the limit",
    )
    return Analysis(
        service=Name("flights"),
        environment=Name("prod"),
        commit=commit,
        revision=Revision(model=NEW, settings=Digest("c" * 64), chart="0.1.0/0.1.0"),
        weight=weight,
        outcome="fail" if outcome == "fail" else "pass",
        answers=(answer,),
        started_at=START,
        ended_at=START + timedelta(hours=1),
        canary_requests=500,
        stable_requests=4500,
    )


def drift(week: int) -> DriftReport:
    columns = tuple(
        ColumnDrift(
            column=name,
            method="jensen_shannon",
            distance=0.05 * (1 + (week + at) % 5),
            null_limit=0.12,
            effect_limit=0.1,
            rows=6592,
            missing_share=0.0,
            unseen_share=0.0,
            outcome="drifted" if (week + at) % 5 == 4 else "stable",
            expected=at == 0,
        )
        for at, name in enumerate(COLUMNS)
    )
    return DriftReport(
        service=Name("flights"),
        environment=Name("prod"),
        window=window(week),
        reference=OLD,
        rows=6592,
        rows_needed=500,
        columns=columns,
        outcome="drifted" if week % 9 == 8 else "stable",
    )


def point(week: int, metric: str) -> WindowPoint:
    return WindowPoint(
        end=window(week).end,
        metric=metric,
        value=0.7 + 0.01 * (week % 7),
        low=0.65,
        high=0.8,
        reference=0.72,
        fired=week % 9 == 8,
        model=OLD[:12],
    )


def findings(count: int = 14) -> tuple[Finding, ...]:
    delta = Number(label="delta", value=0.01, low=0.002, high=0.018)
    candidate = Number(label="candidate", value=0.72)
    return tuple(
        Finding(
            rule="gain auc" if at == 0 else f"rule {at}",
            outcome="pass",
            reason="AUC +.010 [.002, .018] is better than the champion",
            limit="> 0",
            numbers=(candidate, delta) if at == 0 else (),
        )
        for at in range(count)
    )


def verdict(model: Digest, pull_request: int | None) -> VerdictNote:
    return VerdictNote(
        model=model,
        outcome="pass" if pull_request else "fail",
        policy="balanced@02c1fb7cf92d",
        look=1,
        alpha=0.05,
        judged_at=START,
        gate=window(3),
        gate_rows=19_283,
        train_end=START,
        champion=None,
        findings=findings(),
        pull_request=pull_request,
    )


def looks(commit: Commit, weight: int) -> tuple[LookNote, ...]:
    return tuple(
        LookNote(
            commit=commit,
            weight=weight,
            question=question,
            wall_seconds=weight + at * 0.1,
            bad=at // 2,
            requests=at,
            low=0.001 * at,
            high=0.001 * at + 0.02,
            limit=0.01,
        )
        for question in ("errors", "p99")
        for at in range(60)
    )


def body(paragraphs: int = 60) -> str:
    """Return a pull request's body of a usual size, 5 kB and more."""
    table = "\n".join(f"| AUC | .69{at % 10} (champion `{OLD[:12]}`) | +.056 [.019, .092] | pass |" for at in range(40))
    text = "\n".join(f"- **line {at}** with `code` and a \\_mark\\_" for at in range(paragraphs))
    return f"## flights → prod: PASS\n\n| metric | other | delta | |\n|---|---|---|---|\n{table}\n\n{text}\n"


def story() -> Story:
    """Return a full year: 52 windows of two metrics, 20 columns, six verdicts, four canaries, eight pull requests."""
    months = [f"2013-{month:02}" for month in range(1, 13)]
    return Story(
        service="flights",
        environment="prod",
        hops=HOPS,
        promotions=(
            PromotionNote(model=OLD, pull_request=1, verdict="pass", replaces=None, live_at=START),
            PromotionNote(model=NEW, pull_request=2, verdict="pass", replaces=OLD, live_at=START + 20 * WEEK),
        ),
        refusals=(
            RefusalNote(
                what="054987bb7df3",
                by="validate",
                outcome="fail",
                reason="distance is text",
                event_time=START,
                checks=(
                    Check(
                        name="type train",
                        column="distance",
                        severity="error",
                        outcome="fail",
                        detail="distance is text",
                        rows=268_432,
                    ),
                ),
            ),
        ),
        requests=Requests(
            sent=13_568,
            rows=255_211,
            failed_outside_fault=0,
            failed_in_fault=2,
            spoiled_in_fault=10,
            canary_plan=1500,
            fault_from=datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC),
            fault_to=datetime(2026, 1, 1, 12, 0, 1, 500_000, tzinfo=UTC),
        ),
        split=(SplitNote(model=NEW[:12], weight=0.1, measured=0.1001, requests=5133, commit=GOOD),),
        auc={arm: {month: 0.7 + at * 0.001 for at, month in enumerate(months)} for arm in ("ring", "frozen")},
        rows_by_month=dict.fromkeys(months, 27_000),
        windows=tuple(point(week, metric) for metric in ("auc", "log_loss") for week in range(52)),
        drift=tuple(drift(week) for week in range(52)),
        analyses=(*(analysis(GOOD, weight, "pass") for weight in (10, 25, 50)), analysis(BAD, 10, "fail")),
        signals=tuple(
            Signal(cause="performance", rule="auc low", window=window(week), fired=week % 4 == 0, detail="auc 0.6")
            for week in range(52)
        ),
        bodies={str(number): body() for number in range(1, 9)},
        git_log=GIT_LOG,
        env_repo="/somewhere/env.git",
        report="/somewhere/report.html",
        peak_rss_mb=812.5,
        seconds=63.2,
        verdicts=tuple(verdict(model, at) for at, model in ((1, OLD), (2, NEW), (None, NEW), (None, OLD), (None, NEW))),
        looks=tuple(look for weight in (10, 25, 50) for look in looks(GOOD, weight)) + looks(BAD, 10),
        provenance={"headgate": "0.1.0", "python": "3.11.7"},
    )


def hostile(text: str) -> Story:
    """Return the story with `text` wherever text comes from outside."""
    whole = story()
    checks = tuple(replace(one, column=text, detail=text, name=text) for one in whole.refusals[0].checks)
    return replace(
        whole,
        service=text,
        environment=text,
        hops=tuple(replace(hop, detail=f"{hop.detail} {text}", outcome=hop.outcome) for hop in whole.hops)
        + hops((text, text, text)),
        refusals=tuple(
            replace(one, what=text, by=text, outcome=text, reason=text, next_step=text, checks=checks)
            for one in whole.refusals
        ),
        windows=tuple(replace(one, metric=text, model=text) for one in whole.windows[:3]),
        drift=tuple(
            replace(one, columns=tuple(replace(column, column=text, reason=text) for column in one.columns[:2]))
            for one in whole.drift[:3]
        ),
        analyses=tuple(
            replace(one, answers=tuple(replace(answer, question=text, detail=text) for answer in one.answers))
            for one in whole.analyses
        ),
        signals=tuple(replace(one, rule=text, detail=text, fired=True) for one in whole.signals[:2]),
        bodies={"1": text, "2": f"## {text}\n\n| {text} |\n|---|\n| {text} |\n\n- {text}\n\n```\n{text}\n```\n"},
        git_log=f"* 76ffbe0 (tag: {text}) {text}\n{text}\n",
        verdicts=tuple(
            replace(
                one,
                policy=text,
                findings=tuple(replace(item, rule=text, reason=text, limit=text) for item in one.findings),
            )
            for one in whole.verdicts
        ),
        looks=tuple(replace(one, question=text) for one in whole.looks[:9]),
        provenance={text: text},
        env_repo=text,
    )
