"""Metric names, labels and buckets: the server writes them, canary, scraper and PromQL read them."""

from dataclasses import dataclass

REQUESTS = "headgate_requests_total"
"""Counter by service, model and code: every answer of the inference endpoints, refusals included."""

REQUEST_SECONDS = "headgate_request_seconds"
"""Histogram by service and model: the same answers, from the request's last byte to the answer's first."""

REJECTED = "headgate_rejected_total"
"""Counter by service and reason: requests refused by the contract or a limit."""

FAULTS = "headgate_faults_total"
"""Counter by service, model and fault: answers spoiled by a fault of serving.yaml, `delay` or `fail`."""

LOG_LOST = "headgate_log_lost_total"
"""Counter by service: answered requests that the prediction log gave up because the disk took nothing."""

DRIFT = "headgate_drift"
DRIFT_ROWS = "headgate_drift_rows"
LABEL_METRIC = "headgate_label_metric"
TRIGGERS = "headgate_trigger_total"

SERVICE = "service"
MODEL = "model"
"""Label: the model's sha256, first 12 characters; the same as the header's value."""
CODE = "code"
"""Label: the HTTP status code, three digits."""
REASON = "reason"
FAULT = "fault"

REQUESTS_LABELS = (SERVICE, MODEL, CODE)
REQUEST_SECONDS_LABELS = (SERVICE, MODEL)
REJECTED_LABELS = (SERVICE, REASON)
FAULTS_LABELS = (SERVICE, MODEL, FAULT)

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of REQUEST_SECONDS; a canary's `limits.p99_ms` must be one of them, else its share cannot be counted."""

MODEL_HEADER = "headgate-model"
"""Answer header: the first 12 characters of the sha256 of the model that answered."""

FAULT_HEADER = "headgate-fault"
"""Answer header: the fault of serving.yaml that spoiled this answer; absent from any other."""


@dataclass(frozen=True, slots=True)
class Series:
    """The counters of one metric that are summed: all of them, or those whose label matches entirely."""

    metric: str
    label: str | None = None
    pattern: str = ""
    """A regular expression, or `{bound}`: the limit's bucket bound in seconds."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of all answers: either the bad ones are counted, or the good ones."""

    total: Series
    bad: Series | None = None
    good: Series | None = None


SHARES = {
    "errors": Share(total=Series(REQUESTS), bad=Series(REQUESTS, CODE, "5..")),
    "p99": Share(total=Series(REQUEST_SECONDS + "_count"), good=Series(REQUEST_SECONDS + "_bucket", "le", "{bound}")),
}
"""What a canary's questions count; scraper and PromQL read the same lines."""
