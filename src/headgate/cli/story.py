"""What happened, gathered from Git, the client and the logs, and written as demo.json and the report."""

import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import polars as pl

from headgate import features
from headgate.cli.exchange import write
from headgate.cli.loop import Loop
from headgate.cli.telling import Teller, window_points
from headgate.cli.wiring import Project
from headgate.local.ring import Ring
from headgate.local.traffic import Counts, Step
from headgate.names import short
from headgate.records.change import PullRequest
from headgate.records.codec import encode
from headgate.records.live import Analysis, LiveTag
from headgate.records.story import LookNote, PromotionNote, Requests, SplitNote, Story
from headgate.serve.logs.prediction_log import read as read_log
from headgate.show.page.plots import evenly
from headgate.specs.canary import Canary
from headgate.stats.metrics import Undefined, score

LOOKS_KEPT = 60
"""Of one question at one weight: enough to draw its course."""


def write_story(out: Path, teller: Teller, loop: Loop, ring: Ring, rows: pl.DataFrame) -> Story:
    """Write demo.json and the report, and show the end."""
    from headgate.show.ending import show
    from headgate.show.report import render

    teller.timeline.stop()
    story = story_of(teller, loop, ring, rows)
    write(out, encode(story))
    write(Path(story.report), render(story).encode())
    show(story, teller.timeline.console)
    return story


def story_of(teller: Teller, loop: Loop, ring: Ring, rows: pl.DataFrame) -> Story:
    """Return everything that happened as one record; `rows` have the labels of what was replayed."""
    project = loop.project
    counts = teller.client.counts if teller.client else Counts()
    pulls = project.forge.pull_requests(project.spec.service)
    tags = ring.history.tags()
    analyses = [analysis for tag in tags for analysis in tag.analyses]
    auc, counted = monthly(project, ring.environment, rows)
    return Story(
        service=project.spec.service,
        environment=ring.environment,
        hops=tuple(teller.hops),
        promotions=tuple(promotions(pulls, tags, ring)),
        refusals=tuple(teller.refusals),
        requests=requests(counts, teller, ring),
        split=tuple(split(counts.models, analyses)),
        auc=auc,
        rows_by_month=counted,
        windows=window_points(loop.observations),
        drift=tuple(one.drift for _, one in loop.observations),
        analyses=tuple(analyses),
        signals=tuple(signal for _, one in loop.observations for signal in one.signals),
        bodies={str(pull.number): pull.body for pull in pulls},
        git_log=graph(project.workspace.env),
        env_repo=str(project.workspace.env),
        report=str(project.workspace.root / "report.html"),
        peak_rss_mb=round(teller.peak.bytes / 2**20, 1),
        seconds=round(teller.seconds, 1),
        verdicts=tuple(teller.verdicts),
        looks=tuple(thinned(teller.looks)),
        provenance=provenance(project),
    )


def promotions(pulls: Sequence[PullRequest], tags: Sequence[LiveTag], ring: Ring) -> Iterable[PromotionNote]:
    """Yield the promotions that reached live."""
    lived = {tag.commit: tag for tag in reversed(tags) if tag.outcome == "live"}
    for pull in pulls:
        tag = lived.get(pull.merge_commit) if pull.merge_commit else None
        if tag and pull.branch.startswith("promote/"):
            named, _ = ring.history.at(tag.commit)
            yield PromotionNote(
                model=named.model.sha256,
                pull_request=pull.number,
                verdict="pass",
                replaces=named.replaces,
                live_at=tag.at,
                detail=named.summary,
            )


def requests(counts: Counts, teller: Teller, ring: Ring) -> Requests:
    """Return what the client counted: a failure under way between the fault's begin and end is the fault's."""
    begin, end = teller.fault_from, teller.fault_to
    inside = sum(one.within(begin, end) for one in counts.failures) if begin and end else 0
    plan = ring.plan()
    return Requests(
        sent=counts.sent,
        rows=counts.rows,
        failed_outside_fault=counts.failed - inside,
        failed_in_fault=inside,
        spoiled_in_fault=counts.spoiled,
        canary_plan=planned(plan),
        fault_from=begin,
        fault_to=end,
    )


def split(models: Mapping[tuple[Step, str], int], analyses: Sequence[Analysis]) -> list[SplitNote]:
    """Return the share that each canary had at each weight, by the answers' header.

    A canary of other settings bears the same header as stable: only its analysis knows its share.
    """
    notes = []
    for step in dict.fromkeys(Step(one.commit, one.weight) for one in analyses):
        model = next(short(one.revision.model) for one in analyses if one.commit == step.commit)
        here = models.get((step, model), 0)
        total = sum(count for (at, _), count in models.items() if at == step)
        if here < total:
            notes.append(
                SplitNote(
                    model=model,
                    weight=step.weight / 100,
                    measured=round(here / total, 4),
                    requests=total,
                    commit=step.commit,
                )
            )
    return notes


def thinned(looks: Sequence[LookNote]) -> Iterable[LookNote]:
    """Yield at most LOOKS_KEPT looks of a question at a weight, the first and the last among them."""
    groups: dict[tuple[str, int, str], list[LookNote]] = {}
    for one in looks:
        groups.setdefault((one.commit, one.weight, one.question), []).append(one)
    for group in groups.values():
        yield from (group[at] for at in evenly(len(group), LOOKS_KEPT))


def graph(env: Path) -> str:
    """Return the env repo's history as git draws it."""
    command = ["git", "-C", str(env), "log", "--graph", "--oneline", "--decorate", "main"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def provenance(project: Project) -> dict[str, str]:
    """Return what made this story."""
    return {
        "headgate": version("headgate"),
        "python": platform.python_version(),
        "machine": platform.platform(terse=True),
        "service": project.service_file.name,
        "code": short(project.code),
        "packages": short(project.lock),
        "contract": short(project.contract_digest),
        "env repo": str(project.forge.head()),
    }


def monthly(
    project: Project, environment: str, rows: pl.DataFrame
) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """Return AUC by month of the ring's and the frozen model's logged answers, on the rows both answered."""
    spec = project.spec
    label = rows.select(
        features.ids(rows, spec).alias("id"), pl.col(spec.data.label.column).cast(pl.Float64).alias("label")
    )
    ring = read_log(project.predictions(environment)).unique("id", keep="first").select("id", "time", "prediction")
    frozen = read_log(project.workspace.root / "frozen" / "predictions").unique("id", keep="first")
    both = ring.join(frozen.select("id", frozen="prediction"), on="id").join(label, on="id").drop_nulls("label")
    auc: dict[str, dict[str, float]] = {"ring": {}, "frozen": {}}
    counted = {}
    for (month,), part in sorted(both.group_by(pl.col("time").dt.strftime("%Y-%m")), key=lambda item: str(item[0])):
        counted[str(month)] = part.height
        for arm, column in (("ring", "prediction"), ("frozen", "frozen")):
            found = score("auc", part["label"].to_numpy(), part[column].to_numpy())
            if not isinstance(found, Undefined):
                auc[arm][str(month)] = round(found.value, 4)
    return auc, counted


def planned(plan: Canary) -> int:
    """Return how many requests a canary takes over all its steps, at least."""
    return sum(max(plan.min_requests, plan.step_requests * weight // 100) for weight in plan.steps)
