"""How far is a window's column from the reference's? And how far would chance alone take it.

Nulls, infinities and unseen categories are cells like any other, so that half a column gone missing is a distance.
"""

from collections.abc import Callable
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from headgate.errors import PermanentError
from headgate.names import did_you_mean
from headgate.stats.profile import Numbers, Profile, cells, rows, unlike

Floats = NDArray[np.float64]
Core = Callable[[Floats, Floats, Profile], Floats]

SIMULATED = 1000
"""Draws behind a chance limit: the 0.99 quantile then rests on ten of them."""


def psi(reference: Profile, window: Profile) -> float | None:
    """Return the population stability index in nats, None when either has no rows.

    Each side gets half a row in every cell that either has: an empty cell is finite, and matters less the fewer rows
    there are. Two samples of one column still differ by about (cells - 1)(1/n + 1/m) (Yurdakul & Naranjo 2020): see
    `chance_limit`.
    """
    return distance("psi", reference, window)


def jensen_shannon(reference: Profile, window: Profile) -> float | None:
    """Return the Jensen-Shannon distance (root of the divergence in bits, 0..1), None when either has no rows."""
    return distance("jensen_shannon", reference, window)


def wasserstein(reference: Profile, window: Profile) -> float | None:
    """Return how far rows must move, in the reference's standard deviations, None when either has no rows.

    Values beyond the reference's range count as if at its edge; each row that becomes null or infinite counts as one
    standard deviation. Categories have no order: any two are one apart (total variation), as are a constant
    reference's value and all others.
    """
    return distance("wasserstein", reference, window)


def distance(method: str, reference: Profile, window: Profile) -> float | None:
    """Return the distance by that method, None when either has no rows."""
    core = _core(method)
    expected, found = _pair(reference, window)
    if not (expected.sum() and found.sum()):
        return None
    return float(core(expected, found, reference))


def chance_limit(
    method: str, reference: Profile, window: Profile, quantile: float = 0.99, seed: int = 7
) -> float | None:
    """Return the distance that two samples of these sizes from one column exceed with probability 1 - quantile.

    Simulated from both profiles together, rows taken as independent: a floor under any alarm, not the block null,
    which knows seasons too. None when either has no rows.
    """
    if not 0 < quantile < 1:
        raise PermanentError(f"quantile {quantile!r} is none; expected a number between 0 and 1")
    core = _core(method)
    expected, found = _pair(reference, window)
    if not (expected.sum() and found.sum()):
        return None
    random = np.random.default_rng(seed)
    share = (expected + found) / (expected.sum() + found.sum())
    draws = [random.multinomial(rows(side), share, size=SIMULATED).astype(np.float64) for side in (reference, window)]
    return float(np.quantile(core(draws[0], draws[1], reference), quantile))


def limit(distances: ArrayLike, quantile: float) -> float | None:
    """Return the quantile of distances between reference blocks, the higher neighbour; None without distances.

    >>> limit([0.01, 0.02, 0.03, 0.04], 0.9)
    0.04
    """
    known = np.asarray(distances, dtype=np.float64)
    return float(np.quantile(known, quantile, method="higher")) if known.size else None


def _core(method: str) -> Core:
    if method not in METHODS:
        raise PermanentError(
            f"there is no distance {method!r}.{did_you_mean(method, METHODS)}", found=", ".join(METHODS)
        )
    return METHODS[method]


def _pair(reference: Profile, window: Profile) -> tuple[Floats, Floats]:
    layouts = [side.cuts if isinstance(side, Numbers) else side.known for side in (reference, window)]
    if type(reference) is not type(window) or layouts[0] != layouts[1]:
        raise unlike(reference, window)
    return cells(reference).astype(np.float64), cells(window).astype(np.float64)


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / np.maximum(1, counts.sum(axis=-1, keepdims=True)))


def _psi(expected: Floats, found: Floats, _: Profile) -> Floats:
    used = (expected + found > 0) / 2
    p, q = _shares(expected + used), _shares(found + used)
    ratio = np.divide(q, p, out=np.ones_like(p), where=used > 0)
    return np.asarray(np.sum((q - p) * np.log(ratio), axis=-1))


def _jensen_shannon(expected: Floats, found: Floats, _: Profile) -> Floats:
    p, q = _shares(expected), _shares(found)
    middle = (p + q) / 2
    divergence = np.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle), axis=-1) / 2
    return np.asarray(np.sqrt(np.clip(divergence / log(2), 0, 1)))


def _wasserstein(expected: Floats, found: Floats, reference: Profile) -> Floats:
    spread, at = _spread(reference)
    if not spread:
        return np.asarray(np.abs(_shares(expected) - _shares(found)).sum(axis=-1) / 2)
    gone = np.abs(_shares(expected) - _shares(found))[..., -2:].sum(axis=-1)
    finite = [side[..., :-2] for side in (expected, found)]
    comparable = (finite[0].sum(axis=-1) > 0) & (finite[1].sum(axis=-1) > 0)
    gap = np.cumsum(_shares(finite[0]) - _shares(finite[1]), axis=-1)[..., :-1]
    return np.asarray(np.where(comparable, _area(gap) @ np.diff(at) / spread, 0) + gone)


def _area(gap: Floats) -> Floats:
    """Return the mean height of |gap| between neighbouring cuts, straight in between."""
    left, right = np.abs(gap[..., :-1]), np.abs(gap[..., 1:])
    both = np.maximum(left + right, np.finfo(np.float64).tiny)
    crossing = gap[..., :-1] * gap[..., 1:] < 0
    return np.asarray(np.where(crossing, (left**2 + right**2) / both, left + right) / 2)


def _spread(reference: Profile) -> tuple[float, Floats]:
    """Return the standard deviation read off the bins and the cuts in the same unit; 0 for a constant or no numbers."""
    nothing = 0.0, np.zeros(0)
    if not isinstance(reference, Numbers) or len(reference.cuts) <= 2 or not sum(reference.counts):
        return nothing
    at = np.array(reference.cuts) / max(1.0, *(abs(cut) for cut in reference.cuts))
    edges = np.concatenate((at[:1], at, at[-1:]))
    centre = edges[:-1] + np.diff(edges) / 2
    share = _shares(np.array(reference.counts, dtype=np.float64))
    return float(np.sqrt(share @ (centre - share @ centre) ** 2)), at


METHODS: dict[str, Core] = {"psi": _psi, "jensen_shannon": _jensen_shannon, "wasserstein": _wasserstein}
"""By the name that service.yaml uses."""
