"""Faults put in on purpose, to try the canary: part of serving.yaml, so a revision of their own."""

from headgate.specs.environment import Faults

DELAY, FAIL = "delay", "fail"


class SpoiledError(Exception):
    """A fault of serving.yaml spoiled this answer."""


class FaultPlan:
    """Says of each answer whether it is spoiled; failures are spread evenly, exactly `fail_share` of all."""

    def __init__(self, faults: Faults) -> None:
        self.delay_seconds = faults.delay_ms / 1000
        self.fail_share = faults.fail_share
        self._debt = 0.0

    def next(self) -> str | None:
        """Return the fault that spoils the next answer, or None.

        >>> plan = FaultPlan(Faults(fail_share=0.5))
        >>> [plan.next() for _ in range(4)]
        [None, 'fail', None, 'fail']
        """
        self._debt += self.fail_share
        if self._debt >= 1 - 1e-9:
            self._debt -= 1
            return FAIL
        return DELAY if self.delay_seconds else None
