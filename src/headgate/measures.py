"""Metric names, labels and buckets: the server writes them, canary, scraper and PromQL read them."""

from dataclasses import dataclass

REQUESTS = "headgate_requests_total"
"""Counter by service, model and code: every answer of the inference endpoints, refusals included."""

REQUEST_SECONDS = "headgate_request_seconds"
"""Histogram by service and model: the same answers, from the request's last byte to the answer's first."""

PHASE_SECONDS = "headgate_phase_seconds"
"""Summary by service, model and phase (decode, check, predict, encode): where the time of those answers goes. Of
what is done for a batch at once each of its requests has the same share; its wait for the batch is in no phase."""

REQUEST_ROWS = "headgate_request_rows"
"""Histogram by service and model: rows of a request that was let in."""

BATCHING = "headgate_batching"
"""Gauge by service and model, where features are an owner's function: 1 while it takes each row by itself, as far as is
known, so that requests which wait together are computed together; 0: one by one."""
BATCH_REQUESTS = "headgate_batch_requests"
"""Summary by service and model: the batches of two requests and more, and the requests in them."""

REJECTED = "headgate_rejected_total"
"""Counter by service and reason: requests refused by the contract or a limit."""

VIOLATIONS = "headgate_violations_total"
"""Counter by service, input, kind and level: inputs that are not as the contract promises. `reject`: requests refused
(which REJECTED counts too, as reason `contract`); `clip`, `flag`: values that were answered all the same."""

PREDICTIONS = "headgate_predictions_total"
"""Counter by service and model: answered rows, of which a request may have many."""
PRICE = "headgate_price_per_hour"
COST = "headgate_cost_per_1000"
"""Gauges by service and model: a server's stated price, and what 1,000 rows have cost since it began."""

SKETCH_ROWS = "headgate_sketch_rows_total"
SKETCH_SKIPPED = "headgate_sketch_skipped_total"
"""Counters by service and model: answered rows whose features and scores are sketched, and those that are not."""
ODD_VALUES = "headgate_odd_values_total"
"""Counter by service, model, column and kind: sketched values that are null, infinite, unseen or outside the bins."""
SCORES = "headgate_score"
"""Histogram by service, model and output: the sketched answers, in the sketch's own bins."""

SHADOW_ROWS = "headgate_shadow_rows_total"
"""Counter by service, model, shadow and outcome: mirrored rows that were paired, shed or failed."""
SHADOW_CHANGED = "headgate_shadow_changed_total"
SHADOW_DISTANCE = "headgate_shadow_distance_total"
"""Counters by service, model and shadow, of paired rows: changed decisions; the sum of how far apart answers are."""

EXPERIMENT_ROWS = "headgate_experiment_rows_total"
"""Counter by service, experiment, arm and model: answered rows; arm `none` had no key to be divided by."""

FAULTS = "headgate_faults_total"
"""Counter by service, model and fault: answers spoiled by a fault of serving.yaml, `delay` or `fail`."""

LOG_LOST = "headgate_log_lost_total"
"""Counter by service: answered requests that the prediction log gave up, as disk or limit took nothing for long."""

STREAM_MESSAGES = "headgate_stream_messages_total"
"""Counter by service, model and outcome: messages answered, and those that became dead letters."""
STREAM_DEAD = "headgate_stream_dead_letters_total"
"""Counter by service, model and reason (malformed, contract, model, tombstone, too_long): the latter, by why."""
STREAM_LAG = "headgate_stream_lag"
"""Gauge by service, topic and partition: messages that wait, of the partitions this process reads."""
STREAM_AWAY = "headgate_stream_away"
"""Gauge by service: 1 while the topics cannot be reached, else 0."""
STREAM_FAILURES = "headgate_stream_failures_total"
"""Counter by service: how often the topics were opened anew because something failed; messages then come again."""
STREAM_LOST = "headgate_stream_lost_total"
"""Counter by service and topic: messages that the topic's retention took before they were read."""

DRIFT = "headgate_drift"
"""Gauge by service, environment, column and method: its distance in the last measured window, NaN for too few rows."""
DRIFT_LIMIT = "headgate_drift_limit"
"""Gauge by service, environment, column and method: beyond which distance the column drifted."""
DRIFT_ROWS = "headgate_drift_rows"
"""Gauge by service and environment: rows in the last measured window."""
DRIFT_ROWS_NEEDED = "headgate_drift_rows_needed"
"""Gauge by service and environment: fewer rows say nothing."""
WINDOW_END = "headgate_window_end_seconds"
"""Gauge by service and environment: the last measured window's end, or since when it is live."""
WINDOW_OVERDUE = "headgate_window_overdue_seconds"
"""Gauge by service and environment: how long ago the next window could have been measured; 0 while there is none."""
SIGNAL = "headgate_signal"
"""Gauge by service, environment, cause, rule and model: 1 when the rule fired in the last measured window, else 0."""
LABEL_METRIC = "headgate_label_metric"
LABEL_METRIC_LOW = "headgate_label_metric_low"
LABEL_METRIC_HIGH = "headgate_label_metric_high"
LABEL_METRIC_GATE = "headgate_label_metric_gate"
"""Gauges by service, environment and metric: the last labelled window's value, its interval, and the gate's value."""
TRIGGERS = "headgate_trigger_total"
"""Counter by service, cause and decision: what was decided about signals, said when it changes."""

RECEIVED = "headgate_received_total"
"""Counter by door and code: webhooks that were answered. Not `endpoint`: that is a label of the scrape."""
LOOKS = "headgate_looks_total"
"""Counter by outcome (done, failed): looks over cluster, Git and store."""
LAST_LOOK = "headgate_last_look_seconds"
"""Gauge: when the last look ended well, Unix time."""
ACTIONS = "headgate_actions_total"
"""Counter by action: what the receiver did."""
TROUBLE = "headgate_trouble"
"""Gauge by where: 1 for what the last look could not read or do."""
CANARY_WEIGHT = "headgate_canary_weight"
"""Gauge by service and environment: the canary's percentage, 0 without one."""
CANARY_HELD = "headgate_canary_held_seconds"
"""Gauge by service and environment: how long the canary has waited for an answer."""
ABORT_UNREVERTED = "headgate_abort_without_revert"
"""Gauge by service and environment: 1 while main names what failed and no revert is open."""
REVERT_OPEN = "headgate_revert_open_seconds"
"""Gauge by service and environment: how long a revert has been open; 0 without one."""
PROPOSAL_OPEN = "headgate_proposal_open_seconds"
"""Gauge by service and environment: how long the oldest promotion has been open; 0 without one."""
PROPOSAL_ORPHANED = "headgate_proposal_missing"
"""Gauge by service and environment: runs that passed the gate and ended without a pull request."""
RUN_FAILED = "headgate_run_failed"
"""Gauge by service and environment: runs whose every attempt failed."""
RUN_UNTRACKED = "headgate_run_untracked"
"""Gauge by service and environment: runs whose results were not shown to the tracker."""
PROMOTIONS = "headgate_promotions"
REVERTS = "headgate_reverts"
CANARIES_FAILED = "headgate_canaries_failed"
LEAD_TIME = "headgate_lead_time_seconds"
RESTORE_TIME = "headgate_restore_time_seconds"
"""Gauges by service and environment, from Git: counts since the beginning, medians in seconds."""
LIVE_SINCE = "headgate_live_since_seconds"
"""Gauge by service, environment and model: since when the champion is live, Unix time."""

SERVICE = "service"
MODEL = "model"
"""Label: the model's sha256, first 12 characters; the same as the header's value."""
CODE = "code"
"""Label: the HTTP status code, three digits."""
REASON = "reason"
FAULT = "fault"
ENVIRONMENT = "environment"

VIOLATIONS_LABELS = (SERVICE, "input", "kind", "level")
PREDICTIONS_LABELS = (SERVICE, MODEL)
SKETCH_LABELS = (SERVICE, MODEL)
ODD_VALUES_LABELS = (SERVICE, MODEL, "column", "kind")
SCORES_LABELS = (SERVICE, MODEL, "output")
SHADOW_LABELS = (SERVICE, MODEL, "shadow")
SHADOW_ROWS_LABELS = (*SHADOW_LABELS, "outcome")
EXPERIMENT_LABELS = (SERVICE, "experiment", "arm", MODEL)
STREAM_MESSAGES_LABELS = (SERVICE, MODEL, "outcome")
STREAM_DEAD_LABELS = (SERVICE, MODEL, REASON)
STREAM_LAG_LABELS = (SERVICE, "topic", "partition")
STREAM_LOST_LABELS = (SERVICE, "topic")
REQUESTS_LABELS = (SERVICE, MODEL, CODE)
REQUEST_SECONDS_LABELS = (SERVICE, MODEL)
PHASE_LABELS = (SERVICE, MODEL, "phase")
BATCH_LABELS = (SERVICE, MODEL)
REQUEST_ROWS_LABELS = (SERVICE, MODEL)
REJECTED_LABELS = (SERVICE, REASON)
FAULTS_LABELS = (SERVICE, MODEL, FAULT)

BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of REQUEST_SECONDS; a canary's `limits.p99_ms` must be one of them, else its share cannot be counted."""

BUCKETS_ROWS = (1, 10, 100, 1_000, 10_000)
"""Upper bounds of REQUEST_ROWS."""

MODEL_HEADER = "headgate-model"
"""Answer header: the first 12 characters of the sha256 of the model that answered."""

ARM_HEADER = "headgate-arm"
"""Answer header during an experiment: which arms answered, `control`, `treatment` or both; the model's header and the
answer's `model_version` go on naming the champion, under whose name both are served."""

NOTICE_HEADER = "headgate-notice"
"""Answer header: inputs that are not as promised and were answered all the same: `temp above, city unseen`."""

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
