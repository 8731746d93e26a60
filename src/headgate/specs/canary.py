"""The canary plan: weights, and the questions asked at each."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta

from headgate.specs.reading import Spec


class Limits(Spec, frozen=True, kw_only=True):
    """What the questions hold a canary to."""

    errors: Annotated[float, Meta(gt=0, lt=1)] = 0.01
    """Share of answers with a 5xx code."""
    p99_ms: Annotated[float, Meta(gt=0)] = 50.0
    """99 of 100 requests are quicker than this, in milliseconds; one of the histogram's bucket bounds."""


class Canary(Spec, frozen=True, kw_only=True):
    """How a new revision takes over; the environment's serving.yaml wins over service.yaml."""

    steps: Annotated[tuple[Annotated[int, Meta(ge=1, le=99)], ...], Meta(min_length=1)] = (10, 25, 50)
    """Percent of traffic; then all of it. At least one: nothing takes over unjudged."""
    pause: timedelta = timedelta(minutes=5)
    """How long a step lasts at least."""
    min_requests: Annotated[int, Meta(ge=1)] = 100
    """How many answers of the canary a step's judgement needs; fewer hold it."""
    step_requests: Annotated[int, Meta(ge=0)] = 0
    """How many answers of both tracks a step takes at least; for a replay, in which a pause passes in no time."""
    deadline: timedelta = timedelta(hours=2)
    """A canary held this long ends, without ban or revert."""
    questions: tuple[str, ...] = ("errors", "p99")
    """What is asked of the canary: `errors`, `p99`."""
    limits: Limits = Limits()
    """What the answers are held to."""
    interval: timedelta = timedelta(seconds=10)
    """How often a cluster asks; the ring on one machine asks after every answer."""
    surge: bool = True
    """The canary's pods come on top of all stable ones, so that going back waits for no pod. `false` lets the stable
    ones shrink as the canary grows: half the GPUs, and an abort waits for pods."""
    warm: timedelta = timedelta(minutes=10)
    """How long the old pods stay after a promotion, so that going back waits for no pod. Not with `surge: false`."""
