"""What happened, told as it happens, and written down at the end."""

import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import psutil
from rich.console import Console

from headgate import features
from headgate.cli.exchange import write
from headgate.cli.loop import Ended, Loop
from headgate.local.ring import Ring
from headgate.local.traffic import Client
from headgate.names import short
from headgate.records.codec import encode
from headgate.records.story import Hop, PromotionNote, RefusalNote, Requests, SplitNote, Story, WindowPoint
from headgate.serve.log import read as read_log
from headgate.stats.metrics import Undefined, score

if TYPE_CHECKING:
    from headgate.cli.demo import Demo


class Teller:
    """Collects hops and notes, prints a line each."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.began = time.monotonic()
        self.console = Console()
        self.hops: list[Hop] = []
        self.refusals: list[RefusalNote] = []
        self.client: Client | None = None
        self.fault_from: datetime | None = None
        self.fault_to: datetime | None = None
        self.failed_before = 0
        self.failed_in_fault = 0
        self.peak = PeakMemory()

    def tell(self, name: str, outcome: str, detail: str) -> None:
        """Keep and print one thing that happened."""
        hop = Hop(
            name=name,
            event_time=self.clock(),
            wall_seconds=round(time.monotonic() - self.began, 2),
            outcome=outcome,
            detail=detail,
        )
        self.hops.append(hop)
        self.console.print(
            f"{hop.wall_seconds:6.1f} s  {hop.event_time:%m-%d}  {name:<9} {outcome:<12} {detail}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        if name == "abort" and self.fault_from and not self.fault_to:
            self.fault_ends()

    def judged(self, ended: Ended) -> None:
        """Tell a run's verdict and what was proposed."""
        if ended.verdict is None:
            self.tell("run", "failed", f"exit {ended.code}")
            return
        verdict = ended.verdict
        deciding = [one for one in verdict.findings if one.severity == "error" and one.outcome != "pass"]
        reason = "; ".join(f"{one.rule}: {one.reason}" for one in deciding) or "every rule passes"
        self.tell("gate", verdict.outcome, f"{short(verdict.model.sha256)}: {reason}")
        if verdict.outcome != "pass":
            self.refused(short(verdict.model.sha256), "gate", verdict.outcome, reason)
        elif ended.proposed and ended.proposed.pull_request:
            pull = ended.proposed.pull_request
            self.tell("propose", "opened", f"#{pull.number} {pull.title}")

    def stopped(self, ended: Ended) -> None:
        """Tell how a poisoned data set was stopped."""
        report = ended.validation
        broken = [check for check in report.checks if check.outcome == "fail"] if report else []
        reason = "; ".join(dict.fromkeys(f"{check.column}: {check.detail}" for check in broken))
        self.tell("validate", report.outcome if report else f"exit {ended.code}", reason)
        if report and ended.verdict is None:
            self.refused(short(report.dataset.sha256), "validate", report.outcome, reason)

    def refused(self, what: str, by: str, outcome: str, reason: str) -> None:
        self.refusals.append(RefusalNote(what=what, by=by, outcome=outcome, reason=reason, event_time=self.clock()))

    def fault_begins(self) -> None:
        self.fault_from = datetime.now(UTC)
        self.failed_before = self.client.counts.failed if self.client else 0

    def fault_ends(self) -> None:
        self.fault_to = datetime.now(UTC)


class PeakMemory:
    """The largest sum of resident memory over the process tree, sampled."""

    def __init__(self, interval_seconds: float = 0.5) -> None:
        self.bytes = 0
        self.interval_seconds = interval_seconds
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        own = psutil.Process(os.getpid())
        while True:
            self.bytes = max(self.bytes, sum(resident(one) for one in [own, *own.children(recursive=True)]))
            time.sleep(self.interval_seconds)


def resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def write_story(demo: "Demo", loop: Loop, ring: Ring) -> Story:
    """Write demo.json and the report."""
    project, teller = demo.project, demo.teller
    auc, rows = monthly(demo)
    counts = teller.client.counts if teller.client else None
    pulls = project.forge.pull_requests(project.spec.service)
    tags = ring.history.tags()
    promotions = []
    for pull in pulls:
        live = [tag for tag in tags if tag.outcome == "live" and tag.commit == pull.merge_commit]
        if pull.branch.startswith("promote/") and live:
            version, _ = ring.history.at(live[0].commit)
            promotions.append(
                PromotionNote(
                    model=version.model.sha256,
                    pull_request=pull.number,
                    verdict="pass",
                    replaces=version.replaces,
                    live_at=live[0].at,
                    detail=version.summary,
                )
            )
    story = Story(
        service=project.spec.service,
        environment=ring.environment,
        hops=tuple(teller.hops),
        promotions=tuple(promotions),
        refusals=tuple(teller.refusals),
        requests=Requests(
            sent=counts.sent if counts else 0,
            rows=counts.rows if counts else 0,
            failed_outside_fault=counts.failed if counts else 0,
            failed_in_fault=0,
            spoiled_in_fault=counts.spoiled if counts else 0,
            canary_plan=len(ring.plan().steps) * ring.plan().min_requests,
            fault_from=teller.fault_from,
            fault_to=teller.fault_to,
        ),
        split=tuple(split(counts.models if counts else {}, [tag.revision.model for tag in tags])),
        auc=auc,
        rows_by_month=rows,
        windows=tuple(
            WindowPoint(
                end=one.labelled.window.end,
                metric=metric.metric,
                value=metric.value,
                low=metric.low,
                high=metric.high,
                reference=metric.reference,
                fired=any(signal.fired and signal.rule.startswith(metric.metric) for signal in one.signals),
                model=short(model),
            )
            for model, one in loop.observations
            for metric in one.metrics
        ),
        drift=tuple(one.drift for _, one in loop.observations),
        analyses=tuple(analysis for tag in tags for analysis in tag.analyses),
        signals=tuple(signal for _, one in loop.observations for signal in one.signals),
        bodies={str(pull.number): pull.body for pull in pulls},
        git_log=graph(project.workspace.env),
        env_repo=str(project.workspace.env),
        report=str(project.workspace.root / "report.html"),
        peak_rss_mb=round(teller.peak.bytes / 2**20, 1),
        seconds=round(time.monotonic() - teller.began, 1),
    )
    write(demo.out, encode(story))
    teller.console.print(story.git_log, markup=False, highlight=False)
    for month, ring_auc in auc["ring"].items():
        teller.console.print(f"{month}  ring {ring_auc:.3f}  frozen {auc['frozen'][month]:.3f}", highlight=False)
    teller.console.print(
        f"{story.requests.sent} requests, {story.requests.rows} rows, {story.requests.failed_outside_fault} failed; "
        f"{story.seconds} s, {story.peak_rss_mb} MB",
        highlight=False,
    )
    return story


def split(models: dict[tuple[int, str], int], live: list[str]) -> list[SplitNote]:
    """Return the share each canary had at each weight, by the answers' header."""
    notes = []
    known = list(dict.fromkeys(short(model) for model in live))
    for before, model in itertools.pairwise(known):
        for weight in sorted({weight for weight, header in models if weight and header == model}):
            here, there = models.get((weight, model), 0), models.get((weight, before), 0)
            total = here + there
            notes.append(SplitNote(model=model, weight=weight / 100, measured=here / total, requests=total))
    return notes


def graph(env: Any) -> str:
    """Return the env repo's history as git draws it."""
    command = ["git", "-C", str(env), "log", "--graph", "--oneline", "--decorate", "main"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def monthly(demo: "Demo") -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Return AUC by month of the ring's and the frozen model's logged answers, on the rows both answered."""
    project = demo.project
    spec = project.spec
    label = demo.rows.select(
        features.ids(demo.rows, spec).alias("id"), pl.col(spec.data.label.column).cast(pl.Float64).alias("label")
    )
    ring = read_log(project.predictions("prod")).unique("id", keep="first").select("id", "time", "prediction")
    frozen = read_log(project.workspace.root / "frozen" / "predictions").unique("id", keep="first")
    both = ring.join(frozen.select("id", frozen="prediction"), on="id").join(label, on="id").drop_nulls("label")
    auc: dict[str, dict[str, float]] = {"ring": {}, "frozen": {}}
    rows = {}
    for (month,), part in sorted(both.group_by(pl.col("time").dt.strftime("%Y-%m")), key=lambda item: str(item[0])):
        rows[str(month)] = part.height
        for arm, column in (("ring", "prediction"), ("frozen", "frozen")):
            found = score("auc", part["label"].to_numpy(), part[column].to_numpy())
            if not isinstance(found, Undefined):
                auc[arm][str(month)] = round(found.value, 4)
    return auc, rows
