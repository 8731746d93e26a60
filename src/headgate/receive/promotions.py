"""A model that was live long enough in one environment is judged for the next: once a champion it meets there."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from headgate.names import Digest
from headgate.receive.page import Page
from headgate.receive.runs import labels
from headgate.records.change import branch_parts
from headgate.records.cluster import Order, Workflow
from headgate.specs.receiver import Receiver
from headgate.trigger import ATTEMPTS


class Soaked(msgspec.Struct, frozen=True, kw_only=True):
    """A model and the name of the run that judges it for an environment."""

    environment: str
    service: str
    model: Digest
    key: str
    commit: str | None = None
    """The service's code that trained it, as its version.yaml says: its features are computed by no other."""

    def name(self, attempt: int = 1) -> str:
        """Return the Workflow's name, which is the lock."""
        again = f"-{attempt}" if attempt > 1 else ""
        return f"promote-{self.service}-{self.key}{again}"

    def attempt(self, workflows: Mapping[str, Workflow]) -> int | None:
        """Return the attempt to start: the first, or the one after a failed one; None when there is none left."""
        for attempt in range(1, ATTEMPTS + 1):
            found = workflows.get(self.name(attempt))
            if found is None or not found.failed:
                return attempt if found is None else None
        return None


def due(before: Page, here: Page, soak: timedelta, now: datetime) -> Soaked | None:
    """Return the model to judge for `here`, None while it soaks or when it was asked, banned or live here before."""
    if not before.live:
        return None
    live = before.live[-1].revision
    since = min(tag.at for tag in before.live if tag.revision.model == live.model)
    if now - since < soak or before.newest is None or before.newest.revision.model != live.model:
        return None
    if any(tag.revision.model == live.model for tag in here.tags) or was_asked(here, live.model):
        return None
    if any(ban.model == live.model for ban in here.desired.bans(here.environment, here.service)):
        return None
    named = here.newest.revision.model if here.newest else ""
    champion = here.live[-1].revision.model if here.live else ""
    if named not in {"", champion}:
        return None  # another one is on its way there
    version = before.desired.version(before.environment, before.service)
    words = f"{here.environment}\n{live.model}\n{champion}"
    return Soaked(
        environment=here.environment,
        service=here.service,
        model=live.model,
        key=hashlib.sha256(words.encode()).hexdigest()[:12],
        commit=version.commit if version else None,
    )


def was_asked(here: Page, model: str) -> bool:
    """Say whether a pull request ever asked for a model."""
    parts = [branch_parts(pull.branch) for pull in here.pulls]
    return any(one and one[0] == "promote" and one[3].startswith(f"{model[:12]}-") for one in parts)


def order(soaked: Soaked, attempt: int, common: dict[str, str], settings: Receiver) -> Order:
    """Return the Workflow that judges a soaked model."""
    marks = {"service": soaked.service, "environment": soaked.environment, "key": soaked.key, "attempt": str(attempt)}
    return Order(
        name=soaked.name(attempt),
        template=settings.promotion,
        labels=labels(marks),
        parameters=common | {"model": soaked.model},
    )
