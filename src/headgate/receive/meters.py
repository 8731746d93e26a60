"""What Prometheus reads of the receiver: itself, each Rollout, each service's last window, and how delivery goes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

from headgate import measures as m
from headgate.desired import failed_in
from headgate.errors import HeadgateError
from headgate.receive.page import Page
from headgate.receive.plan import held_since
from headgate.receive.retraining import Weighed
from headgate.receive.watch import Look, Looked
from headgate.records.change import branch_parts
from headgate.records.live import Observed
from headgate.specs.service import Service
from headgate.why import numbers

PLACE = (m.SERVICE, m.ENVIRONMENT)
GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    m.LAST_LOOK: ("When the last look ended well.", ()),
    m.TROUBLE: ("What the last look could not read or do.", ("where",)),
    m.CANARY_WEIGHT: ("The canary's percentage.", PLACE),
    m.CANARY_HELD: ("How long the canary has waited for an answer.", PLACE),
    m.ABORT_UNREVERTED: ("Main names what failed, and no revert is open.", PLACE),
    m.REVERT_OPEN: ("How long a revert has been open.", PLACE),
    m.PROPOSAL_OPEN: ("How long the oldest promotion has been open.", PLACE),
    m.PROPOSAL_ORPHANED: ("Runs that passed the gate and ended without a pull request.", PLACE),
    m.RUN_FAILED: ("Runs whose every attempt failed.", PLACE),
    m.RUN_UNTRACKED: ("Runs whose results the tracker was not shown.", PLACE),
    m.PROMOTIONS: ("Promotions merged.", PLACE),
    m.REVERTS: ("Reverts merged.", PLACE),
    m.CANARIES_FAILED: ("Canaries that failed.", PLACE),
    m.LEAD_TIME: ("Median from opened to merged, of promotions.", PLACE),
    m.RESTORE_TIME: ("Median from the merge that failed to the merge of its revert.", PLACE),
    m.LIVE_SINCE: ("Since when the champion is live.", (*PLACE, m.MODEL)),
    m.DRIFT: ("A column's distance in the last window.", (*PLACE, "column", "method")),
    m.DRIFT_LIMIT: ("Beyond which distance it drifted.", (*PLACE, "column", "method")),
    m.DRIFT_ROWS: ("Rows in the last window.", PLACE),
    m.DRIFT_ROWS_NEEDED: ("Fewer rows say nothing.", PLACE),
    m.WINDOW_END: ("The last measured window's end.", PLACE),
    m.WINDOW_OVERDUE: ("How long ago the next window could have been measured.", PLACE),
    m.SIGNAL: ("Whether the rule fired in the last window.", (*PLACE, "cause", "rule", m.MODEL)),
    m.LABEL_METRIC: ("A metric of the last labelled window.", (*PLACE, "metric")),
    m.LABEL_METRIC_LOW: ("Its interval's lower end.", (*PLACE, "metric")),
    m.LABEL_METRIC_HIGH: ("Its interval's upper end.", (*PLACE, "metric")),
    m.LABEL_METRIC_GATE: ("The same metric at the gate.", (*PLACE, "metric")),
}
OF_A_WINDOW = (
    *(m.DRIFT, m.DRIFT_LIMIT, m.DRIFT_ROWS, m.DRIFT_ROWS_NEEDED, m.SIGNAL),
    *(m.LABEL_METRIC, m.LABEL_METRIC_LOW, m.LABEL_METRIC_HIGH, m.LABEL_METRIC_GATE),
)
"""Of the champion's last window; a champion that has none yet has none of these."""
COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    m.RECEIVED: ("Webhooks answered.", ("door", m.CODE)),
    m.LOOKS: ("Looks over cluster, Git and store.", ("outcome",)),
    m.ACTIONS: ("What the receiver did.", ("action",)),
    m.TRIGGERS: ("What was decided about signals.", (m.SERVICE, "cause", "decision")),
}


class Meters:
    """One replica's view; every replica sees the same cluster, Git and store."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left it out
        self.registry = CollectorRegistry()
        self.gauges = {
            name: Gauge(name, text, labels, registry=self.registry) for name, (text, labels) in GAUGES.items()
        }
        self.counters = {
            name: Counter(name, text, labels, registry=self.registry) for name, (text, labels) in COUNTERS.items()
        }
        self._decided: dict[str, str] = {}
        self._unweighed: set[str] = set()
        self._told: dict[tuple[str, tuple[str, str]], set[tuple[str, ...]]] = {}

    def text(self) -> bytes:
        """Return the exposition."""
        return generate_latest(self.registry)

    def count(self, name: str, *labels: str) -> None:
        self.counters[name].labels(*labels).inc()

    def set(self, name: str, value: float, *labels: str) -> None:
        gauge = self.gauges[name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def failed(self, _: HeadgateError) -> None:
        """Count a look that could not be made."""
        self.count(m.LOOKS, "failed")

    def troubled(self, where: str, _: HeadgateError) -> None:
        """Say that one service could not be weighed."""
        self._unweighed.add(where)
        self.set(m.TROUBLE, 1, where)

    def well(self, where: str) -> None:
        """Say no more that there is trouble."""
        self._unweighed.discard(where)

    def looked(self, looked: Looked, now: datetime) -> None:
        """Say what a look found."""
        self.count(m.LOOKS, "done")
        self.set(m.LAST_LOOK, now.timestamp())
        for action in looked.done:
            self.count(m.ACTIONS, type(action).__name__.lower())
        self.gauges[m.TROUBLE].clear()
        self.gauges[m.LIVE_SINCE].clear()
        for where in {*(trouble.where for trouble in looked.troubles), *self._unweighed}:
            self.set(m.TROUBLE, 1, where)
        for look in looked.looks:
            self.stands(look, now)

    def stands(self, look: Look, now: datetime) -> None:
        """Say where one service stands."""
        rollout, page = look.rollout, look.page
        place = (page.service, page.environment)
        held = held_since(rollout) if rollout.in_canary else None
        self.set(m.CANARY_WEIGHT, rollout.weight if rollout.in_canary else 0, *place)
        self.set(m.CANARY_HELD, (now - held).total_seconds() if held else 0, *place)
        self.set(m.ABORT_UNREVERTED, is_unreverted(page, look.alarms), *place)
        self.set(m.REVERT_OPEN, oldest(page, "revert", now), *place)
        self.set(m.PROPOSAL_OPEN, oldest(page, "promote", now), *place)
        if page.live:
            tag = page.live[-1]
            self.set(m.LIVE_SINCE, tag.at.timestamp(), *place, tag.revision.model[:12])
        self.delivers(page)

    def delivers(self, page: Page) -> None:
        """Say how delivery goes, after DORA's four keys."""
        place, found = (page.service, page.environment), numbers(page.tags, page.pulls)
        self.set(m.PROMOTIONS, found.promotions, *place)
        self.set(m.REVERTS, found.reverts, *place)
        self.set(m.CANARIES_FAILED, found.failed_canaries, *place)
        if found.lead_time:
            self.set(m.LEAD_TIME, found.lead_time.total_seconds(), *place)
        if found.time_to_restore:
            self.set(m.RESTORE_TIME, found.time_to_restore.total_seconds(), *place)

    def weighed(self, weighed: Weighed) -> None:
        """Say what was decided, once while it stays so."""
        place = (weighed.service, weighed.environment)
        self.well(weighed.service)
        told = f"{weighed.decision} {weighed.workflow}"
        if self._decided.get(weighed.service) != told:
            self._decided[weighed.service] = told
            self.started(weighed.service, weighed.cause, weighed.decision)
        self.set(m.RUN_FAILED, weighed.given_up, *place)
        self.set(m.RUN_UNTRACKED, weighed.untracked, *place)
        self.set(m.PROPOSAL_ORPHANED, weighed.orphaned, *place)

    def started(self, service: str, cause: str, decision: str) -> None:
        """Count a decision."""
        self.count(m.TRIGGERS, service, cause, decision)

    def measured(self, page: Page, observed: Sequence[Observed], spec: Service, now: datetime) -> None:
        """Say what the last window of the champion said, and whether the next one is overdue."""
        if not page.live:
            return
        place, live = (page.service, page.environment), page.live[-1]
        own = [one for one in observed if one.champion == live.revision.model]
        end = own[-1].window.end if own else live.at
        late = now - (end + spec.drift.window + spec.data.label.matures_after)
        self.set(m.WINDOW_END, end.timestamp(), *place)
        self.set(m.WINDOW_OVERDUE, max(late, timedelta(0)).total_seconds(), *place)
        told = window(own[-1]) if own else {}
        for name in OF_A_WINDOW:
            self.tell(name, place, told.get(name, {}))

    def tell(self, name: str, place: tuple[str, str], values: Mapping[tuple[str, ...], float]) -> None:
        """Say what a gauge shows of one service, and no more what it showed before: a column or a rule may be gone."""
        for labels, value in values.items():
            self.set(name, value, *place, *labels)
        for labels in self._told.get((name, place), set()) - set(values):
            self.gauges[name].remove(*place, *labels)
        self._told[name, place] = set(values)


def window(one: Observed) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what each gauge shows of a window, by the labels after service and environment."""
    report, model = one.drift, one.champion[:12]
    told: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in OF_A_WINDOW}
    told[m.DRIFT_ROWS][()], told[m.DRIFT_ROWS_NEEDED][()] = report.rows, report.rows_needed
    for column in report.columns:
        labels = (column.column, column.method)
        few = column.outcome == "insufficient_data" or column.distance is None
        told[m.DRIFT][labels] = float("nan") if few else column.distance or 0.0
        told[m.DRIFT_LIMIT][labels] = max(column.effect_limit, column.null_limit or 0.0)
    for metric in one.metrics:
        told[m.LABEL_METRIC][metric.metric,] = metric.value
        told[m.LABEL_METRIC_LOW][metric.metric,] = metric.low
        told[m.LABEL_METRIC_HIGH][metric.metric,] = metric.high
        told[m.LABEL_METRIC_GATE][metric.metric,] = metric.reference
    for signal in one.signals:
        told[m.SIGNAL][signal.cause, signal.rule, model] = signal.fired
    return told


def windows_of(service: str) -> str:
    """Return where trouble with a service's windows is."""
    return f"windows of {service}"


def is_unreverted(page: Page, alarms: Sequence[str]) -> bool:
    """Say whether main names what failed while no revert is open."""
    if alarms:
        return True
    newest = page.newest
    failed = newest and any(
        tag.outcome == "aborted" and tag.commit == newest.commit and failed_in(tag) for tag in page.tags
    )
    return bool(failed) and not any(is_open(page, "revert"))


def is_open(page: Page, purpose: str) -> Iterable[datetime]:
    """Yield since when each pull request of a purpose is open."""
    for pull in page.pulls:
        if pull.state == "open" and (branch_parts(pull.branch) or ("",))[0] == purpose:
            yield pull.opened_at


def oldest(page: Page, purpose: str, now: datetime) -> float:
    """Return how many seconds the oldest open pull request of a purpose has waited."""
    return max(((now - at).total_seconds() for at in is_open(page, purpose)), default=0.0)
