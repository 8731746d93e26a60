"""A project's ring, composed: who tells Git about an abort, and who merges its revert."""

from headgate.cli.propose import Proposed, perform, situation
from headgate.cli.wiring import Project
from headgate.local.history import History
from headgate.local.launching import Servers
from headgate.local.ring import Ring
from headgate.local.rollout import Tell
from headgate.names import Name
from headgate.propose import revert
from headgate.records.live import Analysis

RULE = "headgate (rule: reverts merge)"


def ring_of(project: Project, environment: Name, tell: Tell) -> Ring:
    """Return the ring of a project's service in one environment; a failed canary opens its revert."""

    def on_failure(analysis: Analysis, analyses: tuple[Analysis, ...]) -> None:
        undo_canary(project, environment, tell, analysis, analyses)

    folder = project.workspace.root / "ring" / environment / project.spec.service
    history = History(project.forge, environment, project.spec.service)
    servers = Servers(
        service_file=project.service_file,
        folder=folder / "servers",
        predictions=project.predictions(environment),
        history=history,
        store=project.store,
    )
    return Ring(
        service=project.spec.service,
        environment=environment,
        canary_plan=project.spec.canary,
        folder=folder,
        history=history,
        launching=servers.launch,
        clock=project.clock,
        tell=tell,
        on_failure=on_failure,
    )


def undo_canary(
    project: Project, environment: Name, tell: Tell, analysis: Analysis, analyses: tuple[Analysis, ...]
) -> None:
    """Open the revert of a failed canary, and merge it where the environment's rule does."""
    done = open_revert(project, environment, analysis, analyses)
    pull = done.pull_request
    tell("revert", "opened" if pull else "nothing", f"#{pull.number} {pull.title}" if pull else done.reason or "")
    if pull and pull.state == "open" and merges_by_rule(project, environment):
        merged = project.forge.merge(pull.number, RULE, project.clock())
        tell("merge", "merged", f"#{merged.number} by rule")


def renew_reverts(project: Project, environment: Name, tell: Tell) -> int:
    """Ask anew for each failed canary's revert that main has left behind; return how many there were."""
    standing = project.live(environment)
    here = situation(project, standing)
    left = [tag for tag in standing.tags if revert.stale(here, project.spec.service, tag.commit)]
    for tag in left:
        undo_canary(project, environment, tell, tag.analyses[-1], tag.analyses)
    return len(left)


def open_revert(project: Project, environment: Name, analysis: Analysis, analyses: tuple[Analysis, ...]) -> Proposed:
    """Open the revert of a failed canary, or find it open."""
    here = situation(project, project.live(environment))
    healthy = revert.target(here, project.spec.service, analysis.revision)
    before = History(project.forge, environment, project.spec.service).texts(healthy.commit) if healthy else {}
    return perform(revert.plan(analysis, here, before, analyses=analyses), project.forge)


def merges_by_rule(project: Project, environment: Name) -> bool:
    """Say whether promotion.yaml lets reverts merge without a person."""
    return project.live(environment).desired.environment_order(environment).reverts_merge == "by_rule"
