"""A promotion argues its case in numbers that are the verdict's own, whatever its texts hold."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.names import Digest
from headgate.propose import body
from headgate.propose.actions import Open
from headgate.records.judgement import Evaluation, Leak
from headgate.records.live import ColumnDrift, DriftReport
from headgate.specs.environment import CauseNote
from unit.gate.evidence import CHAMPION, COMPARISONS, GATE, calibrated_well, estimate, model
from unit.propose.circumstances import env, evidence, planned, situation, slice_of, verdict

HOSTILE = "</details>\n\n# x <img src=x onerror=y> | @admin fixes #1 https://evil.example `rm` [a](b) " + "y" * 5000


def body_of(found: Evaluation | None = None, **changes: Any) -> str:
    (action,) = planned(found=found, **changes)
    assert isinstance(action, Open)
    return action.proposal.body


def section(text: str, start: str, end: str) -> str:
    return text.partition(start)[2].partition(end)[0]


def test_the_body_says_everything_in_its_order() -> None:
    """Verdict and main risk first, undo before the folded provenance, the mark last."""
    text = body_of(evidence(calibration=calibrated_well()))
    wanted = [
        "## flights → prod: PASS, needs one approval",
        "Replaces `dddddddddddd` (live 61 days) with `cccccccccccc`. Cause: late-label AUC low in 3 of 4 windows.",
        "**Main risk:** `origin=EWR` may be worse: AUC -.004 [-.011, .003].",
        "| AUC | .710 (champion `dddddddddddd`) | .720 | +.010 [.003, .017] | > 0 | pass |",
        "| AUC | .680 (anchor `aaaaaaaaaaaa`) | .720 | +.038",
        "p99 latency, CPU ms",
        "### Worst slices",
        "| `origin=EWR` | 3,912 / 31 | -.004 [-.011, .003] | > -.020 |",
        "### Can I believe it?",
        "28,756 rows, 31 days; **look 1** at this holdout",
        "Train ends: candidate 2013-07-30, champion 2013-06-30; gap 2 days; overlap 0 rows",
        "Labels that never came: 0 (0 %)",
        "### What changes in the cluster",
        "Canary 10 % → 25 % → 50 %, 5 min and 100 answers each",
        "**Undo:** `headgate propose --revert flights prod`",
        "<details><summary>Provenance</summary>",
        "seed 7",
        "</details>",
        "<!-- headgate model=",
    ]

    places = [text.find(part) for part in wanted]

    assert -1 not in places, wanted[places.index(-1)]
    assert places == sorted(places)


def test_a_first_model_is_undone_without_a_revert() -> None:
    """There is nothing to restore: `propose --revert` would say so, and the body must not send anybody there."""
    text = body_of(evidence(champion=None, anchor=None), where=situation(env(None), ()))

    assert "--revert" not in text
    assert "**Undo:** no model was live here before" in text
    assert "revert the merge by hand, and main names no model" in text


def test_merging_by_rule_is_said() -> None:
    """A reviewer knows whether anybody waits for them."""
    order = "environments: [{name: prod, promotions_merge: by_rule}]"

    (action,) = planned(situation(env(**{"promotion.yaml": order})))

    assert isinstance(action, Open)
    assert "PASS, merges by rule" in action.proposal.body


def test_a_warning_is_the_main_risk() -> None:
    """It comes before a worse slice."""
    assert "**Main risk:** calibrated:" in body_of(evidence())


def test_without_any_risk_that_is_said() -> None:
    """The line is never empty."""
    found = evidence(calibration=calibrated_well(), slices=(slice_of("a=b", 0.02),))

    assert "no rule found one" in body_of(found)


def test_labels_that_never_came_show_their_worst_case() -> None:
    """And are the main risk where they could turn the gain around."""
    compared = (replace(COMPARISONS[0], worst_case=(-0.003, 0.022)), *COMPARISONS[1:])
    found = evidence(
        calibration=calibrated_well(), comparisons=compared, slices=(), labels_missing=546, rows_missing_share=0.019
    )

    text = body_of(found)

    assert "Labels that never came: 546 (1.9 %); worst case for the delta: AUC [-.003, .022]" in text
    assert "could turn the gain around" in text


def test_the_worst_slices_of_an_error_are_those_that_grow() -> None:
    """Less is better for log loss: the high end is the bad one."""
    slices = tuple(
        replace(slice_of(name, 0.0), metric="log_loss", delta=estimate(value, 0.001))
        for name, value in (("better", -0.02), ("worse", 0.02))
    )

    rows = section(body_of(evidence(slices=slices)), "### Worst slices", "###")

    assert rows.index("worse") < rows.index("better")


def test_slices_that_cannot_be_measured_are_left_out() -> None:
    """One cluster has no interval; no delta, no row."""
    lonely = replace(slice_of("lonely", 0.1), delta=estimate(0.1, 0.0, clusters=1))
    empty = replace(slice_of("empty", 0.1), delta=None)

    text = body_of(evidence(slices=(lonely, empty)))

    assert "`lonely`" in text
    assert "`empty`" not in text


def test_regression_and_no_event_time_have_words_too() -> None:
    """Nothing of the body needs a window or a champion."""
    found = evidence(
        window=None, champion=None, anchor=None, clustered_by=None, comparisons=(), slices=(), model=model(end=None)
    )

    text = body_of(found, where=situation(env(None), ()))

    assert "without event time: 28,756 rows;" in text
    assert "gap unknown" in text


def test_drift_since_the_champion_is_told() -> None:
    """With what was expected."""
    moved = ColumnDrift(
        column="temp",
        method="jensen_shannon",
        distance=0.4,
        null_limit=0.1,
        effect_limit=0.1,
        rows=9,
        missing_share=0,
        unseen_share=0,
        outcome="drifted",
        expected=True,
    )
    report = DriftReport(
        service="flights",  # type: ignore[arg-type]
        environment="prod",  # type: ignore[arg-type]
        window=GATE,
        reference=CHAMPION,
        rows=9,
        rows_needed=9,
        columns=(
            moved,
            replace(moved, column="pressure", expected=False),
            replace(moved, outcome="stable", column="x"),
        ),
        outcome="insufficient_data",
    )

    text = body_of(drift=report)

    assert "insufficient data; `temp` (expected), `pressure`." in text


def test_a_hostile_text_stays_inert_and_the_body_bounded() -> None:
    """Column values, a trigger's words and parameters come from outside."""
    worst = tuple(replace(slice_of(f"origin={HOSTILE}{n}", -0.001), rows=9000) for n in range(300))
    params = {f"p{n}{HOSTILE}": HOSTILE for n in range(300)}
    trained = replace(model(), params=params, version=HOSTILE, trainer=HOSTILE, commit=HOSTILE)
    found = evidence(slices=worst, model=trained, clustered_by=HOSTILE, leaks=(Leak(feature=HOSTILE, score=0.6),) * 9)

    text = body_of(found, cause=CauseNote(cause="drift", detail=HOSTILE, trigger=HOSTILE))

    assert len(text) < 60_000
    prose = re.sub(r"`[^`\n]*`", "", text)
    tags = [tag for tag in re.findall(r"(?<!\\)<[^>]*>", prose) if not tag.startswith("<!-- headgate model=")]
    assert tags == ["<details>", "<summary>", "</summary>", "</details>"]
    assert not re.search(r"@\w|#\d|://", prose)
    assert [line for line in text.splitlines() if line.startswith("# ")] == []
    assert body.read_mark(text) is not None


def test_a_body_that_is_too_long_keeps_its_mark() -> None:
    """A later plan must know what an open pull request argues from."""
    mark = body.mark(CHAMPION, CHAMPION, CHAMPION, None)

    cut = body.bounded("x\n" * 100_000 + mark + "\n")

    assert len(cut) <= body.LIMIT
    assert body.read_mark(cut) == (CHAMPION, CHAMPION, CHAMPION, None)


@pytest.mark.parametrize(
    "text",
    ["", "<!-- headgate model=x -->", body.mark(CHAMPION, CHAMPION, CHAMPION, None).replace("=-", "=soon")],
)
def test_a_broken_mark_is_no_mark(text: str) -> None:
    """A person may have edited it."""
    assert body.read_mark(text) is None


def test_the_mark_is_read_back() -> None:
    """Model, settings, verdict and when it was judged."""
    found = verdict(evidence())
    mark = body.mark(found.model.sha256, Digest("5" * 64), Digest("6" * 64), found.judged_at)

    assert body.read_mark(f"words\n{mark}\n") == (found.model.sha256, "5" * 64, "6" * 64, found.judged_at)


def test_slices_that_the_gate_found_too_small_are_no_risk() -> None:
    """21 rows of one carrier may show any difference at all."""
    tiny = slice_of("carrier=HA", -0.8, rows=21)
    found = evidence(calibration=calibrated_well(), slices=(slice_of("origin=EWR", -0.004), tiny))

    text = body_of(found)

    assert "carrier=HA" not in text
    assert "**Main risk:** `origin=EWR` may be worse" in text
