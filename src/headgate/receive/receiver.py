"""Looks when it is time or somebody knocked; letters are kept, then answered with what was decided."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from headgate.errors import HeadgateError
from headgate.receive.journal import Journal
from headgate.receive.letters import Push, Told
from headgate.receive.meters import Meters, windows_of
from headgate.receive.pushes import Pushes
from headgate.receive.retraining import Retraining, Weighed
from headgate.receive.watch import Looked, Watch
from headgate.specs.receiver import Receiver as Settings

SOON, LIVELY = 2.0, 30.0
"""Seconds: after a knock it looks that often for so long, as what was told of may not be in the cluster yet."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a sender is told of one service."""

    service: str
    decision: str
    reason: str
    workflow: str | None = None


class Receiver:
    """One replica; its methods may be called from several threads."""

    def __init__(  # noqa: PLR0917 - its parts
        self,
        watch: Watch,
        retraining: Retraining,
        settings: Settings,
        meters: Meters,
        clock: Callable[[], datetime],
        journal: Journal,
    ) -> None:
        self.watch = watch
        self.retraining = retraining
        self.pushes = Pushes(retraining)
        self.settings = settings
        self.meters = meters
        self.clock = clock
        self.ready = False
        """Set by the first look that ended well."""
        self.beat_at = clock()
        self.journal = journal
        self._one_at_a_time = threading.Lock()
        self._knocked = asyncio.Event()
        self._knocked_at = -LIVELY
        self._done_at: dict[str, datetime] = {}

    def knock(self) -> None:
        """Have it look now and, for a while, often; from the loop's own thread."""
        self._knocked_at = time.monotonic()
        self._knocked.set()

    async def run(self) -> None:
        """Look until cancelled: every so often, and whenever somebody knocked."""
        while True:
            self._knocked.clear()
            await asyncio.to_thread(self.beat)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._knocked.wait(), self.rest())

    def rest(self) -> float:
        """Return the seconds until the next look, if nobody knocks."""
        usual = self.settings.look.total_seconds()
        return min(usual, SOON) if time.monotonic() - self._knocked_at < LIVELY else usual

    def beat(self) -> None:
        """Look once, and weigh when it is time; trouble is counted and the next beat tries again."""
        self.beat_at = self.clock()
        try:
            self.look()
            if self.is_time("weigh", self.settings.weigh):
                self.weigh_all()
            if self.is_time("pushes", self.settings.pushes):
                self.look_for_pushes()
            if self.is_time("measure", self.settings.measure):
                self.measure_all()
        except HeadgateError as err:
            self.meters.failed(err)
            self.journal.trouble("look", err)
        else:
            self.journal.over("look")
            self.ready = True

    def is_time(self, what: str, every: timedelta) -> bool:
        """Say whether something is due, at the first look and then every so often; from then on it counts as done."""
        last, now = self._done_at.get(what), self.clock()
        if last is not None and now - last < every:
            return False
        self._done_at[what] = now
        return True

    def look(self) -> Looked:
        """Look once over all Rollouts."""
        with self._one_at_a_time:
            looked = self.watch.look()
            self.meters.looked(looked, self.clock())
            self.journal.looked(looked)
            return looked

    def weigh_all(self) -> None:
        """Weigh every service and start what soaked."""
        self.each(self.weigh, str, "runs of {}".format)
        with self._one_at_a_time:
            self.retraining.promote()

    def weigh(self, service: str) -> Weighed:
        with self._one_at_a_time:
            weighed = self.retraining.weigh(service)
        self.meters.weighed(weighed)
        self.journal.weighed(weighed)
        return weighed

    def measure_all(self) -> None:
        """Let the metrics say what the last windows said."""
        self.each(self.measure, windows_of, windows_of)

    def measure(self, service: str) -> None:
        """Let the metrics say what the last window said."""
        with self._one_at_a_time:
            place = (self.retraining.environment(service), service)
            page = self.watch.books.page(*place)
            spec = self.retraining.repositories[service].spec()
            self.meters.measured(page, self.retraining.evidence.observed(place), spec, self.clock())

    def look_for_pushes(self) -> None:
        """Start the runs of commits that nobody told of."""
        self.each(self.look_for_push, "pushes of {}".format, "pushes of {}".format)

    def look_for_push(self, service: str) -> None:
        """Start the run of a commit that nobody told of."""
        with self._one_at_a_time:
            order = self.pushes.look(service)
        if order:
            self.meters.started(service, "person", "started")
            self.journal.untold(service, order.name)

    def each(self, do: Callable[[str], object], metered: Callable[[str], str], told: Callable[[str], str]) -> None:
        """Do something for each service; one's trouble, by its names in metrics and log, keeps no other waiting."""
        for service in self.settings.services:
            try:
                do(service)
            except HeadgateError as err:
                self.meters.troubled(metered(service), err)
                self.journal.trouble(told(service), err)
            else:
                self.meters.well(metered(service))
                self.journal.over(told(service))

    def hear(self, told: Iterable[Told]) -> list[Answer]:
        """Keep signals and weigh the services they are about; TransientError where the sender should retry."""
        about: dict[str, str] = {}
        for service, environment, model, signal in told:
            about.setdefault(service, "")
            if service not in self.settings.services:
                about[service] = "receive.yaml does not name it"
                continue
            with self._one_at_a_time:
                self.watch.books.look()
                own = self.retraining.environment(service)
                if environment not in {"", own}:
                    about[service] = f"its runs are compared with {own!r}"
                elif signal and not self.retraining.hear(service, own, signal, model):
                    about[service] = "it is not about the present champion"
        return [
            Answer(service=service, decision="ignored", reason=ignored) if ignored else self.answered(service)
            for service, ignored in about.items()
        ]

    def answered(self, service: str) -> Answer:
        weighed = self.weigh(service)
        return Answer(service=service, decision=weighed.decision, reason=weighed.reason, workflow=weighed.workflow)

    def pushed(self, push: Push) -> list[Answer]:
        """Start a run of a pushed commit for each service whose code it changed."""
        found: list[Answer] = []
        for service, trained in self.settings.services.items():
            if not push.commit or push.branch != trained.branch or not is_of(push.repo, trained.clone):
                continue
            if not push.touches(trained.folder):
                found.append(Answer(service=service, decision="ignored", reason=f"no file of {trained.folder!r}"))
                continue
            with self._one_at_a_time:
                self.watch.books.look()
                order, started = self.pushes.hear(service, push)
            how = "started" if started else "known"
            self.meters.started(service, "person", how)
            reason = f"started {order.name}" if started else f"{order.name} is the run of this code"
            found.append(Answer(service=service, decision=how, reason=reason, workflow=order.name))
        return found


def is_of(repo: str, clone: str) -> bool:
    """Say whether a forge's `owner/name` is the repository that is cloned.

    >>> is_of("team/flights", "https://host/team/flights.git"), is_of("flights", "https://host/team/flights.git")
    (True, False)
    """
    path = clone.removesuffix(".git").lower()
    return "/" in repo and path.endswith(f"/{repo.lower()}")
