"""How strict is the n-th look at one holdout? Each look spends a part of alpha; all together spend no more."""

from headgate.errors import PermanentError

KEPT = 0.25
"""Share of what is left that a look leaves to later ones: most holdouts are looked at once, so the first gets most."""


def alpha_at(look: int, alpha: float) -> float:
    """Return the level of this look, counted from 1: 3/4, 3/16, 3/64, … of alpha, which add up to alpha.

    Alpha spending (Lan & DeMets 1983) over looks without a planned end. By the union bound the chance that any of the
    looks passes a candidate that should not is <= alpha, however dependent the looks are, as long as a next candidate
    was chosen knowing no more than that the ones before it did not pass (Blum & Hardt 2015); <= 1.5 alpha when it also
    used whether each was `fail` or `inconclusive`: 2^(n-1) histories at 4^-(n-1). Whoever tunes on the numbers
    themselves has used the holdout up; the rule `looks` ends that.

    >>> [round(alpha_at(look, 0.05), 6) for look in (1, 2, 3)]
    [0.0375, 0.009375, 0.002344]
    """
    if look < 1:
        raise PermanentError(f"look {look} is no count of looks; expected 1 or more")
    if not 0 < alpha < 1:
        raise PermanentError(f"alpha {alpha!r} is no level; expected a number between 0 and 1")
    return alpha * (1 - KEPT) * KEPT ** (look - 1)
