"""Two models on the same requests, or on requests that chance divided: what one has over the other."""

from typing import Literal

from headgate.names import DigestField, NameField
from headgate.records.codec import Part, Record


class Bounded(Part, frozen=True, kw_only=True):
    """A number with its interval."""

    name: str
    value: float
    low: float
    high: float


class Sides(Part, frozen=True, kw_only=True):
    """A metric of both models on the same labelled rows."""

    metric: str
    champion: float
    shadow: float
    difference: Bounded
    """Shadow minus champion."""


class ShadowReport(Record, frozen=True, kw_only=True, tag="shadow-report/1"):
    """What a model that answers nobody would have answered, beside what was answered."""

    service: NameField
    champion: DigestField
    shadow: DigestField
    rows: int
    """Each id once, its first answer."""
    clusters: int
    """Of rows that depend on one another; intervals are by these."""
    alpha: float
    differences: tuple[Bounded, ...]
    """Mean of shadow minus champion, an output each."""
    changed: Bounded | None
    """Share of rows whose decision is another one; None for a number, which decides nothing."""
    labelled: int
    metrics: tuple[Sides, ...] = ()


class Arm(Part, frozen=True, kw_only=True):
    """The rows that one model answered, and by which chance."""

    name: Literal["control", "treatment"]
    model: DigestField
    propensity: float
    keys: int
    """What was assigned: customers, not rows."""
    rows: int
    labelled: int
    mean: float | None
    """Of the outcome, over labelled rows."""


class ExperimentReport(Record, frozen=True, kw_only=True, tag="experiment-report/1"):
    """Two models on requests that chance divided by key, judged so that it may be looked at every day."""

    service: NameField
    experiment: NameField
    key: str
    metric: str
    """Of a row; the higher the better."""
    arms: tuple[Arm, ...]
    alpha: float
    effect: float
    """The difference that was asked for; it sets where the bounds are sharpest, not where they are."""
    difference: Bounded | None
    """Treatment minus control."""
    outcome: Literal["treatment", "control", "undecided", "insufficient_data", "mismatch"]
    """Which arm is better; `mismatch`: the arms' sizes are not what chance would give, so that nothing is compared."""
    reason: str
