"""Signals to at most one run a cause, and a live model to its next environment; decided by looking, locked by names."""

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from headgate.desired import champion
from headgate.errors import PermanentError
from headgate.names import Commit, Digest, Name
from headgate.ports import Cluster
from headgate.receive import letters, promotions, runs
from headgate.receive.books import Books, Place
from headgate.receive.evidence import Evidence
from headgate.receive.repository import Repository
from headgate.records.cluster import Workflow
from headgate.records.live import Heard, Signal, Trigger
from headgate.specs.environment import Version
from headgate.specs.reading import parse
from headgate.specs.receiver import Receiver
from headgate.specs.service import Service
from headgate.trigger import Decision, PastRun, Subject, decide


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about one service, and what came of it."""

    environment: Name
    service: Name
    decision: str
    """As trigger.decide calls it; `started` when this very look created the Workflow."""
    reason: str
    workflow: str | None = None
    cause: str = "person"
    given_up: int = 0
    """Runs whose every attempt failed."""
    untracked: int = 0
    """Runs with a verdict that the tracker was not shown."""
    orphaned: int = 0
    """Runs that passed the gate and ended without having proposed."""


class Retraining:
    """Weighs the signals of the services in receive.yaml and starts their runs; any number of replicas may."""

    def __init__(  # noqa: PLR0917 - what it looks at, then what it goes by
        self,
        cluster: Cluster,
        books: Books,
        evidence: Evidence,
        settings: Receiver,
        repositories: Mapping[str, Repository],
        clock: Callable[[], datetime],
    ) -> None:
        self.cluster = cluster
        self.books = books
        self.evidence = evidence
        self.settings = settings
        self.repositories = repositories
        self.clock = clock
        self._causes: dict[tuple[Place, Commit], str | None] = {}

    def environment(self, service: str) -> Name:
        """Return the environment whose champion runs of a service are compared with."""
        named = self.settings.services[service].environment
        return named or self.books.order()[0].name

    def hear(self, service: str, environment: str, signal: Signal, model: str = "") -> bool:
        """Keep a signal about the present champion; False when it is about another model, or there is none."""
        page = self.books.page(environment, service)
        live = champion(page.tags, environment, service)
        if live is None or not live.revision.model.startswith(model):
            return False
        self.evidence.hear(
            Heard(service=page.service, environment=page.environment, champion=live.revision.model, signal=signal)
        )
        return True

    def weigh(self, service: str) -> Weighed:
        """Decide about one service, and start the run that is due; TransientError where a retry helps."""
        now = self.clock()
        trained, repository = self.settings.services[service], self.repositories[service]
        place = (self.environment(service), service)
        spec, code = repository.spec(), repository.code()
        workflows = [one for one in self.cluster.workflows()[0] if (one.environment, one.service) == place]
        live = champion(self.books.page(*place).tags, *place)
        reference = live.revision.model if live else Digest("")
        subject = Subject(service=Name(service), environment=Name(place[0]), champion=reference, code=code)
        past = self.past(place, workflows, spec, now)
        decision = decide(subject, self.evidence.signals(place, reference), past, spec.retrain, now)
        made = decision.trigger
        if made and made.attempt == 1:
            self.evidence.decide(made)
            past = self.past(place, workflows, spec, now)
        names = {one.name for one in workflows}
        again = made if made and made.attempt > 1 and self.may_retry(past, now) else None
        ready = again or runs.next_due(past, names, spec, now)
        started = bool(ready and self.cluster.start(runs.order(ready, trained, self.settings, spec)))
        weighed = answer(place, decision, past, ready, started=started)
        untracked = sum("track" in one.broken for one in workflows)
        orphaned = sum(one.ended and "propose" in one.broken for one in workflows)
        return replace(weighed, untracked=untracked, orphaned=orphaned)

    def past(self, place: Place, workflows: list[Workflow], spec: Service, now: datetime) -> list[PastRun]:
        due = [one for one in self.evidence.triggers(place) if not letters.is_push(one)]  # those are kept as a memory
        return runs.past(due, workflows, self.promoted(place), spec, now)

    def may_retry(self, past: list[PastRun], now: datetime) -> bool:
        """Say whether the last failed run has rested: a minute, then two."""
        last = past[-1]
        return last.ended_at is None or now - last.ended_at >= self.settings.retry_after * last.trigger.attempt

    def promoted(self, place: Place) -> set[str]:
        """Return the keys of the triggers whose model reached Healthy, by their version.yaml."""
        live = [tag for tag in self.books.records(place) if tag.outcome == "live"]
        return {key for tag in live if (key := self.cause(place, tag.commit))}

    def cause(self, place: Place, commit: Commit) -> str | None:
        """Return the trigger that version.yaml of a commit names."""
        key = (place, commit)
        if key not in self._causes:
            path = f"env/{place[0]}/{place[1]}/version.yaml"
            try:
                self._causes[key] = parse(self.books.texts(place, commit).get(path, ""), Version, path).cause.trigger
            except PermanentError:
                self._causes[key] = None
        return self._causes[key]

    def promote(self) -> list[str]:
        """Start judging every model whose soak is over for the environment after; return what was started."""
        workflows = {one.name: one for one in self.cluster.workflows()[0]}
        started: list[str] = []
        for service, trained in self.settings.services.items():
            for order in self.books.order():
                if order.after is None:
                    continue
                before, here = self.books.page(order.after, service), self.books.page(order.name, service)
                found = promotions.due(before, here, order.soak, self.clock())
                if found and (attempt := found.attempt(workflows)):
                    code = found.commit or self.repositories[service].code()
                    common = runs.common(service, order.name, code, trained)
                    made = promotions.order(found, attempt, common, self.settings)
                    started += [made.name] if self.cluster.start(made) else []
        return started


def answer(place: Place, decision: Decision, past: list[PastRun], ready: Trigger | None, *, started: bool) -> Weighed:
    """Return what was decided, in the words an alert's sender is answered with."""
    last = ready or next((run.trigger for run in reversed(past) if not run.ended), None)
    name = runs.name_of(last) if last else None
    reason = decision.reason
    if ready:
        reason = f"started {name}: {ready.detail}" if started else f"already running as {name}"
    return Weighed(
        environment=Name(place[0]),
        service=Name(place[1]),
        decision="started" if started else "waiting" if ready else decision.decision,
        reason=reason,
        workflow=name,
        cause=last.cause if last else "person",
        given_up=sum(run.given_up for run in past),
    )
