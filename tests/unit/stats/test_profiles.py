"""Profiles count every row once, add up exactly, and never raise on odd values."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.stats.profile import (
    Categories,
    Numbers,
    Profile,
    categories_of,
    cells,
    cuts,
    known_categories,
    merge,
    missing_share,
    numbers_of,
    profile_of,
    rows,
    unseen_share,
)

ODD_NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60)
NAMES = st.lists(st.sampled_from([None, "", "a", "b", "c", "d", "e", "f", "NaN"]), max_size=60)
AT = (-1.0, 0.0, 0.5, 2.0)
KNOWN = ("a", "b", "c")


@given(ODD_NUMBERS, st.integers(2, 30))
def test_numbers_never_raise_and_every_row_is_counted(values: list[float], bins: int) -> None:
    """NaN, infinities, huge, tiny, constant and empty columns have a profile in their own bins."""
    made = numbers_of(values, cuts(values, bins))

    assert rows(made) == len(values)
    assert made.nulls == np.count_nonzero(np.isnan(values))
    assert made.infinite == np.count_nonzero(np.isinf(values))
    assert list(made.cuts) == sorted(set(made.cuts))
    assert np.isfinite(made.cuts).all()


@given(ODD_NUMBERS, ODD_NUMBERS, ODD_NUMBERS)
def test_number_profiles_add_up_in_any_order(one: list[float], two: list[float], three: list[float]) -> None:
    """Profiles of parts merge to the profile of all rows: associative and commutative, to the last bit."""
    a, b, c = (numbers_of(values, AT) for values in (one, two, three))

    merged = merge(merge(a, b), c)

    assert merged == merge(a, merge(b, c)) == merge(c, merge(b, a)) == numbers_of(one + two + three, AT)


@given(NAMES, NAMES, NAMES)
def test_category_profiles_add_up_in_any_order(one: list[str], two: list[str], three: list[str]) -> None:
    """The few names kept of unseen categories too."""
    a, b, c = (categories_of(values, KNOWN) for values in (one, two, three))

    merged = merge(merge(a, b), c)

    assert merged == merge(a, merge(b, c)) == merge(c, merge(b, a)) == categories_of(one + two + three, KNOWN)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80))
def test_the_reference_s_own_values_are_within_its_range(values: list[float]) -> None:
    """Nothing of the reference lies below its first or above its last cut."""
    made = numbers_of(values, cuts(values))

    assert (made.counts[0], made.counts[-1]) == (0, 0)


def test_quantile_bins_hold_about_equal_counts() -> None:
    """A smooth column fills each inner bin alike."""
    values = np.random.default_rng(1).normal(size=10_000)

    made = numbers_of(values, cuts(values, bins=10))

    assert len(made.counts) == 12
    assert made.counts[1:-1] == pytest.approx([1000] * 10, abs=2)


def test_a_value_that_many_rows_share_has_its_own_bin() -> None:
    """Rain is mostly exactly zero: a shift among the wet hours must not hide behind the dry ones."""
    values = np.concatenate((np.zeros(650), np.random.default_rng(1).random(350) + 0.001))

    made = numbers_of(values, cuts(values, bins=10))

    assert 650 in made.counts


@pytest.mark.parametrize("values", [[3.0] * 50, [0.0, 1.0] * 20, list(range(7)) * 3])
def test_few_values_have_a_bin_each(values: list[float]) -> None:
    """Constants, flags and weekdays keep their exact counts."""
    made = numbers_of(values, cuts(values))

    counted = [count for count in made.counts if count]
    assert counted == np.unique(values, return_counts=True)[1].tolist()


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [np.inf]])
def test_a_column_without_numbers_has_one_bin(values: list[float]) -> None:
    """Defined, if dull: whatever comes later is compared as numbers against none."""
    assert cuts(values) == ()
    assert numbers_of([1.0, np.nan], ()).counts == (1,)


def test_one_bin_is_refused() -> None:
    """One bin is the same for every column."""
    with pytest.raises(PermanentError, match="1 bins"):
        cuts([1.0, 2.0], bins=1)


def test_unseen_categories_are_counted_and_named() -> None:
    """A new category is one bucket with its first names in the order of the alphabet."""
    made = categories_of(["a", "z", None, "y", "z", *"uvwxt"], KNOWN)

    assert made == Categories(known=KNOWN, counts=(1, 0, 0), unseen=8, unseen_names=("t", "u", "v", "w", "x"), nulls=1)


def test_counts_by_value_are_as_good_as_values() -> None:
    """A data frame's value counts give the same profile as its rows."""
    assert categories_of({"a": 2, "z": 1, None: 3}, KNOWN) == categories_of(["a", "a", "z", None, None, None], KNOWN)


def test_the_most_frequent_categories_are_known() -> None:
    """Tail numbers by the thousand: the frequent ones have names, ties go by the alphabet."""
    known = known_categories(["c", "c", "b", "b", "a", "z", None, None, None], at_most=3)

    assert known == ("a", "b", "c")


@pytest.mark.parametrize(
    "other",
    [numbers_of([1.0], (0.0, 1.0)), categories_of(["a"], KNOWN), categories_of(["a"], ("a",))],
)
def test_profiles_in_different_bins_are_refused(other: Profile) -> None:
    """Adding counts of other bins would be silently wrong."""
    one = numbers_of([1.0], AT) if other != categories_of(["a"], ("a",)) else categories_of(["a"], KNOWN)

    with pytest.raises(PermanentError, match="different bins"):
        merge(one, other)


def test_a_profile_survives_json() -> None:
    """References are stored as JSON; cuts come back to the last bit."""
    values = np.random.default_rng(2).normal(size=100)
    written = [numbers_of(values, cuts(values)), categories_of(["a", None, "z"], KNOWN)]

    read = msgspec.json.decode(msgspec.json.encode(written), type=list[Profile])

    assert read == written
    assert json.loads(msgspec.json.encode(written))[0]["profile"] == "numbers"


def test_another_column_is_counted_in_the_reference_s_bins() -> None:
    """One call for both kinds."""
    made = profile_of([0.2, np.nan], numbers_of([], AT)), profile_of(["b", "q"], categories_of([], KNOWN))

    assert made == (numbers_of([0.2, np.nan], AT), categories_of(["b", "q"], KNOWN))


def test_shares_of_missing_and_unseen_are_of_all_rows() -> None:
    """Null and infinite are missing; beyond the range or the list is unseen; no rows are no share."""
    numbers = numbers_of([np.nan, np.inf, -5.0, 0.2, 0.2, 0.2, 0.2, 9.0], AT)
    names = categories_of([None, "a", "q", "q"], KNOWN)

    assert (missing_share(numbers), unseen_share(numbers)) == (0.25, 0.25)
    assert (missing_share(names), unseen_share(names)) == (0.25, 0.5)
    assert (missing_share(numbers_of([], AT)), unseen_share(numbers_of([], ()))) == (0, 0)
    assert cells(numbers).tolist() == [1, 0, 4, 0, 1, 1, 1]


def test_number_profiles_know_their_kind() -> None:
    """The union's two members are told apart by type."""
    assert isinstance(numbers_of([], AT), Numbers)
