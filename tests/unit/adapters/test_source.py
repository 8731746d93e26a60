"""Rows come from files or a reader; what is wrong with them is said where it is."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from headgate.adapters.source import read
from headgate.errors import PermanentError, TransientError
from headgate.records.dataset import Window

FLIGHTS = "at,carrier,temp\n2013-01-01 05:00,UA,39.02\n2013-01-02 06:00,AA,NA\n"


def at(day: int, *clock: int) -> datetime:
    """Return a naive time in January 2013: naive means UTC."""
    return datetime(2013, 1, day, *clock, tzinfo=UTC).replace(tzinfo=None)


def written(folder: Path, name: str, content: str | bytes) -> str:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def test_a_file_that_is_not_there_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    """The commonest mistake is a typing mistake."""
    written(tmp_path, "flights.csv", FLIGHTS)

    with pytest.raises(PermanentError, match=r"no file .*flight\.csv'\. Did you mean 'flights\.csv'"):
        read("flight.csv", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "is empty: 0 bytes"),
        ("header.csv", "a,b\n", "gives no rows"),
        ("ragged.csv", "a,b\n1,2\n1,2,3\n", "is not a CSV file"),
        ("short.parquet", b"PAR1xx", "is not a whole Parquet file"),
        ("flights.xlsx", "PK", "neither CSV nor Parquet"),
        ("flights.csv.gz", b"not gzip", "is not a CSV file"),
        ("latin.csv", "a,b\nM\xfcnchen,1\n".encode("latin-1"), "is not a CSV file"),
    ],
)
def test_a_file_without_rows_is_a_permanent_error_that_says_why(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    """Empty, header only, ragged, cut, foreign."""
    with pytest.raises(PermanentError, match=message):
        read(written(tmp_path, name, content), tmp_path)


def test_a_truncated_parquet_file_is_named(tmp_path: Path) -> None:
    """Half a file is no file."""
    pl.DataFrame({"a": range(100_000)}).write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()

    with pytest.raises(PermanentError, match=r"a\.parquet' is not a whole Parquet file"):
        read(written(tmp_path, "a.parquet", content[: len(content) // 2]), tmp_path)


def test_a_folder_without_parquet_is_said(tmp_path: Path) -> None:
    """An empty folder is not an empty dataset."""
    with pytest.raises(PermanentError, match=r"has no \.parquet files"):
        read(".", tmp_path)


def test_files_of_a_folder_must_agree_on_their_columns(tmp_path: Path) -> None:
    """Otherwise a type change in one month would go unseen."""
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "1.parquet")
    pl.DataFrame({"a": ["x"]}).write_parquet(tmp_path / "2.parquet")

    with pytest.raises(PermanentError, match=r"'2\.parquet' and '1\.parquet' differ in column 'a'"):
        read(".", tmp_path)


def test_an_unparsable_time_is_quoted_with_its_row(tmp_path: Path) -> None:
    """A person must be able to find it."""
    name = written(tmp_path, "t.csv", "at,x\n2013-01-01 05:00,1\nsoon,2\n")

    with pytest.raises(PermanentError, match="no time: 'soon' in row 2"):
        read(name, tmp_path, time="at")


def test_a_time_that_can_be_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    """March or April: no data can say."""
    name = written(tmp_path, "t.csv", "at,x\n03/04/2013,1\n05/06/2013,2\n")

    with pytest.raises(PermanentError, match="can be read in two ways: '03/04/2013'"):
        read(name, tmp_path, time="at")


def test_times_from_the_future_are_refused_beyond_five_minutes(tmp_path: Path) -> None:
    """Clocks differ, but not by more."""
    name = written(tmp_path, "f.csv", FLIGHTS)

    with pytest.raises(PermanentError, match="1 row is from the future"):
        read(name, tmp_path, time="at", now=datetime(2013, 1, 2, 5, 54, tzinfo=UTC))

    assert read(name, tmp_path, time="at", now=datetime(2013, 1, 2, 5, 55, tzinfo=UTC)).height == 2


def test_a_time_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before anything is filtered by it."""
    with pytest.raises(PermanentError, match=r"no column 'att'\. Did you mean 'at'"):
        read(written(tmp_path, "f.csv", FLIGHTS), tmp_path, time="att")


def test_a_readers_failure_is_told_with_its_type() -> None:
    """The person's own code failed, and it says so."""

    def broken(window: Window | None) -> Any:
        raise KeyError("weather")

    with pytest.raises(PermanentError, match=r"reader .*:broken failed: KeyError: 'weather'"):
        read(broken, Path())


def test_a_readers_own_verdict_on_retrying_is_kept() -> None:
    """A source that is not ready yet is transient, not broken."""

    def late(window: Window | None) -> Any:
        raise TransientError("no rows of yesterday yet")

    with pytest.raises(TransientError, match="no rows of yesterday"):
        read(late, Path())


def test_a_reader_must_give_a_frame() -> None:
    """A number is none."""
    with pytest.raises(PermanentError, match="gave int, expected a polars DataFrame"):
        read(lambda window: 5, Path())


def test_types_are_inferred_over_the_whole_file(tmp_path: Path) -> None:
    """A decimal in the last row makes the column decimal."""
    lines = ["n,word", *(f"{n},x" for n in range(5000)), "0.5,y"]

    rows = read(written(tmp_path, "n.csv", "\n".join(lines)), tmp_path)

    assert rows.schema == {"n": pl.Float64, "word": pl.String}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("2013-01-31", "2013-02-01", date(2013, 1, 31)),
        ("2013/01/31", "2013/02/01", date(2013, 1, 31)),
        ("31.01.2013", "01.02.2013", date(2013, 1, 31)),
        ("01/31/2013", "02/01/2013", date(2013, 1, 31)),
        ("31/01/2013", "01/02/2013", date(2013, 1, 31)),
        ("2013-01-31 08:15", "2013-02-01 09:30", at(31, 8, 15)),
        ("2013-01-31T08:15:30.25", "2013-02-01T09:30:00", at(31, 8, 15, 30, 250_000)),
        ("2013-01-31T08:15:00Z", "2013-02-01T09:30:00Z", datetime(2013, 1, 31, 8, 15, tzinfo=UTC)),
        ("2013-01-31 10:15:00+02:00", "2013-02-01 09:30:00+01:00", datetime(2013, 1, 31, 8, 15, tzinfo=UTC)),
    ],
)
def test_times_are_parsed_in_the_usual_ways_of_writing(tmp_path: Path, first: str, second: str, expected: date) -> None:
    """One way a column; empty values stay empty."""
    rows = read(written(tmp_path, "t.csv", f"at,x\n{first},1\n{second},2\n,3\n"), tmp_path)

    assert rows["at"].to_list()[0] == expected
    assert rows["at"].null_count() == 1


def test_words_and_numbers_that_are_no_times_stay_what_they_are(tmp_path: Path) -> None:
    """2013 is a year or a count; a route is no date."""
    rows = read(written(tmp_path, "w.csv", "year,route,mixed\n2013,EWR-IAH,2013-01-01\n2014,JFK-BOS,later\n"), tmp_path)

    assert rows.schema == {"year": pl.Int64, "route": pl.String, "mixed": pl.String}


def test_missing_values_are_read_as_missing(tmp_path: Path) -> None:
    """NA in a column of numbers is no text."""
    rows = read(written(tmp_path, "f.csv", FLIGHTS), tmp_path)

    assert rows["temp"].to_list() == [39.02, None]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "|")])
def test_the_separator_is_seen_in_the_header(tmp_path: Path, name: str, mark: str) -> None:
    """Spreadsheets of half the world write semicolons."""
    rows = read(written(tmp_path, name, FLIGHTS.replace(",", mark)), tmp_path)

    assert rows.columns == ["at", "carrier", "temp"]


def test_a_packed_csv_is_read(tmp_path: Path) -> None:
    """Gzip is how large ones travel."""
    rows = read(written(tmp_path, "f.csv.gz", gzip.compress(FLIGHTS.encode())), tmp_path)

    assert rows.height == 2


def test_a_folder_of_parquet_is_one_table_in_the_order_of_names(tmp_path: Path) -> None:
    """Sub-folders too, and columns in another order."""
    (tmp_path / "2013").mkdir()
    pl.DataFrame({"a": [1], "b": ["x"]}).write_parquet(tmp_path / "2013" / "01.parquet")
    pl.DataFrame({"b": ["y"], "a": [2]}).write_parquet(tmp_path / "2013" / "02.parquet")

    rows = read("2013", tmp_path)

    assert rows.rows() == [(1, "x"), (2, "y")]


def test_a_window_takes_its_start_and_leaves_its_end(tmp_path: Path) -> None:
    """Half open, so that windows in a row share nothing."""
    window = Window(start=datetime(2013, 1, 1, 5, tzinfo=UTC), end=datetime(2013, 1, 2, 6, tzinfo=UTC))

    rows = read(written(tmp_path, "f.csv", FLIGHTS), tmp_path, window, time="at")

    assert rows["carrier"].to_list() == ["UA"]


def test_a_reader_gets_the_window_and_may_be_lazy(tmp_path: Path) -> None:
    """It may ask its database for the window alone; what it gives beyond is cut."""
    asked: list[Window | None] = []

    def reader(window: Window | None) -> pl.LazyFrame:
        asked.append(window)
        return pl.LazyFrame({"at": [at(1, 5), at(3)], "x": [1, 2]})

    window = Window(start=datetime(2013, 1, 1, tzinfo=UTC), end=datetime(2013, 1, 2, tzinfo=UTC))
    rows = read(reader, tmp_path, window, time="at")

    assert asked == [window]
    assert rows["x"].to_list() == [1]


def test_a_reader_may_give_an_arrow_table(tmp_path: Path) -> None:
    """Anything that speaks Arrow's stream protocol."""

    class Table:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return pl.DataFrame({"x": [1, 2]}).__arrow_c_stream__(requested_schema)

    assert read(lambda window: Table(), tmp_path)["x"].to_list() == [1, 2]
