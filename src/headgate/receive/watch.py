"""Looks at the cluster and at Git, and does what is to be done; a webhook only makes it look sooner."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from headgate.errors import HeadgateError, MovedError, PermanentError
from headgate.ports import Cluster
from headgate.propose.actions import Nothing
from headgate.receive.actions import Action
from headgate.receive.books import Books, Place
from headgate.receive.page import Page
from headgate.receive.perform import perform
from headgate.receive.plan import alarms, plan
from headgate.receive.watchdog import Watchdog
from headgate.records.cluster import Rollout, Unreadable

ROUNDS = 4
"""A revert is opened, gets its status, is merged: each is planned from what the one before left."""
STATUSES_FOR = timedelta(minutes=5)
"""How long a status that was read is believed: nobody else sets it, but the other replica and people."""


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What one look found out about one service."""

    rollout: Rollout
    page: Page
    alarms: tuple[str, ...] = ()


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be read or done, and whose it is."""

    where: str
    error: HeadgateError


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What one look over all services found, did, and could not do."""

    looks: tuple[Look, ...]
    done: tuple[Action, ...]
    troubles: tuple[Trouble, ...]


class Watch:
    """Upholds what Git and the cluster ask of each other; any number of replicas may."""

    def __init__(self, cluster: Cluster, books: Books, clock: Callable[[], datetime]) -> None:
        self.cluster = cluster
        self.books = books
        self.clock = clock
        self.believed_until: datetime | None = None
        self.watchdog = Watchdog()

    def look(self) -> Looked:
        """Look once at everything and do what is to be done; TransientError when cluster or forge cannot be reached."""
        now = self.clock()
        if self.believed_until is None or now >= self.believed_until:
            self.books.forget_statuses()
            self.believed_until = now + STATUSES_FOR
        rollouts, unreadable = self.cluster.rollouts()
        troubles = [
            Trouble(where=f"{one.namespace}/{one.name}", error=PermanentError(one.reason)) for one in unreadable
        ]
        looks: list[Look] = []
        done: list[Action] = []
        self.books.look()
        for rollout in rollouts:
            try:
                looks.append(self.uphold(rollout, done, troubles))
            except HeadgateError as err:
                troubles.append(Trouble(where=f"{rollout.namespace}/{rollout.name}", error=err))
        self.wake(rollouts, done, troubles)
        return Looked(looks=tuple(looks), done=tuple(done), troubles=tuple(troubles))

    def wake(self, rollouts: list[Rollout], done: list[Action], troubles: list[Trouble]) -> None:
        """Touch the Rollouts whose controller has stopped looking at them."""
        for touch in self.watchdog.overdue(rollouts, self.clock()):
            failed = perform([touch], self.books, self.cluster)
            where = f"{touch.rollout.namespace}/{touch.rollout.name}"
            troubles += [Trouble(where=where, error=err) for _, err in failed]
            done += [] if failed else [touch]

    def uphold(self, rollout: Rollout, done: list[Action], troubles: list[Trouble]) -> Look:
        """Do what is to be done about one Rollout, round by round, until nothing new is."""
        environment, service = self.place(rollout)
        rollout = replace(rollout, environment=environment, service=service)
        page = self.books.page(environment, service)
        if error := unread_in(page):
            troubles.append(Trouble(where=f"{environment}/{service}", error=error))
        planned = plan(rollout, page, self.clock())
        tried: list[Action] = []
        raced: dict[Action, HeadgateError] = {}
        for _ in range(ROUNDS):
            fresh = [action for action in planned if action not in tried and not isinstance(action, Nothing)]
            if not fresh:
                break
            failed = dict(perform(fresh, self.books, self.cluster))
            raced = {action: err for action, err in failed.items() if isinstance(err, MovedError)}
            troubles += [
                Trouble(where=f"{environment}/{service}", error=err) for one, err in failed.items() if one not in raced
            ]
            done += [action for action in fresh if action not in failed]
            tried += [action for action in fresh if action not in raced]
            self.books.look()
            page = self.books.page(environment, service)
            planned = plan(rollout, page, self.clock())
        # where another replica was quicker there is nothing left to do, and no trouble
        lost = [err for action, err in raced.items() if action in planned]
        troubles += [Trouble(where=f"{environment}/{service}", error=err) for err in lost]
        return Look(rollout=rollout, page=page, alarms=tuple(alarms(planned)))

    def place(self, rollout: Rollout) -> Place:
        """Return whose a Rollout is: its namespace must be an environment's."""
        found = self.books.environments(rollout.namespace)
        named = [one for one in found if one == rollout.environment] if rollout.environment else found
        if len(named) != 1:
            raise PermanentError(
                f"namespace {rollout.namespace!r} is not one environment's", found=", ".join(found) or "none is there"
            )
        return named[0], rollout.service


def unread_in(page: Page) -> PermanentError | None:
    """Return why main's files of a service cannot be read; what they named before still counts."""
    try:
        page.desired.revision(page.environment, page.service)
        page.desired.bans(page.environment, page.service)
    except PermanentError as err:
        return err
    return None


def unread(one: Unreadable) -> Trouble:
    """Return the trouble that an object nobody can read is."""
    return Trouble(where=f"{one.namespace}/{one.name}", error=PermanentError(f"{one.name!r}: {one.reason}"))
