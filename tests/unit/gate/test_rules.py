"""What each kind of rule answers, and why: every outcome of every rule."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from headgate.errors import PermanentError
from headgate.gate.judge import RULES, already, judge
from headgate.gate.rules.case import Case
from headgate.names import Digest
from headgate.records.judgement import Calibration, Comparison, Finding, Latency, Leak, Measured, Slice
from headgate.specs import gate
from headgate.specs.gate import AnyRule, Pack
from headgate.specs.service import Service, Task
from unit.gate.evidence import ANCHOR, CANDIDATE, CHAMPION, compared, estimate, evaluation, measured, model, service

ALPHA = 0.05


def finding(
    rule: AnyRule, spec: Service | None = None, champion_now: Digest | None = CHAMPION, **changes: Any
) -> Finding:
    """Return a rule's answer about the good candidate's evidence with some fields changed."""
    case = Case(evaluation=evaluation(**changes), spec=spec or service(), alpha=ALPHA, champion_now=champion_now)
    return RULES[type(rule)](rule, case)


def one_slice(
    delta: float | None, error: float = 0.004, rows: int = 900, clusters: int = 30, name: str = "origin=EWR"
) -> Slice:
    found = None if delta is None else estimate(delta, error, rows, clusters)
    return Slice(name=name, metric="auc", candidate=0.7, champion=0.7, delta=found, rows=rows, clusters=clusters)


def calibrated(mean: float, error: float = 0.005, expected: float = 0.02) -> tuple[Calibration, ...]:
    found = estimate(mean, error)
    return (Calibration(role="candidate", in_the_large=found, expected_error=expected, bins=()),)


def auc(value: float, error: float) -> dict[str, Any]:
    return {"metrics": (measured("auc", "candidate", value, error),)}


def delta(against: Any, value: float, error: float, metric: str = "auc") -> dict[str, Any]:
    return {"comparisons": (compared(metric, against, value, error),)}


FLOOR = gate.Floor(limit=0.6)
PROOF = gate.Slices(require="non_inferior")
NO_NUMBER = {"metrics": (), "comparisons": ()}
LATE = model(CHAMPION, datetime(2013, 7, 31, 12, tzinfo=UTC))
TABLE: list[tuple[str, AnyRule, dict[str, Any], str, str]] = [
    # what, rule, evidence, outcome, part of the reason
    ("floor cleared", FLOOR, auc(0.70, 0.01), "pass", "AUC .700"),
    ("floor not cleared", FLOOR, auc(0.55, 0.01), "fail", "not shown"),
    ("floor on the edge, rows enough to tell", FLOOR, auc(0.605, 0.005), "fail", "not shown"),
    ("floor, too few rows", FLOOR, auc(0.62, 0.05), "inconclusive", "more days"),
    ("floor, not measured", FLOOR, NO_NUMBER, "fail", "cannot be judged"),
    ("baseline beaten", gate.Baseline(), delta("baseline", 0.2, 0.01), "pass", "better than the baseline"),
    ("baseline not beaten", gate.Baseline(), delta("baseline", 0.0, 0.01), "fail", "not shown"),
    ("baseline, too few rows", gate.Baseline(), delta("baseline", 0.04, 0.05), "inconclusive", "more days"),
    ("baseline, not measured", gate.Baseline(), NO_NUMBER, "fail", "cannot be judged"),
    ("gain", gate.Gain(), delta("champion", 0.01, 0.003), "pass", "better than the champion"),
    ("loss", gate.Gain(), delta("champion", -0.024, 0.007), "fail", "not shown"),
    ("tie", gate.Gain(), delta("champion", 0.0, 0.0), "fail", "a tie keeps the champion"),
    ("gain within noise, rows enough to tell", gate.Gain(), delta("champion", 0.004, 0.003), "fail", "tie keeps"),
    ("gain within noise, too few rows", gate.Gain(), delta("champion", 0.01, 0.01), "inconclusive", "more days"),
    (
        "gain worth having out of reach, too few rows",
        gate.Gain(),
        delta("champion", -0.012, 0.01),
        "fail",
        "[-.032, .008]",
    ),
    ("gain smaller than asked", gate.Gain(more_than=0.05), delta("champion", 0.01, 0.003), "fail", "not shown"),
    ("gain, no champion", gate.Gain(), {"champion": None}, "pass", "no champion yet"),
    ("gain, not measured", gate.Gain(), NO_NUMBER, "fail", "cannot be judged"),
    ("keeps up", gate.NonInferior(), delta("anchor", 0.01, 0.005), "pass", "not worse than the anchor"),
    ("falls behind", gate.NonInferior(), delta("anchor", -0.03, 0.005), "fail", "not shown to keep up"),
    ("may fall behind", gate.NonInferior(), delta("anchor", -0.004, 0.01), "inconclusive", "more days"),
    ("no anchor", gate.NonInferior(), {"anchor": None}, "pass", "no anchor yet"),
    (
        "no champion to keep up with",
        gate.NonInferior(against="champion"),
        {"champion": None},
        "pass",
        "no champion yet",
    ),
    ("keeps up, not measured", gate.NonInferior(), NO_NUMBER, "fail", "cannot be judged"),
    ("slices unharmed", gate.Slices(), {"slices": (one_slice(0.01),)}, "pass", "origin=EWR AUC +.010"),
    (
        "slices harmed",
        gate.Slices(),
        {"slices": (one_slice(0.1), one_slice(-0.05, name="x=1"))},
        "fail",
        "x=1 AUC -.050",
    ),
    ("slices too small", gate.Slices(), {"slices": (one_slice(-0.5, rows=20),)}, "pass", "none of 1 slice"),
    ("slices of few days", gate.Slices(), {"slices": (one_slice(-0.5, clusters=6),)}, "pass", "none of 1 slice"),
    ("slices undeclared", gate.Slices(), {}, "pass", "no slices are declared"),
    ("slices, no champion", gate.Slices(), {"champion": None}, "pass", "no champion yet"),
    ("slices with one class", gate.Slices(), {"slices": (one_slice(None),)}, "pass", "none of 1 slice"),
    ("slices proved", PROOF, {"slices": (one_slice(0.01),)}, "pass", "origin=EWR"),
    (
        "slices not proved",
        PROOF,
        {"slices": (one_slice(0.01), one_slice(-0.02, 0.02, name="x=1"))},
        "inconclusive",
        "x=1",
    ),
    ("slices refuted", PROOF, {"slices": (one_slice(-0.05),)}, "fail", "origin=EWR"),
    ("slices too small to prove", PROOF, {"slices": (one_slice(0.1, rows=20),)}, "inconclusive", "none of 1 slice"),
    ("calibrated", gate.Calibrated(), {"calibration": calibrated(0.01)}, "pass", "+.010"),
    ("mean off", gate.Calibrated(), {"calibration": calibrated(-0.09)}, "fail", "-.090"),
    ("bins off", gate.Calibrated(), {"calibration": calibrated(0.0, expected=0.2)}, "fail", ".200"),
    ("mean proved", gate.Calibrated(require="proof"), {"calibration": calibrated(0.01)}, "pass", "+.010"),
    (
        "mean not proved",
        gate.Calibrated(require="proof"),
        {"calibration": calibrated(0.03, 0.03)},
        "inconclusive",
        "days",
    ),
    ("mean refuted", gate.Calibrated(require="proof"), {"calibration": calibrated(0.2)}, "fail", "+.200"),
    ("calibration not measured", gate.Calibrated(), {}, "fail", "cannot be judged"),
    ("quick", gate.MaxLatency(), {}, "pass", "p99 1.20 ms"),
    ("slow", gate.MaxLatency(p99_ms=1.0), {}, "fail", "p99 1.20 ms"),
    ("latency not measured", gate.MaxLatency(), {"latency": Latency(p50_ms=0, p99_ms=0, calls=0)}, "fail", "cannot"),
    ("latency NaN", gate.MaxLatency(), {"latency": Latency(p50_ms=1, p99_ms=math.nan, calls=9)}, "fail", "cannot"),
    ("enough", gate.EnoughRows(), {}, "pass", "9,000 labelled rows, 30 days"),
    ("too few rows", gate.EnoughRows(rows=12_000), {}, "inconclusive", "about 10 more days"),
    ("too few days", gate.EnoughRows(clusters=35), {}, "inconclusive", "about 5 more days"),
    ("no rows", gate.EnoughRows(), {"rows": 0, "clusters": 0}, "inconclusive", "too few"),
    ("apart", gate.NoOverlap(), {}, "pass", "no row in common"),
    ("ids in common", gate.NoOverlap(), {"overlap_rows": 3}, "inconclusive", "overlap: 3 gate rows"),
    (
        "candidate too late",
        gate.NoOverlap(),
        {"model": model(end=LATE.tune_end)},
        "inconclusive",
        "overlap: the candidate",
    ),
    ("champion too late", gate.NoOverlap(), {"champion": LATE}, "inconclusive", "overlap: the champion"),
    ("end unknown", gate.NoOverlap(), {"model": model(end=None)}, "inconclusive", "does not say"),
    ("no event time", gate.NoOverlap(), {"model": model(end=None), "window": None}, "pass", "no row in common"),
    ("no leak", gate.NoLeak(), {"leaks": (Leak(feature="dest", score=0.6),)}, "pass", "'dest', .600"),
    ("leak", gate.NoLeak(), {"leaks": (Leak(feature="arrived", score=1.0),)}, "fail", "'arrived' (1.00)"),
    ("leak NaN", gate.NoLeak(), {"leaks": (Leak(feature="arrived", score=math.nan),)}, "fail", "'arrived'"),
    ("no features", gate.NoLeak(), {}, "pass", "no feature"),
    ("fresh", gate.FreshChampion(), {}, "pass", "the champion now"),
    ("stale", gate.FreshChampion(), {"champion": model(ANCHOR)}, "inconclusive", "evaluate again"),
    ("champion appeared", gate.FreshChampion(), {"champion": None}, "inconclusive", "compared with no champion"),
    ("labels came", gate.LabelsCame(), {}, "pass", "every label came"),
    ("few missing", gate.LabelsCame(), {"labels_missing": 90, "rows_missing_share": 0.01}, "pass", "1.0%"),
    (
        "many missing",
        gate.LabelsCame(),
        {"labels_missing": 900, "rows_missing_share": 0.2},
        "inconclusive",
        "turn the answer",
    ),
    ("share NaN", gate.LabelsCame(), {"rows_missing_share": math.nan}, "fail", "unknown"),
    ("first look", gate.Looks(), {}, "pass", "look 1"),
    ("last look", gate.Looks(at_most=2), {"look": 2}, "pass", "look 2"),
    ("one look too many", gate.Looks(at_most=2), {"look": 3}, "fail", "wait for later rows"),
]


@pytest.mark.parametrize(
    ("rule", "changes", "outcome", "part"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_a_rule_answers_with_outcome_and_reason(
    rule: AnyRule, changes: dict[str, Any], outcome: str, part: str
) -> None:
    """Each row of the table is one answer."""
    found = finding(rule, **changes)

    assert found.outcome == outcome, found
    assert part in found.reason
    assert found.limit


def test_the_table_has_every_outcome_of_every_rule() -> None:
    """A rule that a new outcome is given must be shown here with it."""
    shown = {(type(row[1]), row[3]) for row in TABLE}
    two_ways = {gate.MaxLatency: "inconclusive", gate.NoLeak: "inconclusive", gate.Looks: "inconclusive"}
    never_fails = {gate.EnoughRows: "fail", gate.NoOverlap: "fail", gate.FreshChampion: "fail"}

    missing = {
        (rule, outcome)
        for rule in RULES
        for outcome in ("pass", "fail", "inconclusive")
        if (rule, outcome) not in shown and (two_ways | never_fails).get(rule) != outcome
    }

    assert missing == set()


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    "rule", [gate.Gain(), gate.NonInferior(), gate.Baseline(), FLOOR], ids=lambda rule: type(rule).__name__
)
def test_a_number_that_is_none_fails(rule: AnyRule, wrong: float) -> None:
    """NaN and infinity are never a pass, in value or error."""
    comparisons = tuple(compared("auc", role, wrong, 0.01) for role in ("champion", "anchor", "baseline"))

    found = finding(rule, metrics=(measured("auc", "candidate", wrong),), comparisons=comparisons)

    assert found.outcome == "fail"


def test_one_day_of_rows_is_thin_evidence_and_not_guilt() -> None:
    """Where nothing could be measured because of a single cluster, the answer is inconclusive."""
    nothing = (Comparison(metric="auc", against="champion", delta=None, reason="all 40 rows are in one cluster"),)

    found = finding(gate.Gain(), comparisons=nothing, rows=40, clusters=1)

    assert found.outcome == "inconclusive"
    assert "all 40 rows are in one cluster" in found.reason


def test_why_a_metric_has_no_number_is_said() -> None:
    """The reason of the measurement is the finding's."""
    nothing = Measured(metric="auc", role="candidate", estimate=None, reason="one class only")

    found = finding(FLOOR, metrics=(nothing,))

    assert "one class only" in found.reason


def test_less_is_better_for_a_loss() -> None:
    """A log loss that falls is a gain, and the limit is written the other way round."""
    rule = gate.Gain(metric="log_loss", more_than=0.001)

    fell = finding(rule, **delta("champion", -0.010, 0.002, "log_loss"))
    rose = finding(rule, **delta("champion", 0.010, 0.002, "log_loss"))

    assert (fell.outcome, fell.limit) == ("pass", "< -.001")
    assert rose.outcome == "fail"


def test_margins_of_a_regression_are_shares_of_the_baseline() -> None:
    """No absolute margin suits every label's unit: 0.005 of a baseline rmse of 40 is 0.2."""
    rule, spec = gate.NonInferior(margin=0.005), service("regression")
    base = (measured("rmse", "baseline", 40.0, 0.5),)

    found = finding(rule, spec, metrics=base, **delta("anchor", -0.5, 0.2, "rmse"))
    blind = finding(rule, spec, metrics=(), **delta("anchor", -0.5, 0.2, "rmse"))

    assert (found.outcome, found.limit) == ("pass", "< +.200")
    assert blind.outcome == "fail"


def test_many_slices_share_the_level_of_harm() -> None:
    """Harm that would be credible in one slice is chance in one of forty."""
    bad = one_slice(-0.029, name="hour=5")
    others = tuple(one_slice(0.0, name=f"hour=x{n}") for n in range(39))

    alone, among_many = finding(gate.Slices(), slices=(bad,)), finding(gate.Slices(), slices=(bad, *others))

    assert (alone.outcome, among_many.outcome) == ("fail", "pass")
    assert among_many.numbers[0].label == "hour=5"


def test_harm_of_a_loss_is_a_rise() -> None:
    """For a slice of a regression the harm is on the other side, in shares of the baseline."""
    rule = gate.Slices(metric="rmse", margin=0.02)
    slices = [
        Slice(name="x=1", metric="rmse", candidate=1, champion=1, delta=estimate(value, 0.1), rows=900, clusters=30)
        for value in (-2.0, 2.0)
    ]

    fell, rose = (finding(rule, service("regression"), slices=(one,)) for one in slices)

    assert (fell.outcome, rose.outcome) == ("pass", "fail")


def test_missing_labels_that_cannot_turn_the_answer_round_pass() -> None:
    """With a worst case above zero the candidate is ahead whatever the missing labels are."""
    missing = {"labels_missing": 900, "rows_missing_share": 0.2}
    ahead = compared("auc", "champion", 0.01, 0.003, worst_case=(0.002, 0.03))
    open_still = compared("auc", "champion", 0.01, 0.003, worst_case=(-0.002, 0.03))

    sure = finding(gate.LabelsCame(), comparisons=(ahead,), **missing)
    unsure = finding(gate.LabelsCame(), comparisons=(open_still,), **missing)

    assert (sure.outcome, unsure.outcome) == ("pass", "inconclusive")
    assert "[-.002, .030]" in unsure.reason


def test_a_gap_smaller_than_the_split_says_is_an_overlap() -> None:
    """A champion that ends one hour before the gate rows start is inside the gap of a day."""
    late = model(CHAMPION, datetime(2013, 7, 31, 23, tzinfo=UTC))
    just = model(CHAMPION, datetime(2013, 7, 31, 0, tzinfo=UTC))

    found = [finding(gate.NoOverlap(), champion=champion).outcome for champion in (late, just)]

    assert found == ["inconclusive", "pass"]


def test_days_needed_come_from_the_design_and_not_from_the_effect() -> None:
    """The same rows with another effect seen ask for the same number of days; half the error asks for a quarter."""
    seen = [finding(gate.Gain(), **delta("champion", value, 0.01)).days_needed for value in (0.002, 0.015)]
    finer = finding(gate.Gain(detect=0.02), **delta("champion", 0.015, 0.01)).days_needed

    assert seen[0] == seen[1]
    assert seen[0] is not None
    assert finer is not None
    assert 3 < (seen[0] + 30) / (finer + 30) < 5


def test_rows_without_clusters_are_counted_in_rows() -> None:
    """Without event time and clusters what is missing is rows."""
    spec = service()

    found = finding(gate.EnoughRows(), spec, rows=60, clusters=60, clustered_by=None, window=None)

    assert found.reason == "60 labelled rows: too few; about 440 more rows"
    assert found.days_needed == 440


def test_the_champion_itself_is_no_candidate() -> None:
    """A model that is live cannot be promoted, whatever the policy says."""
    empty = Pack(pack="none", why="no rules", rules=())

    compared_with_itself = judge(evaluation(champion=model(CANDIDATE)), empty, service(), CHAMPION)
    live_meanwhile = judge(evaluation(), empty, service(), CANDIDATE)
    other = judge(evaluation(), empty, service(), CHAMPION)

    assert [v.outcome for v in (compared_with_itself, live_meanwhile, other)] == ["fail", "fail", "pass"]
    assert "is the champion already" in live_meanwhile.findings[0].reason
    assert already(Case(evaluation=evaluation(champion=None), spec=service(), alpha=ALPHA, champion_now=None)) == ()


@pytest.mark.parametrize(("task", "asked"), [("binary", True), ("multiclass", False), ("regression", False)])
def test_a_packs_rule_about_a_metric_of_other_tasks_is_not_asked(task: Task, *, asked: bool) -> None:
    """A pack's floor on AUC leaves no finding where there is no AUC, or several classes have none by default."""
    pack = Pack(pack="p", why="w", rules=(gate.Floor(metric="auc", limit=0.6),))

    verdict = judge(evaluation(), pack, service(task), CHAMPION)

    assert bool(verdict.findings) is asked


def test_a_services_own_rule_about_a_metric_of_other_tasks_is_refused() -> None:
    """It would never be asked, and its author thinks it is."""
    rules = (gate.Floor(metric="auc", limit=0.6),)
    spec = service("regression", gate=gate.Gate(rules=rules))

    with pytest.raises(PermanentError, match="'floor' names metric 'auc', which a regression task has not"):
        judge(evaluation(), Pack(pack="p", why="w", rules=rules), spec, CHAMPION)
