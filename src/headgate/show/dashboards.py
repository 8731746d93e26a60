"""Grafana's dashboards as code: `make render` writes monitoring/dashboards; change them here."""

from headgate import measures as m
from headgate.show.panels import Dashboard, Panel

OF = '{service="$service",environment="$environment"}'
PODS = '{service="$service",namespace="$namespace"}'
NAMESPACED = {
    "namespace": f"label_values({m.REQUESTS}, namespace)",
    "service": f'label_values({m.REQUESTS}{{namespace="$namespace"}}, service)',
}
PLACED = {
    "environment": f"label_values({m.LIVE_SINCE}, environment)",
    "service": f'label_values({m.LIVE_SINCE}{{environment="$environment"}}, service)',
}
SEEN = "max by (service, environment)"
"""Every replica says the same of a service."""
COLUMN = "max by (column, method)"
DECIDED = "sum by (service, cause, decision)"
TRACK = "{{model}} {{rollouts_pod_template_hash}}"

DASHBOARDS: dict[str, Dashboard] = {
    "service": Dashboard(
        "Headgate: service",
        NAMESPACED,
        (
            Panel(
                "Requests",
                {"{{model}}": f"headgate:requests:rate5m{PODS}"},
                "reqps",
                "By model: a promotion is a cross.",
            ),
            Panel("Errors", {"{{model}}": f"headgate:errors:ratio5m{PODS}"}, "percentunit", "5xx."),
            Panel("p99", {"{{model}}": f"headgate:request_seconds:p99_5m{PODS}"}, "s"),
            Panel("p50", {"{{model}}": f"headgate:request_seconds:p50_5m{PODS}"}, "s"),
            Panel(
                "Refused requests",
                {"{{reason}}": f"headgate:rejected:rate5m{PODS}"},
                "reqps",
                "By the contract or a limit.",
            ),
            Panel(
                "Not logged, spoiled on purpose",
                {
                    "not logged": f"sum(increase({m.LOG_LOST}{PODS}[5m]))",
                    "{{fault}}": f"sum by (fault) (increase({m.FAULTS}{PODS}[5m]))",
                },
            ),
        ),
    ),
    "canary": Dashboard(
        "Headgate: canary side by side",
        NAMESPACED,
        (
            Panel(
                "Weight",
                {"canary": f'max by (environment) ({m.CANARY_WEIGHT}{{service="$service"}})'},
                "percent",
                "What the Rollout asks of the router.",
            ),
            Panel(
                "Share of requests",
                {
                    "{{model}}": f"headgate:track_requests:rate1m{PODS}"
                    f" / on() group_left() sum(headgate:track_requests:rate1m{PODS})"
                },
                "percentunit",
                "What the router does.",
            ),
            Panel(
                "Errors",
                {TRACK: f"headgate:track_errors:ratio1m{PODS}"},
                "percentunit",
            ),
            Panel("p99", {TRACK: f"headgate:track_seconds:p99_1m{PODS}"}, "s"),
            Panel(
                "Held",
                {"{{environment}}": 'headgate:canary_held_seconds:max{service="$service"}'},
                "s",
                "No data is neither success nor guilt: it holds until its deadline.",
            ),
            Panel(
                "Aborted and not reverted, reverts open",
                {
                    "not reverted": f'{SEEN} ({m.ABORT_UNREVERTED}{{service="$service"}})',
                    "revert open for": f'{SEEN} ({m.REVERT_OPEN}{{service="$service"}})',
                },
            ),
        ),
    ),
    "drift": Dashboard(
        "Headgate: drift and performance",
        PLACED,
        (
            Panel(
                "Distance beyond its limit",
                {
                    "{{column}}": f"{COLUMN} ({m.DRIFT}{OF}) / {COLUMN} ({m.DRIFT_LIMIT}{OF})",
                },
                "short",
                "Above 1 the column drifted; a gap has too few rows.",
            ),
            Panel(
                "Rows of the last window",
                {"rows": f"max({m.DRIFT_ROWS}{OF})", "needed": f"max({m.DRIFT_ROWS_NEEDED}{OF})"},
            ),
            Panel(
                "Answers against their labels",
                {
                    "{{metric}}": f"max by (metric) ({m.LABEL_METRIC}{OF})",
                    "{{metric}} low": f"max by (metric) ({m.LABEL_METRIC_LOW}{OF})",
                    "{{metric}} high": f"max by (metric) ({m.LABEL_METRIC_HIGH}{OF})",
                    "{{metric}} at the gate": f"max by (metric) ({m.LABEL_METRIC_GATE}{OF})",
                },
            ),
            Panel("Signals", {"{{cause}}: {{rule}}": f"max by (cause, rule) ({m.SIGNAL}{OF})"}),
            Panel("Age of the last window", {"": f"time() - max({m.WINDOW_END}{OF})"}, "s", kind="stat"),
            Panel("Overdue", {"": f"max({m.WINDOW_OVERDUE}{OF})"}, "s", "The drift run is missing.", "stat"),
        ),
    ),
    "pipeline": Dashboard(
        "Headgate: pipeline and receiver",
        {},
        (
            Panel(
                "Decisions",
                {"{{service}} {{cause}} {{decision}}": f"{DECIDED} (increase({m.TRIGGERS}[1h]))"},
            ),
            Panel(
                "Runs that need somebody",
                {
                    "given up: {{service}}": f"{SEEN} ({m.RUN_FAILED}) > 0",
                    "no pull request: {{service}}": f"{SEEN} ({m.PROPOSAL_ORPHANED}) > 0",
                    "not in MLflow: {{service}}": f"{SEEN} ({m.RUN_UNTRACKED}) > 0",
                },
                kind="table",
            ),
            Panel("Open promotions", {"{{service}} {{environment}}": f"{SEEN} ({m.PROPOSAL_OPEN}) > 0"}, "s"),
            Panel("Webhooks", {"{{door}} {{code}}": f"sum by (door, code) (rate({m.RECEIVED}[5m]))"}, "reqps"),
            Panel("Looks", {"{{outcome}}": f"sum by (outcome) (rate({m.LOOKS}[5m]))"}, "ops"),
            Panel("What it did", {"{{action}}": f"sum by (action) (increase({m.ACTIONS}[1h]))"}),
            Panel("Age of the last look", {"": f"time() - max({m.LAST_LOOK})"}, "s", kind="stat"),
            Panel("Trouble", {"{{where}}": f"max by (where) ({m.TROUBLE}) == 1"}, kind="table"),
        ),
    ),
    "dora": Dashboard(
        "Headgate: how delivery goes",
        PLACED,
        (
            Panel("Promotions in 30 days", {"": f"max(increase({m.PROMOTIONS}{OF}[30d]))"}, kind="stat", width=6),
            Panel(
                "Failed canaries of promotions",
                {"": f"max({m.CANARIES_FAILED}{OF}) / max({m.PROMOTIONS}{OF})"},
                "percentunit",
                kind="stat",
                width=6,
            ),
            Panel("Lead time, median", {"": f"max({m.LEAD_TIME}{OF})"}, "s", "From opened to merged.", "stat", 6),
            Panel(
                "Time to restore, median",
                {"": f"max({m.RESTORE_TIME}{OF})"},
                "s",
                "From a bad merge to its revert's.",
                "stat",
                6,
            ),
            Panel(
                "Since the beginning",
                {
                    "promotions": f"max({m.PROMOTIONS}{OF})",
                    "reverts": f"max({m.REVERTS}{OF})",
                    "failed canaries": f"max({m.CANARIES_FAILED}{OF})",
                },
            ),
            Panel("The champion's age", {"{{model}}": f"time() - max by (model) ({m.LIVE_SINCE}{OF})"}, "s"),
        ),
    ),
}
