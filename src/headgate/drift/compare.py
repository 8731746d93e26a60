"""How far is one column of a window from its reference? An alarm is large, and beyond both season and chance."""

from math import ceil, sqrt
from typing import Literal

import polars as pl

from headgate.drift.blocks import FEWEST_BLOCKS
from headgate.drift.columns import kind_of, profile_like, shares
from headgate.drift.kept import ColumnReference
from headgate.records.live import ColumnDrift
from headgate.specs.drift import Drift
from headgate.stats.distances import chance_limit, distance
from headgate.stats.profile import Numbers, Profile, missing_share, rows, unseen_share

Outcome = Literal["stable", "drifted", "insufficient_data"]

CHANCE = 0.99
"""Two samples of one column are further apart than `chance_limit` once in a hundred."""
CHANCE_REACH = 2.576
"""The same for a share: standard errors, two-sided."""
ROOT_METHODS = ("jensen_shannon", "wasserstein")
"""Their chance limit shrinks with the root of the rows, that of psi with the rows."""


def compare(reference: ColumnReference, column: pl.Series | None, policy: Drift) -> ColumnDrift:
    """Return one column's drift, whatever the column holds; None is a column that is not there."""
    if column is None:
        return answer(reference, policy, "drifted", rows=0, missing=1.0, reason="not among the window's columns")
    found = profile_like(column, reference.profile)
    if found is None:
        was = "numbers" if isinstance(reference.profile, Numbers) else "categories"
        reason = f"{kind_of(column)} ({str(column.dtype).lower()}), was {was}"
        return answer(reference, policy, "drifted", rows=len(column), reason=reason)
    if len(column) < policy.min_rows:
        return too_few(reference, policy, len(column))
    return judge(reference, found, policy)


def too_few(reference: ColumnReference, policy: Drift, count: int) -> ColumnDrift:
    """Return the answer for a window that is too small to be judged."""
    return answer(
        reference, policy, "insufficient_data", rows=count, reason=f"{count:,} rows, {policy.min_rows:,} needed"
    )


def judge(reference: ColumnReference, found: Profile, policy: Drift) -> ColumnDrift:
    """Return the column's drift by distance and by the shares of null, infinite and unseen values."""
    away = distance(policy.method, reference.profile, found)
    chance = chance_limit(policy.method, reference.profile, found, CHANCE)
    if away is None or chance is None:
        return answer(reference, policy, "insufficient_data", rows=rows(found), reason="the reference has no rows")
    season = policy.null_factor * reference.null.distances.get(policy.method, 0.0)
    limit = max(season, chance)
    is_known = reference.null.blocks >= FEWEST_BLOCKS
    reasons = share_reasons(reference, found, policy)
    if is_known and away > max(limit, policy.effect):
        reasons.append(f"distance {away:.3f}, limit {max(limit, policy.effect):.3f}")
    short = [] if reasons else shortage(reference, found, policy, chance / max(season, policy.effect))
    return answer(
        reference,
        policy,
        "drifted" if reasons else "insufficient_data" if short else "stable",
        rows=rows(found),
        away=away,
        limit=limit if is_known else None,
        missing=missing_share(found),
        found=found,
        reason="; ".join(reasons or short),
    )


def shortage(reference: ColumnReference, found: Profile, policy: Drift, excess: float) -> list[str]:
    """Return why the rows cannot show that the column is stable; `excess` is chance over what matters."""
    if reference.null.blocks < FEWEST_BLOCKS:
        return [f"the reference has {reference.null.blocks} whole windows, {FEWEST_BLOCKS} needed to know its season"]
    return [needed(reference, found, policy, excess)] if excess > 1 else []


def share_reasons(reference: ColumnReference, found: Profile, policy: Drift) -> list[str]:
    """Return which of the null, infinite and unseen shares changed, as `missing 60 %, was 1 %`."""
    was, now = shares(reference.profile), shares(found)
    pairs = 1 / rows(found) + 1 / rows(reference.profile)
    reasons = []
    for name, share in now.items():
        middle = (share + was[name]) / 2
        chance = CHANCE_REACH * sqrt(middle * (1 - middle) * pairs)
        season = policy.null_factor * reference.null.shares.get(name, 0.0)
        if abs(share - was[name]) > max(policy.share_effect, season, chance):
            reasons.append(f"{name} {share:.0%}, was {was[name]:.0%}{names(found, name)}")
    return reasons


def names(found: Profile, share: str) -> str:
    """Return the first unseen categories for a reason."""
    if share != "unseen" or isinstance(found, Numbers):
        return ""
    return f" ({', '.join(name[:40] for name in found.unseen_names)})"


def needed(reference: ColumnReference, found: Profile, policy: Drift, excess: float) -> str:
    """Return how many rows would bring chance below what matters."""
    shrink = excess**2 if policy.method in ROOT_METHODS else excess
    have, behind = rows(found), rows(reference.profile)
    room = (1 / have + 1 / behind) / shrink - 1 / behind
    if room <= 0:
        return f"{behind:,} reference rows are too few to tell drift from chance"
    return f"{have:,} rows, about {ceil(1 / room):,} needed to tell drift from chance"


def answer(
    reference: ColumnReference,
    policy: Drift,
    outcome: Outcome,
    *,
    rows: int,
    reason: str,
    away: float | None = None,
    limit: float | None = None,
    missing: float = 0.0,
    found: Profile | None = None,
) -> ColumnDrift:
    """Return the record of one column."""
    return ColumnDrift(
        column=reference.name,
        method=policy.method,
        distance=away,
        null_limit=limit,
        effect_limit=policy.effect,
        rows=rows,
        missing_share=missing,
        unseen_share=unseen_share(found) if found is not None else 0.0,
        infinite_share=shares(found)["infinite"] if found is not None else 0.0,
        outcome=outcome,
        expected=reference.expected,
        is_score=reference.is_score,
        reason=reason,
    )
