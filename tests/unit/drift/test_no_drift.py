"""Nothing is made of season, chance, calendar, small differences and columns that nobody knew."""

import msgspec
import numpy as np
import polars as pl
import pytest

from headgate.drift.reference import build
from headgate.drift.report import report, signals
from headgate.specs.drift import Drift
from headgate.specs.service import Data
from unit.drift.judging import POLICY, WEEKS, column, judged, week
from unit.drift.weather import MODEL, PROD, SPEC, rows, times, window

NESTED = pl.Series([[1], [2]], dtype=pl.List(pl.Int64))


def test_weeks_like_the_reference_are_stable() -> None:
    """Twenty of them, none fires."""
    random = np.random.default_rng(5)

    found = [judged(rows(random), random.beta(2, 5, 840)) for _ in range(20)]

    assert {one.outcome for one in found} == {"stable"}
    assert signals(found[0])[0].detail == "none of 3 drifted (840 rows)"


def test_a_season_that_the_reference_shows_is_no_drift() -> None:
    """Its weeks are a degree apart: so may the next one be, and not where all weeks were the same."""
    warm = week().with_columns(pl.col("temperature") + 1)

    assert column(judged(warm, season=1.5), "temperature").outcome == "stable"
    assert column(judged(warm), "temperature").outcome == "drifted"


def test_a_difference_that_is_sure_and_small_is_no_drift() -> None:
    """A carrier's share from 20 to 27 % in many rows."""
    many = week(per_day=3000)
    shifted = many.with_columns(
        carrier=pl.when(pl.int_range(pl.len()) % 12 == 0).then(pl.lit("UA")).otherwise("carrier")
    )

    found = column(judged(shifted), "carrier")

    assert found.null_limit is not None
    assert found.distance is not None
    assert found.null_limit < found.distance < found.effect_limit
    assert found.outcome == "stable"


def test_a_sure_change_of_a_small_share_is_no_drift() -> None:
    """Nulls from 0 to 1.5 %; the distance sees them too, and is small."""
    found = column(judged(week().with_columns(wind=pl.when(pl.col("number") % 64 > 0).then("wind"))), "wind")

    assert (found.outcome, found.reason) == ("stable", "")
    assert found.missing_share == pytest.approx(14 / 840)


def test_a_share_that_differs_between_the_references_weeks_is_season() -> None:
    """One week of ten had 70 % nulls: 60 % are nothing new, 100 % are."""
    gaps = rows(np.random.default_rng(1), WEEKS).with_columns(
        wind=pl.when((pl.col("number") < 840) & (pl.col("number") % 10 < 7)).then(None).otherwise("wind")
    )
    made = build(gaps, times(WEEKS), SPEC, MODEL)
    some = week().with_columns(wind=pl.when(pl.col("number") % 10 < 6).then(None).otherwise("wind"))
    none = week().with_columns(wind=pl.lit(None))

    found = [report(frame, None, made, POLICY, window(WEEKS), environment=PROD) for frame in (some, none)]

    assert [column(one, "wind").outcome for one in found] == ["stable", "drifted"]


def test_a_share_that_chance_explains_is_no_drift() -> None:
    """Twenty rows of which twelve are null, where half of all are."""
    random = np.random.default_rng(1)
    half = pl.DataFrame({"gust": np.where(random.random(8400) < 0.5, np.nan, random.normal(size=8400))})
    spec = msgspec.structs.replace(SPEC, drift=Drift(min_rows=20))
    made = build(half, times(WEEKS), spec, MODEL)
    few = pl.DataFrame({"gust": [None] * 13 + [0.1, -0.2, 0.5, -0.7, 1.1, -1.3, 0.0]})

    found = report(few, None, made, spec.drift, window(WEEKS), environment=PROD)

    assert "missing" not in found.columns[0].reason
    assert found.outcome != "drifted"


def test_weeks_of_training_answers_excuse_weeks_as_far_apart() -> None:
    """Ten tune days hold one week and know no season by themselves."""
    random = np.random.default_rng(8)
    learned = np.concatenate([random.beta(2, 2 + 2 * (week % 3), 840) for week in range(WEEKS)])
    held_out, served = random.beta(2, 4, 1200), random.beta(2, 5.5, 840)
    ten_days = times(2).head(1200)

    found = [
        report(week(), served, made, POLICY, window(WEEKS), environment=PROD)
        for made in (
            build(week(), times(1), SPEC, MODEL, scores=held_out, score_times=ten_days),
            build(
                rows(random, WEEKS),
                times(WEEKS),
                SPEC,
                MODEL,
                scores=held_out,
                score_times=ten_days,
                training_scores=learned,
            ),
        )
    ]

    assert [column(one, "score").outcome for one in found] == ["insufficient_data", "stable"]


def test_training_answers_excuse_no_other_model() -> None:
    """Weeks that are alike excuse nothing."""
    random = np.random.default_rng(8)
    made = build(
        rows(random, WEEKS),
        times(WEEKS),
        SPEC,
        MODEL,
        scores=random.beta(2, 4, 1200),
        score_times=times(2).head(1200),
        training_scores=random.beta(2, 4, 8400),
    )

    found = report(week(), random.beta(2, 7, 840), made, POLICY, window(WEEKS), environment=PROD)

    assert column(found, "score").outcome == "drifted"


def test_a_calendar_column_and_an_id_are_shown_and_take_no_part() -> None:
    """They are others in every window, by their nature; an id's own blocks are as far apart as can be."""
    moved = week().with_columns(weekday=pl.lit(6), number=pl.int_range(10**6, 10**6 + 840))

    found = judged(moved)

    assert [(one.column, one.outcome) for one in found.columns if one.expected] == [
        ("weekday", "drifted"),
        ("number", "stable"),
    ]
    assert found.outcome == "stable"
    assert "weekday" not in signals(found)[0].detail


def test_one_part_of_an_id_of_several_columns_is_a_feature() -> None:
    """A carrier names no row by itself."""
    data = Data(reader="r.csv", label=SPEC.data.label, time="at", id=("carrier", "number"))

    made = build(week(), times(1), msgspec.structs.replace(SPEC, data=data), MODEL)

    assert not any(one.expected for one in made.columns)


def test_a_column_the_champion_does_not_know_is_shown_and_takes_no_part() -> None:
    """The code of the features has moved on."""
    found = judged(week().with_columns(fuel=pl.lit(1.0)))

    assert column(found, "fuel").reason == "not among the champion's features"
    assert column(found, "fuel").expected
    assert found.outcome == "stable"


def test_a_column_of_lists_is_left_out_of_both() -> None:
    """Neither numbers nor categories: named, and no new column either."""
    nested = week().head(2).with_columns(route=NESTED)

    made = build(nested, times(1)[:2], SPEC, MODEL)

    assert made.left_out == ("route",)
    assert "route" not in [
        one.column for one in report(nested, None, made, POLICY, window(0), environment=PROD).columns
    ]
