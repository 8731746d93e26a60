"""What the running canary answers: its questions asked of both tracks, and judged."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime

from headgate import canary
from headgate.errors import HeadgateError, TransientError
from headgate.local.tallies import carried, tallies
from headgate.local.tracks import TRACKS, Tracks
from headgate.names import Name
from headgate.records.live import Analysis, Tally, Target
from headgate.specs.canary import Canary


class Judging:
    """Judges one canary step after the other; what a killed ring had counted is added to what is counted now."""

    def __init__(
        self,
        environment: Name,
        service: Name,
        tracks: Tracks,
        clock: Callable[[], datetime],
        before: tuple[Tally, ...],
    ) -> None:
        self.environment = environment
        self.service = service
        self.tracks = tracks
        self.clock = clock
        self.before = before
        self.counted: tuple[Tally, ...] = before

    async def begin(self, step_started_at: datetime | None) -> None:
        """Begin the counts of a step; metrics that cannot be reached begin with their first answer."""
        self.before = self.counted = ()
        if step_started_at:
            with contextlib.suppress(TransientError):
                await asyncio.to_thread(self.tracks.metrics.begin, step_started_at)

    async def analyse(self, plan: Canary, target: Target, weight: int, since: datetime | None) -> Analysis:
        """Return what the questions say of the canary since its step began."""
        started_at = since or self.clock()
        samples = carried(await self.samples(plan, started_at), self.before)
        self.counted = tallies(samples)
        return canary.judge(
            plan,
            samples,
            environment=self.environment,
            service=self.service,
            target=target,
            weight=weight,
            started_at=started_at,
            now=self.clock(),
        )

    async def samples(self, plan: Canary, since: datetime) -> Mapping[str, canary.Sample]:
        """Return each question's counts since the step began; metrics that cannot be asked hold the canary."""
        found = {}
        for question in canary.asked(plan):
            threshold = question.threshold(plan.limits)
            try:
                here, there = [
                    await asyncio.to_thread(
                        self.tracks.metrics.ask, question.name, threshold, self.service, track, since
                    )
                    for track in TRACKS
                ]
                found[question.name] = canary.Sample(canary=here, stable=there)
            except HeadgateError as err:
                found[question.name] = canary.Sample(canary=None, error=str(err))
        return found
