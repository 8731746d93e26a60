"""What do senders say? Bodies of Alertmanager, forges and event sources, parsed once; what is malformed is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar, get_args

import msgspec
from msgspec import Meta, field

from headgate.errors import PermanentError
from headgate.names import Commit, NameField
from headgate.records.codec import Part
from headgate.records.dataset import Window
from headgate.records.live import Cause, Signal, Trigger
from headgate.trigger import KEY_LENGTH

T = TypeVar("T")
CAUSES: tuple[str, ...] = get_args(Cause)
Told = tuple[str, str, str, Signal | None]
"""(service, environment, model, signal) of a letter."""
WORDS = 300
"""Characters of a sender's text that are kept."""
NOBODY = "0" * 40
DAY = timedelta(days=1)


class Alert(msgspec.Struct):
    """One alert of Alertmanager's webhook, version 4; its times of receipt are not read."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = field(default_factory=dict)


class Alerts(msgspec.Struct):
    """Alertmanager's webhook, version 4."""

    version: Annotated[str, Meta(pattern="^4$")]
    alerts: list[Alert]


class SignalLetter(Part, frozen=True, kw_only=True):
    """A signal that an event source sends."""

    service: NameField
    environment: NameField | None = None
    model: str = ""
    """The champion it is about, or how its digest begins; none: the present one."""
    signal: Signal


class Repository(msgspec.Struct):
    """A forge's repository, by GitHub's and Gitea's names, or by GitLab's."""

    full_name: str = ""
    path_with_namespace: str = ""


class PushedCommit(msgspec.Struct):
    """A commit of a push."""

    id: str = ""
    message: str = ""
    timestamp: datetime | None = None
    added: list[str] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


class Push(msgspec.Struct):
    """A push, as the three forges tell it."""

    ref: str = ""
    after: str = ""
    repository: Repository = field(default_factory=Repository)
    project: Repository = field(default_factory=Repository)
    head_commit: PushedCommit | None = None
    commits: list[PushedCommit] = field(default_factory=list)

    @property
    def repo(self) -> str:
        """`owner/name`."""
        return self.project.path_with_namespace or self.repository.full_name

    @property
    def branch(self) -> str:
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""

    @property
    def commit(self) -> str:
        """The branch's new head; empty when the branch was deleted."""
        return "" if self.after == NOBODY else self.after

    def touches(self, folder: str) -> bool:
        """Say whether a file of a folder changed; a push that does not tell its files may have touched any."""
        paths = [path for one in self.commits for path in (*one.added, *one.modified, *one.removed)]
        return folder in {"", "."} or not paths or any(path.startswith(f"{folder.strip('/')}/") for path in paths)


def parse(body: bytes, kind: type[T]) -> T:
    """Return a letter; PermanentError when it is not one."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as err:
        raise PermanentError(f"the body is not as expected: {str(err)[:WORDS]}") from err


def signals(alerts: Alerts) -> Iterator[Told]:
    """Yield (service, environment, model, signal) of each firing alert about a service.

    An alert with `cause`, `rule` and the event times `window_start` and `window_end` is itself a signal; any other
    only makes the receiver weigh what was measured. Resolved alerts say nothing.
    """
    for alert in alerts.alerts:
        service = alert.labels.get("service", "")
        if alert.status != "firing" or not service:
            continue
        yield service, alert.labels.get("environment", ""), alert.labels.get("model", ""), signal_of(alert)


def signal_of(alert: Alert) -> Signal | None:
    """Return the signal an alert is, None for one without a cause or a window of event time."""
    told = alert.annotations | alert.labels
    if told.get("cause") not in CAUSES or "window_end" not in told:
        return None
    end = moment(told["window_end"])
    start = moment(told["window_start"]) if "window_start" in told else end
    detail = told.get("summary") or told.get("description") or told.get("alertname", "")
    return Signal(
        cause=msgspec.convert(told["cause"], Cause),
        rule=told.get("rule") or told.get("alertname", "alert"),
        window=Window(start=start, end=end),
        fired=True,
        detail=detail[:WORDS],
    )


def moment(text: str) -> datetime:
    """Return an event time: ISO 8601, or seconds since 1970 as Prometheus counts them.

    >>> moment("1.7e9") == moment("2023-11-14T22:13:20Z")
    True
    """
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as err:
        raise PermanentError(
            f"{text[:60]!r} is not a moment", next_step="write 2013-05-19T06:00Z, or Unix time"
        ) from err
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def pushed(push: Push, service: str, environment: str, code: Commit, now: datetime) -> Trigger:
    """Return the trigger that the service's code in a pushed commit is; delivered again, it is the same one."""
    told = push.head_commit or next((one for one in push.commits if one.id == push.after), PushedCommit())
    at = told.timestamp or now
    line = told.message.strip().partition("\n")[0][:WORDS]
    return Trigger(
        service=msgspec.convert(service, NameField),
        environment=msgspec.convert(environment, NameField),
        cause="person",
        rule="push",
        key=code[:KEY_LENGTH],
        window=Window(start=at - DAY, end=at),
        at=at,
        detail=f"push of {push.after[:KEY_LENGTH]}: {line}",
        code=code,
    )


def is_push(trigger: Trigger) -> bool:
    """Say whether a push is the cause: its key is how the code begins, each other one is a digest."""
    return bool(trigger.key) and trigger.code.startswith(trigger.key)
