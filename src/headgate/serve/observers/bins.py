"""In which bins are a server's rows counted? Its model's drift reference knows; else the contract gives some."""

from collections.abc import Mapping

import numpy as np

from headgate.drift.kept import Reference
from headgate.models.signature import Feature, Signature
from headgate.specs.contract import Column, Contract
from headgate.stats.profile import Categories, Numbers, Profile

MOST_COLUMNS = 100
"""Features beyond these are not sketched: a sketch is a few kilobytes, whatever the model."""
BETWEEN = 20
"""Bins between the two bounds of a contract, as wide as one another."""
DECADES = range(-6, 10)
"""Of a number without bounds: bins of a third of a decade on both sides of zero."""

Bins = Mapping[str, Profile]


def of_reference(reference: Reference) -> Bins:
    """Return the reference's own bins, empty."""
    return {column.name: emptied(column.profile) for column in reference.columns[:MOST_COLUMNS]}


def of_contract(signature: Signature, contract: Contract) -> Bins:
    """Return bins that every server of this model makes alike, without its training rows."""
    features = signature.features[:MOST_COLUMNS]
    return {feature.name: of_feature(feature, contract.columns.get(feature.name)) for feature in features} | {
        name: of_score(signature) for name in score_names(signature)
    }


def emptied(profile: Profile) -> Profile:
    """Return the profile of no rows in the same bins."""
    if isinstance(profile, Numbers):
        return Numbers(cuts=profile.cuts, counts=(0,) * len(profile.counts))
    return Categories(known=profile.known, counts=(0,) * len(profile.known))


def of_feature(feature: Feature, column: Column | None) -> Profile:
    """Return a feature's bins: its categories, its contract's range, or decades."""
    if feature.kind == "category":
        return Categories(known=feature.categories, counts=(0,) * len(feature.categories))
    if column is not None and column.min is not None and column.max is not None and column.min < column.max:
        return numbers(np.linspace(float(column.min), float(column.max), BETWEEN + 1))
    return decades()


def of_score(signature: Signature) -> Numbers:
    return decades() if signature.task == "regression" else numbers(np.linspace(0, 1, BETWEEN + 1))


def score_names(signature: Signature) -> tuple[str, ...]:
    """Return the model's answers as drift names them."""
    classes = signature.classes if signature.task == "multiclass" else ()
    return tuple(f"score.{name}" for name in classes[:MOST_COLUMNS]) or ("score",)


def decades() -> Numbers:
    """Return bins by magnitude: below and above zero, and one for zero itself."""
    up = np.array([10.0**decade * step for decade in DECADES for step in (1, 2, 5)])
    return numbers(np.concatenate((-up[::-1], [0.0, np.nextafter(0.0, 1.0)], up)))


def numbers(cuts: np.ndarray) -> Numbers:
    """Return no rows in the bins between cuts."""
    return Numbers(cuts=tuple(cuts.tolist()), counts=(0,) * (len(cuts) + 1))
