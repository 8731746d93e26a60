"""What does a column look like? Counts in bins fixed by the reference, so that profiles of parts add up exactly."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from headgate.errors import PermanentError
from headgate.records.codec import Part

Floats = NDArray[np.float64]

UNSEEN_NAMES = 5
"""How many unseen categories are kept by name for the report."""


class Numbers(Part, frozen=True, kw_only=True, tag_field="profile", tag="numbers"):
    """A numeric column: bin 0 is below the first cut, the last bin at or above the last; NaN is null."""

    cuts: tuple[float, ...]
    """Rising. The reference's lowest value opens the second bin, its highest closes the last but one."""
    counts: tuple[int, ...]
    """One more than cuts."""
    nulls: int = 0
    infinite: int = 0


class Categories(Part, frozen=True, kw_only=True, tag_field="profile", tag="categories"):
    """A categorical column: counts of the reference's categories, and of all others together."""

    known: tuple[str, ...]
    counts: tuple[int, ...]
    unseen: int = 0
    unseen_names: tuple[str, ...] = ()
    """The first few unseen categories in the order of the alphabet."""
    nulls: int = 0


Profile = Numbers | Categories


def cuts(values: ArrayLike, bins: int = 20) -> tuple[float, ...]:
    """Return cuts at the values' quantiles; a value that holds a bin's share by itself gets a bin of its own.

    >>> cuts([1.0, 1.0, 1.0], bins=10)
    (1.0, 1.0000000000000002)
    """
    if bins < 2:
        raise PermanentError(f"{bins} bins don't show a shape; expected at least 2")
    numbers = np.asarray(values, dtype=np.float64).ravel()
    ordered = np.sort(numbers[np.isfinite(numbers)])
    if not ordered.size:
        return ()
    at = np.minimum(np.arange(bins + 1) * len(ordered) // bins, len(ordered) - 1)
    quantiles, times = np.unique(ordered[at], return_counts=True)
    first = ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]
    spikes, opened = (first, first) if len(first) <= bins else (quantiles[times > 1], quantiles[:-1])
    with np.errstate(over="ignore"):  # the largest double has no successor
        closed = np.nextafter(np.append(spikes, ordered[-1]), np.inf)
    every = np.unique(np.concatenate((opened, closed)))
    return tuple(every[np.isfinite(every)].tolist())


def numbers_of(values: ArrayLike, at: tuple[float, ...]) -> Numbers:
    """Return the profile of numeric values in the bins between the cuts `at`."""
    numbers = np.asarray(values, dtype=np.float64).ravel()
    nulls = int(np.count_nonzero(np.isnan(numbers)))
    finite = numbers[np.isfinite(numbers)]
    bins = np.searchsorted(np.asarray(at, dtype=np.float64), finite, side="right")
    counts = np.bincount(bins, minlength=len(at) + 1)
    infinite = len(numbers) - len(finite) - nulls
    return Numbers(cuts=at, counts=tuple(counts.tolist()), nulls=nulls, infinite=infinite)


def known_categories(values: Iterable[str | None] | Mapping[str | None, int], at_most: int = 200) -> tuple[str, ...]:
    """Return the reference's categories, the most frequent `at_most` of them, in the order of the alphabet."""
    counted = [(-count, name) for name, count in Counter(values).items() if name is not None and count > 0]
    return tuple(sorted(name for _, name in sorted(counted)[:at_most]))


def categories_of(values: Iterable[str | None] | Mapping[str | None, int], known: tuple[str, ...]) -> Categories:
    """Return the profile of categories, given as values or as counts by value; None is null."""
    counted = Counter(values)
    nulls = counted.pop(None, 0)
    others = {name: count for name, count in counted.items() if name not in set(known) and count > 0}
    return Categories(
        known=known,
        counts=tuple(counted[name] for name in known),
        unseen=sum(others.values()),
        unseen_names=tuple(sorted(map(str, others))[:UNSEEN_NAMES]),
        nulls=nulls,
    )


def profile_of(values: ArrayLike | Iterable[str | None], reference: Profile) -> Profile:
    """Return the profile of `values` in the reference's own bins, so that the two can be compared or merged."""
    if isinstance(reference, Numbers):
        return numbers_of(cast("ArrayLike", values), reference.cuts)  # a numeric column by the reference's word
    return categories_of(cast("Iterable[str | None]", values), reference.known)


def merge(one: Profile, other: Profile) -> Profile:
    """Return the profile of both parts' rows together: exact, in any order."""
    counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=False))
    nulls = one.nulls + other.nulls
    if isinstance(one, Numbers) and isinstance(other, Numbers) and one.cuts == other.cuts:
        return Numbers(cuts=one.cuts, counts=counts, nulls=nulls, infinite=one.infinite + other.infinite)
    if isinstance(one, Categories) and isinstance(other, Categories) and one.known == other.known:
        names = tuple(sorted({*one.unseen_names, *other.unseen_names})[:UNSEEN_NAMES])
        unseen = one.unseen + other.unseen
        return Categories(known=one.known, counts=counts, unseen=unseen, unseen_names=names, nulls=nulls)
    raise unlike(one, other)


def unlike(one: Profile, other: Profile) -> PermanentError:
    """Return the error for two profiles whose bins differ."""
    found = (
        f"{type(one).__name__.lower()} in {len(one.counts)} bins, {type(other).__name__.lower()} in {len(other.counts)}"
    )
    return PermanentError(
        "profiles with different bins don't compare or add up",
        found=found,
        next_step="make both in the reference's bins: profile_of(values, reference)",
    )


def cells(profile: Profile) -> NDArray[np.int64]:
    """Return all counts: the bins, then infinite or unseen, then nulls; their sum is the number of rows."""
    odd = profile.infinite if isinstance(profile, Numbers) else profile.unseen
    return np.array([*profile.counts, odd, profile.nulls], dtype=np.int64)


def rows(profile: Profile) -> int:
    """Return how many rows were counted, nulls too."""
    return int(cells(profile).sum())


def missing_share(profile: Profile) -> float:
    """Return the share of null or infinite rows, 0 without rows."""
    missing = profile.nulls + (profile.infinite if isinstance(profile, Numbers) else 0)
    return missing / max(1, rows(profile))


def unseen_share(profile: Profile) -> float:
    """Return the share of rows outside the reference: new categories, or numbers beyond its range; 0 without rows."""
    if isinstance(profile, Categories):
        return profile.unseen / max(1, rows(profile))
    outside = profile.counts[0] + profile.counts[-1] if profile.cuts else 0
    return outside / max(1, rows(profile))
