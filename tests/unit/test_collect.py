"""Rows are cut by event time, or by hash, into parts that share nothing."""

from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.collect import cut, describe
from headgate.contract.split import fitting_split
from headgate.errors import PermanentError, TransientError
from headgate.names import Digest
from headgate.specs.reading import parse
from headgate.specs.service import Service, Split

JANUARY = datetime(2013, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
NO_TIME = "service: demo\ntask: binary\ndata: {reader: x.csv, label: {column: late}}"


def service(**data: object) -> Service:
    given = {"reader": "x.csv", "time": "at", "id": ["id"], "label": {"column": "late", "matures_after": "PT12H"}}
    split = {"train": "P60D", "tune": "P5D", "gap": "P1D", "gate": "P10D"}
    text = msgspec.json.encode({"service": "demo", "task": "binary", "data": given | data, "split": split}).decode()
    return parse(text, Service, "service.yaml")


def hourly(hours: int, **columns: object) -> pl.DataFrame:
    """Return one row an hour from the first of January, late every third."""
    start = JANUARY.replace(tzinfo=None)
    times = pl.datetime_range(start, start + timedelta(hours=hours - 1), "1h", eager=True)
    rows = pl.DataFrame({"at": times, "id": range(hours), "late": [n % 3 == 0 for n in range(hours)]})
    return rows.with_columns(**{name: pl.lit(value) for name, value in columns.items()})


def spans(parts: dict[str, pl.DataFrame]) -> dict[str, tuple[datetime, datetime]]:
    return {part: (rows["at"].min(), rows["at"].max()) for part, rows in parts.items()}


def january(day: int, hour: int = 0) -> datetime:
    return JANUARY.replace(tzinfo=None) + timedelta(days=day - 1, hours=hour)


def test_no_rows_are_refused() -> None:
    """An empty source never becomes a dataset."""
    with pytest.raises(PermanentError, match="has no rows"):
        cut(hourly(10).clear(), service())


@pytest.mark.parametrize(
    ("data", "column", "meant"),
    [
        ({"label": {"column": "lat"}}, "lat", "late"),
        ({"time": "att"}, "att", "at"),
        ({"id": ["idd"]}, "idd", "id"),
        ({"cluster": "dday"}, "dday", None),
    ],
)
def test_a_column_the_rows_lack_is_named_with_the_one_that_may_be_meant(
    data: dict[str, object], column: str, meant: str | None
) -> None:
    """Label, time, id and cluster are all looked for."""
    with pytest.raises(PermanentError, match=f"no column '{column}'") as caught:
        cut(hourly(100), service(**data))

    assert meant is None or f"Did you mean '{meant}'" in caught.value.message


@pytest.mark.parametrize("cluster", ["day", "week"])
def test_day_and_week_need_not_be_columns(cluster: str) -> None:
    """They are made from the event time."""
    assert cut(hourly(24 * 40), service(cluster=cluster))["gate"].height == 240


def test_a_split_longer_than_history_says_how_many_days_there_are() -> None:
    """The person sees what the spec asks beside what there is."""
    with pytest.raises(PermanentError, match=r"the train part would be empty: .*\(15 days\)") as caught:
        cut(hourly(24 * 15 + 1), service())

    assert "gate P10D" in str(caught.value.found)


def test_gate_rows_that_have_not_matured_may_be_retried_and_it_says_when() -> None:
    """The labels of the last gate day come twelve hours after it."""
    with pytest.raises(TransientError, match=r"not before 2013-02-10T12:00:00"):
        cut(hourly(24 * 60), service(), as_of=january(41), gate_from=january(31))


def test_gate_rows_that_the_source_does_not_have_yet_may_be_retried() -> None:
    """Time has passed, and the source is behind."""
    with pytest.raises(TransientError, match=r"the last row is from 2013-02-04T23"):
        cut(hourly(24 * 35), service(), as_of=january(150), gate_from=january(31))


def test_missing_times_are_refused() -> None:
    """A row without time belongs to no part; dropping it would be silent."""
    rows = hourly(24 * 40).with_columns(at=pl.when(pl.col("id") == 7).then(None).otherwise("at"))

    with pytest.raises(PermanentError, match="empty in 1 of 960 rows"):
        cut(rows, service())


def test_a_time_that_is_a_number_is_refused() -> None:
    """Seconds or milliseconds since when, no data can say."""
    with pytest.raises(PermanentError, match="is int64, not a time"):
        cut(hourly(100), service(time="id", id=[]))


def test_labels_that_must_not_be_missing_are_counted() -> None:
    """`missing: refuse` is the service's word."""
    rows = hourly(24 * 40).with_columns(late=pl.when(pl.col("id") < 5).then(None).otherwise("late"))

    with pytest.raises(PermanentError, match="missing in 5 of 960 rows"):
        cut(rows, service(label={"column": "late", "missing": "refuse"}))


def test_a_label_that_never_came_is_refused_whole() -> None:
    """Nothing can be learned from no label at all."""
    with pytest.raises(PermanentError, match="missing in 960 of 960 rows"):
        cut(hourly(24 * 40, late=None), service())


def test_parts_follow_each_other_in_whole_days_with_the_gap_before_the_gate() -> None:
    """The last day's labels have not matured at the end of the data, so the gate ends a day before."""
    parts = cut(hourly(24 * 40), service())

    assert spans(parts) == {
        "train": (january(1), january(23, 23)),
        "tune": (january(24), january(28, 23)),
        "gate": (january(30), january(39, 23)),
    }


def test_only_rows_whose_label_could_have_come_are_cut() -> None:
    """At noon of the 30th, twelve hours before is the end of the 29th."""
    parts = cut(hourly(24 * 40), service(), as_of=january(30, 13))

    assert spans(parts)["gate"] == (january(20), january(29, 23))


def test_an_instant_with_a_zone_means_the_same_as_its_utc() -> None:
    """`as_of` may come from anywhere."""
    zoned = datetime.fromisoformat("2013-01-30T14:00:00+02:00")

    assert spans(cut(hourly(24 * 40), service(), as_of=zoned)) == spans(
        cut(hourly(24 * 40), service(), as_of=january(30, 12))
    )


def test_a_date_long_after_the_data_ends_takes_the_last_rows() -> None:
    """An old CSV is judged by its own time."""
    parts = cut(hourly(24 * 40), service(), as_of=january(5000))

    assert spans(parts)["gate"] == (january(31), january(40, 23))


def test_gate_from_starts_the_gate_there() -> None:
    """The gate rows come after the window that raised the signal."""
    parts = cut(hourly(24 * 60), service(), as_of=january(60), gate_from=january(32))

    assert spans(parts) == {
        "train": (january(1), january(25, 23)),
        "tune": (january(26), january(30, 23)),
        "gate": (january(32), january(41, 23)),
    }


def test_train_takes_at_most_what_the_split_says() -> None:
    """Older rows are left out."""
    assert cut(hourly(24 * 100), service())["train"].height == 60 * 24


def test_rows_without_label_stay_and_are_counted_by_part() -> None:
    """They never count as an answer, and never vanish."""
    rows = hourly(24 * 40).with_columns(late=pl.when(pl.col("id") % 100 == 0).then(None).otherwise("late"))
    parts = cut(rows, service())

    dataset = describe(parts, files_of(parts), service(), Digest("c" * 64), "x.csv")

    assert [dataset.parts[part].labels_missing for part in ("train", "tune", "gate")] == [6, 1, 3]
    assert dataset.rows == sum(part.height for part in parts.values())


def files_of(parts: dict[str, pl.DataFrame]) -> dict[str, tuple[str, Digest]]:
    return {part: (f"{part}.parquet", Digest("a" * 64)) for part in parts}


def test_the_dataset_says_its_windows_in_whole_days() -> None:
    """Half open, as people read them."""
    parts = cut(hourly(24 * 40), service())

    dataset = describe(parts, files_of(parts), service(), Digest("c" * 64), "x.csv")

    gate = dataset.parts["gate"].window
    assert gate is not None
    assert (gate.start, gate.end) == (JANUARY + 29 * DAY, JANUARY + 39 * DAY)
    assert dataset.uri == f"datasets/demo/{dataset.sha256}"


def test_windows_stay_tight_where_whole_days_would_bring_parts_too_close() -> None:
    """A gate that starts at six in the morning would seem to touch the tune rows."""
    spec = service()
    parts = cut(hourly(24 * 60), spec, as_of=january(60), gate_from=january(32, 6))

    dataset = describe(parts, files_of(parts), spec, Digest("c" * 64), "x.csv")

    tune, gate = dataset.parts["tune"].window, dataset.parts["gate"].window
    assert tune is not None
    assert gate is not None
    assert gate.start == datetime(2013, 2, 1, 6, tzinfo=UTC)
    assert tune.end + spec.split.gap <= gate.start


def test_shuffled_rows_give_the_same_parts() -> None:
    """A reader's order is no part of the data."""
    rows = hourly(24 * 40).with_columns(pl.col("at").dt.truncate("6h"))

    first, second = cut(rows, service()), cut(rows.sample(fraction=1.0, shuffle=True, seed=3), service())

    assert all(first[part].equals(second[part]) for part in first)


@settings(max_examples=60, deadline=None)
@given(
    hours=st.integers(24 * 30, 24 * 80),
    as_of=st.integers(24 * 20, 24 * 100),
    matures=st.integers(0, 72),
    zone=st.sampled_from([None, "UTC", "America/New_York"]),
)
def test_parts_never_share_a_row_and_keep_their_distance(
    hours: int, as_of: int, matures: int, zone: str | None
) -> None:
    """Whatever the moment: order, gap, maturity and lengths hold, or the split is refused."""
    spec = service(label={"column": "late", "matures_after": f"PT{matures}H"})
    rows = hourly(hours).with_columns(pl.col("at").dt.replace_time_zone("UTC"))
    rows = rows.with_columns(pl.col("at").dt.convert_time_zone(zone)) if zone else rows
    now = JANUARY + timedelta(hours=as_of)

    try:
        parts = cut(rows, spec, as_of=now)
    except PermanentError:
        assert min(hours, as_of - matures) < 24 * 18
        return

    train, tune, gate = (parts[part]["at"].dt.convert_time_zone("UTC") for part in ("train", "tune", "gate"))
    assert train.max() < tune.min()
    assert tune.max() + spec.split.gap < gate.min() + timedelta(hours=1)
    assert gate.max() + timedelta(hours=matures) < now
    assert 217 <= gate.len() <= 240  # the last day may hold a single hour
    assert tune.len() == 120
    assert len(train) <= 60 * 24


@settings(max_examples=60, deadline=None)
@given(
    hours=st.lists(st.integers(0, 24 * 400), min_size=30, max_size=200, unique=True),
    matures=st.sampled_from([timedelta(0), timedelta(hours=2)]),
)
def test_a_fitting_split_can_always_be_cut(hours: list[int], matures: timedelta) -> None:
    """`headgate init` writes a split that runs as it is, however uneven the history is."""
    rows = hourly(max(hours) + 1).filter(pl.col("id").is_in(hours))
    split = fitting_split(rows, "at", matures)
    spec = msgspec.structs.replace(
        service(label={"column": "late", "matures_after": f"PT{matures // timedelta(hours=1)}H"}), split=split
    )

    parts = cut(rows, spec)

    assert parts["train"].height >= len(hours) * 0.4
    assert parts["gate"].height >= len(hours) * 0.1


def test_a_fitting_gate_is_not_longer_than_a_season() -> None:
    """A retraining waits for fresh gate rows."""
    assert fitting_split(hourly(24 * 1000), "at").gate == 90 * DAY


def test_a_fitting_split_of_a_year_is_in_whole_days_with_a_gap() -> None:
    """What people would write."""
    assert fitting_split(hourly(24 * 365), "at") == Split(train=365 * DAY, tune=37 * DAY, gap=DAY, gate=73 * DAY)


def test_without_time_a_fifth_of_the_groups_is_for_the_gate_and_no_group_is_torn() -> None:
    """Rows of one cluster depend on each other."""
    spec = service(time=None, cluster="patient")
    rows = hourly(6000).with_columns(patient=pl.col("id") // 6)

    parts = cut(rows, spec)

    groups = {part: set(rows["patient"]) for part, rows in parts.items()}
    assert not groups["train"] & groups["gate"]
    assert not groups["tune"] & (groups["gate"] | groups["train"])
    assert 0.17 < len(groups["gate"]) / 1000 < 0.23
    assert 0.07 < len(groups["tune"]) / 1000 < 0.13


def test_without_time_a_group_never_moves_when_rows_are_added() -> None:
    """A gate row of last month is no train row of this month."""
    spec = service(time=None)

    before, after = cut(hourly(2000), spec), cut(hourly(4000), spec)

    assert set(before["gate"]["id"]) <= set(after["gate"]["id"])
    assert set(before["train"]["id"]) <= set(after["train"]["id"])


def test_without_time_and_id_equal_rows_stay_together() -> None:
    """A copy of a gate row in train would be the answer."""
    rows = pl.concat([hourly(500).drop("at")] * 2)

    parts = cut(rows, parse(NO_TIME, Service, "service.yaml"))

    assert not set(parts["gate"]["id"]) & set(parts["train"]["id"])
    assert sum(part.height for part in parts.values()) == 1000


def test_few_groups_still_fill_every_part() -> None:
    """Three patients are one for each."""
    rows = hourly(30).with_columns(patient=pl.col("id") // 10)

    parts = cut(rows, service(time=None, cluster="patient"))

    assert [part.height for part in parts.values()] == [10, 10, 10]


def test_two_groups_are_too_few() -> None:
    """Train, tune and gate need one each."""
    rows = hourly(30).with_columns(patient=pl.col("id") // 15)

    with pytest.raises(PermanentError, match="2 groups of 'patient'"):
        cut(rows, service(time=None, cluster="patient"))


def test_without_time_a_dataset_has_no_window() -> None:
    """And its digest is made all the same."""
    spec = service(time=None)
    parts = cut(hourly(500), spec)

    dataset = describe(parts, files_of(parts), spec, Digest("c" * 64), "x.csv")

    assert dataset.window is None
    assert dataset.parts["gate"].window is None
