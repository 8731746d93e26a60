"""Has a controller lost sight of a Rollout? What it has not seen for longer than a reconcile takes, it is told of anew.

Argo Rollouts 1.9 writes a Rollout back into its cache after each reconcile. Where the workload it refers to changed in
between, the cache may keep the older one: each write is then refused as a conflict, until there is news of the Rollout.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from headgate.receive.actions import Touch
from headgate.records.cluster import Rollout

PATIENCE = timedelta(seconds=15)
"""A reconcile takes a second, its repetition after a conflict ten at most. Each touch that did not help doubles it."""


class Watchdog:
    """Remembers since when each Rollout lags; a replica that was just started begins anew."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], datetime] = {}
        self._waits: dict[tuple[str, str], timedelta] = {}

    def overdue(self, rollouts: Iterable[Rollout], now: datetime) -> Iterator[Touch]:
        """Yield a touch for each Rollout that has lagged too long."""
        lagging = {(one.namespace, one.name): one for one in rollouts if not one.settled}
        self._since = {key: self._since.get(key, now) for key in lagging}
        self._waits = {key: self._waits.get(key, PATIENCE) for key in lagging}
        for key, rollout in lagging.items():
            lag = now - self._since[key]
            if lag > self._waits[key]:
                self._waits[key] = lag * 2
                words = f"its controller has not seen its newest state for {lag.total_seconds():.0f} s"
                yield Touch(rollout=rollout, reason=words)
