"""Is drift found where it is, and nothing made of season, chance and broken frames?"""

from datetime import timedelta
from functools import cache

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing.parametric import dataframes, series

from headgate.drift.kept import Reference
from headgate.drift.place import uri
from headgate.drift.reference import build
from headgate.drift.report import report, signals
from headgate.records.codec import decode, digest, encode
from headgate.records.live import ColumnDrift, DriftReport
from headgate.specs.drift import Drift
from headgate.specs.service import Data
from unit.drift.weather import MODEL, PROD, SPEC, rows, times, window

POLICY = SPEC.drift
WEEKS = 10
NESTED = pl.Series([[1], [2]], dtype=pl.List(pl.Int64))


@cache
def reference(season: float = 0.0, seed: int = 1) -> Reference:
    random = np.random.default_rng(seed)
    scores = random.beta(2, 5, 4 * 840)
    training = rows(random, WEEKS, season=season)
    return build(training, times(WEEKS), SPEC, MODEL, scores=scores, score_times=times(4))


def judged(features: pl.DataFrame, scores: object = None, policy: Drift = POLICY, season: float = 0.0) -> DriftReport:
    return report(features, scores, reference(season), policy, window(WEEKS), environment=PROD)  # type: ignore[arg-type]


def column(found: DriftReport, name: str) -> ColumnDrift:
    return next(one for one in found.columns if one.column == name)


def week(seed: int = 2, per_day: int = 120) -> pl.DataFrame:
    return rows(np.random.default_rng(seed), per_day=per_day)


# Bad frames first.


@pytest.mark.parametrize("frame", [pl.DataFrame(), week().clear(), pl.DataFrame({"temperature": []})])
def test_a_window_without_rows_is_not_judged(frame: pl.DataFrame) -> None:
    """Not even its columns: an empty frame has none."""
    found = judged(frame)

    assert found.outcome == "insufficient_data"
    assert {one.outcome for one in found.columns if not one.expected} == {"insufficient_data"}
    assert [one.fired for one in signals(found)] == [False, False]
    assert signals(found)[0].detail == "not judged: 0 rows, 500 needed"


def test_a_window_with_few_rows_is_not_judged_and_says_how_many_it_takes() -> None:
    """One odd row is no drift."""
    few = week().head(499).with_columns(temperature=pl.lit(1e9))

    found = judged(few)

    assert (found.outcome, found.rows, found.rows_needed) == ("insufficient_data", 499, 500)
    assert column(found, "temperature").distance is None
    assert column(found, "temperature").reason == "499 rows, 500 needed"


def test_a_missing_column_is_drift_before_any_statistics() -> None:
    """Also among very few rows, and whatever share of the columns must drift."""
    every = msgspec.structs.replace(POLICY, columns_share=1.0)
    found = judged(week().head(3).drop("wind"))

    assert found.outcome == "drifted"
    assert judged(week().drop("wind"), policy=every).outcome == "drifted"
    assert column(found, "wind").reason == "not among the window's columns"
    assert "wind: not among the window's columns" in signals(found)[0].detail


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("wind", pl.lit("calm"), "categories (string), was numbers"),
        ("carrier", pl.lit(7), "numbers (int32), was categories"),
        ("wind", pl.lit(b"x"), "other (binary), was numbers"),
        ("carrier", pl.concat_list(pl.lit("AA")), "other (list(string)), was categories"),
    ],
)
def test_a_retyped_column_is_drift(name: str, values: pl.Expr, reason: str) -> None:
    """And the reason names both kinds."""
    found = judged(week().with_columns(values.alias(name)))

    assert found.outcome == "drifted"
    assert column(found, name).reason == reason


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Decimal(20, 4)])
def test_numbers_of_another_width_are_the_same_column(dtype: pl.DataType) -> None:
    """JSON does not tell them apart."""
    found = judged(week().with_columns(pl.col("temperature").cast(dtype)))

    assert column(found, "temperature").outcome == "stable"


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["AA", "B6", "UA"])])
def test_categories_of_another_polars_type_are_the_same_column(dtype: pl.DataType) -> None:
    """They are texts."""
    assert column(judged(week().with_columns(pl.col("carrier").cast(dtype))), "carrier").outcome == "stable"


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        (None, "0 rows, 500 needed"),
        ([], "0 rows, 500 needed"),
        (["high"] * 600, "missing 100%, was 0%"),
        ([[0.1], [0.2, 0.3]] * 300, "missing 100%, was 0%"),
        ([float("nan")] * 600, "missing 100%, was 0%"),
        ([float("inf")] * 600, "infinite 100%, was 0%"),
        ([[0.2, 0.8]] * 600, "not among the window's columns"),
        (3.0, "1 rows, 500 needed"),
    ],
)
def test_broken_scores_are_told_and_don_t_raise(scores: object, reason: str) -> None:
    """They come from a log."""
    assert column(judged(week(), scores), "score").reason.startswith(reason)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=dataframes(max_size=40, max_cols=4), column=series(min_size=25, max_size=25, allow_null=True))
def test_no_frame_raises(frame: pl.DataFrame, column: pl.Series) -> None:
    """Any types, nulls, NaN, nested values; as a window and as a reference."""
    policy = msgspec.structs.replace(POLICY, min_rows=20)
    names = ("temperature", "wind", "carrier", "score", "x")
    window_rows = frame.rename(dict(zip(frame.columns, names, strict=False)))
    strange = column.alias("temperature").to_frame()
    spec = msgspec.structs.replace(SPEC, drift=policy)
    other = build(strange, None, spec, MODEL)

    for features in (window_rows, strange):
        judged(features, policy=policy)
        found = report(features, None, other, policy, window(0), environment=PROD)
        assert decode(encode(found), DriftReport) == found
    assert decode(encode(other), Reference) == other


def test_times_that_don_t_pair_with_rows_are_refused() -> None:
    """A mistake of the caller, not of the data."""
    with pytest.raises(Exception, match="70 times don't pair with 840 reference rows"):
        build(week(), times(1)[:70], SPEC, MODEL)


def test_a_reference_of_one_window_knows_no_season_and_judges_no_distance() -> None:
    """It says so; a share that changed is found all the same."""
    made = build(week(), times(1), SPEC, MODEL)
    changed = week().with_columns(pl.col("temperature") + 3, wind=pl.lit(None))

    found = report(changed, None, made, POLICY, window(1), environment=PROD)

    temperature = column(found, "temperature")
    assert (temperature.outcome, temperature.null_limit) == ("insufficient_data", None)
    assert temperature.reason == "the reference has 1 whole windows, 2 needed to know its season"
    assert column(found, "wind").outcome == "drifted"


# What is no drift.


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


# What is drift.


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("temperature", pl.col("temperature") + 2, "distance 0."),
        ("temperature", pl.col("temperature") * 3, "distance 0."),
        ("temperature", pl.lit(5.0), "distance 1.000"),
        ("carrier", pl.when(pl.col("carrier") == "AA").then(pl.lit("UA")).otherwise("carrier"), "distance 0."),
        ("carrier", pl.when(pl.col("carrier") == "UA").then(pl.lit("DL")).otherwise("carrier"), "unseen "),
        ("wind", pl.when(pl.col("number") % 5 < 3).then(None).otherwise("wind"), "missing 60%, was 0%"),
        ("wind", pl.when(pl.col("number") % 5 < 3).then(float("nan")).otherwise("wind"), "missing 60%, was 0%"),
        ("wind", pl.when(pl.col("number") % 5 < 3).then(float("inf")).otherwise("wind"), "infinite 60%, was 0%"),
        ("carrier", pl.lit(None), "missing 100%, was 0%"),
    ],
)
def test_a_column_that_changed_is_found_and_its_reason_says_how(name: str, values: pl.Expr, reason: str) -> None:
    """Shift, spread, constant, mix, new category, missing, infinite."""
    found = column(judged(week().with_columns(values.alias(name))), name)

    assert found.outcome == "drifted"
    assert found.reason.startswith(reason)


def test_new_categories_are_named() -> None:
    """The person on call looks for exactly this."""
    found = judged(week().with_columns(carrier=pl.lit("DL")))

    assert "unseen 100%, was 0% (DL)" in column(found, "carrier").reason


def test_a_share_of_the_columns_makes_the_window_drift() -> None:
    """One of three, and the policy's share is 0.3; with 0.5 it takes two."""
    one = week().with_columns(pl.col("temperature") + 3)

    assert judged(one).outcome == "drifted"
    assert judged(one, policy=msgspec.structs.replace(POLICY, columns_share=0.5)).outcome == "stable"


def test_a_signal_names_the_column_furthest_beyond_its_limit_first_and_four_at_most() -> None:
    """Its value and limit are the signal's."""
    random = np.random.default_rng(9)
    many = pl.DataFrame({f"c{i}": random.normal(size=8400) for i in range(6)})
    made = build(many, times(WEEKS), SPEC, MODEL)
    shifted = many.head(840).select(pl.col(f"c{i}") + 0.4 * (i + 1) for i in range(6))

    found = signals(report(shifted, None, made, POLICY, window(WEEKS), environment=PROD))

    assert len(found) == 1
    assert [part.split(":")[0] for part in found[0].detail.split(" rows): ")[1].split(", c")] == ["c5", "4", "3", "2"]
    assert found[0].detail.endswith(" and 2 more")
    assert found[0].value is not None
    assert found[0].value > 0.5


def test_the_scores_drift_counts_alone_and_has_a_signal_of_its_own() -> None:
    """No feature moved, so the rule of features is silent; the window drifted all the same."""
    found = judged(week(), np.random.default_rng(1).beta(5, 2, 840))

    assert found.outcome == "drifted"
    window_signal, score_signal = signals(found)
    assert (window_signal.rule, score_signal.rule) == ("drift", "drift score")
    assert not window_signal.fired
    assert score_signal.fired
    assert score_signal.value is not None
    assert score_signal.limit is not None
    assert score_signal.value > score_signal.limit


def test_features_that_drift_don_t_fire_the_scores_signal() -> None:
    """Two rules, two answers."""
    found = judged(week().with_columns(pl.col("temperature") + 3), np.random.default_rng(1).beta(2, 5, 840))

    assert [one.fired for one in signals(found)] == [True, False]
    assert signals(found)[0].detail.startswith("1 of 3 drifted (840 rows): temperature: distance 0.")


def test_each_class_of_a_model_has_a_score() -> None:
    """A feature of the name `score` is not one of them."""
    random = np.random.default_rng(1)
    answers = random.dirichlet([1, 2, 3], 1680)
    features = pl.DataFrame({"score": random.normal(size=1680)})
    made = build(features, None, SPEC, MODEL, scores=answers, classes=("a", "b", "c"))

    found = report(features, answers, made, POLICY, window(0), environment=PROD)

    assert [(one.column, one.is_score) for one in found.columns] == [
        ("score", False),
        ("score.a", True),
        ("score.b", True),
        ("score.c", True),
    ]
    assert found.outcome == "stable"


@pytest.mark.parametrize("method", ["psi", "jensen_shannon", "wasserstein"])
def test_every_method_finds_a_shift_and_leaves_a_like_week(method: str) -> None:
    """In its own unit, without building the reference again."""
    policy = Drift(method=method, effect={"psi": 0.2, "jensen_shannon": 0.1, "wasserstein": 0.2}[method])  # type: ignore[arg-type]

    assert judged(week(), policy=policy).outcome == "stable"
    assert judged(week().with_columns(pl.col("temperature") + 2), policy=policy).outcome == "drifted"


# How many rows it takes, and what is kept.


def test_a_column_with_too_many_categories_for_the_rows_is_not_judged_and_says_how_many_it_takes() -> None:
    """150 destinations in 500 rows differ by chance; the same number of rows is enough for two."""
    random = np.random.default_rng(6)
    names = np.array([f"d{i:03}" for i in range(150)])
    many = pl.DataFrame({"dest": random.choice(names, 8400), "origin": random.choice(["EWR", "JFK"], 8400)})
    spec = msgspec.structs.replace(SPEC, drift=Drift(min_rows=20, window=timedelta(days=35)))
    made = build(many, times(10), spec, MODEL)

    found = report(many.head(250), None, made, spec.drift, window(0), environment=PROD)

    assert [one.outcome for one in found.columns] == ["insufficient_data", "stable"]
    assert column(found, "dest").reason.startswith("250 rows, about ")
    needed = int(column(found, "dest").reason.split("about ")[1].split()[0].replace(",", ""))
    enough = report(many.head(int(needed * 1.15)), None, made, spec.drift, window(0), environment=PROD)
    assert column(enough, "dest").outcome == "stable"


def test_a_reference_survives_its_store_byte_by_byte_and_is_small() -> None:
    """Canonical JSON, so that the report can name its digest."""
    content = encode(reference())

    assert encode(decode(content, Reference)) == content
    assert len(content) < 12_000
    assert judged(week()).reference == digest(reference())


def test_another_window_has_another_reference() -> None:
    """Blocks are as long as the windows they judge."""
    longer = msgspec.structs.replace(SPEC, drift=Drift(window=timedelta(days=14)))

    assert uri(SPEC, MODEL) != uri(longer, MODEL)


@given(seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_a_constant_column_is_stable_until_it_changes(seed: int) -> None:
    """One bin, a defined distance of 0, then of 1."""
    value = float(np.random.default_rng(seed).normal())
    constant = pl.DataFrame({"fuel": np.full(1000, value)})
    made = build(constant, None, SPEC, MODEL)

    same, other = (
        report(constant + shift, None, made, POLICY, window(0), environment=PROD).columns[0] for shift in (0.0, 1.0)
    )

    assert (same.outcome, same.distance) == ("stable", 0.0)
    assert (other.outcome, other.distance) == ("drifted", pytest.approx(1.0))
