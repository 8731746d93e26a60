"""headgate propose."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.answering import TriggerGiven, answered, cause_note
from headgate.cli.conflicts import conflicting
from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.moments import AsOf, moment
from headgate.cli.standing import Standing
from headgate.cli.wiring import (
    AUTHOR,
    DEFAULT_SERVICE_FILE,
    EnvironmentName,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
    wall_clock,
)
from headgate.errors import UsageError
from headgate.ports import Forge
from headgate.propose.actions import Action, Close, Comment, Nothing, Open, Situation, Update
from headgate.propose.plan import plan
from headgate.records.change import PullRequest
from headgate.records.codec import Record, decode
from headgate.records.judgement import Evaluation, Verdict, evidence_uri

app = typer.Typer(add_completion=False)


class Proposed(Record, frozen=True, kw_only=True, tag="proposed/1"):
    """What became of a proposal: the pull request, or why there is none."""

    pull_request: PullRequest | None
    reason: str | None = None
    next_step: str | None = None


@app.command()
def propose(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    environment: EnvironmentName = None,
    trigger: TriggerGiven = None,
    run: Annotated[str | None, typer.Option("--run", help="The run's name.", metavar="NAME")] = None,
    back: Annotated[
        tuple[str, str] | None,
        typer.Option("--revert", help="Ask to go back to what was live before.", metavar="SERVICE ENVIRONMENT"),
    ] = None,
    serving: Annotated[
        Path | None, typer.Option("--settings", help="Ask for this text as serving.yaml.", metavar="FILE")
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why, with --revert or --settings.", metavar="TEXT")
    ] = None,
    as_of: AsOf = None,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Ask for a promotion: open the pull request with its evidence, or update the one that is open.

    With --revert ask for a person's undo, with --settings for other serving settings.
    """
    at = moment(as_of)
    project = open_project(service, workspace, (lambda: at) if at else wall_clock)
    if back or serving:
        from headgate.cli.asking import asked_of, other_settings, undo

        here = situation(project, project.live(asked_of(project, environment, back, serving, reason)))
        asked = other_settings(project, here, serving, reason or "") if serving else undo(project, here, reason or "")
        done = perform(asked, project.forge)
        leave(done, out, output, project, summary(done), fields)
        return
    if reason:
        raise UsageError("--reason goes with --revert or --settings")
    verdict = take(Verdict, source, project)
    evaluation = decode(project.store.get(evidence_uri(verdict.evaluation)), Evaluation)
    standing = project.live(environment)
    actions = plan(
        verdict,
        evaluation,
        situation(project, standing),
        cause_note(answered(trigger), project.spec.service, verdict.model.sha256, standing),
        canary=project.spec.canary,
        run=run,
        at=project.clock(),
    )
    done = perform(actions, project.forge)
    leave(done, out, output, project, summary(done), fields)


def situation(project: Project, standing: Standing) -> Situation:
    """Return what a plan is made in."""
    pulls = tuple(project.forge.pull_requests(project.spec.service))
    return Situation(
        environment=standing.environment,
        desired=standing.desired,
        tags=(*standing.tags, *standing.earlier),
        pull_requests=pulls,
        conflicting=tuple(conflicting(project.forge, pulls, standing.desired.commit)),
    )


def perform(actions: Iterable[Action], forge: Forge) -> Proposed:
    """Do each action; every one of them may be done twice."""
    done = Proposed(pull_request=None)
    for action in actions:
        match action:
            case Open(proposal=proposal):
                done = Proposed(pull_request=forge.open(proposal))
            case Update(number=number, title=title, body=body):
                done = Proposed(pull_request=forge.update(number, title, body))
            case Comment(number=number, text=text):
                forge.comment(number, text)
            case Close(number=number):
                forge.close(number, AUTHOR)
            case Nothing(reason=reason, next_step=next_step):
                done = Proposed(pull_request=done.pull_request, reason=reason, next_step=next_step)
    return done


def summary(done: Proposed) -> str:
    if pull := done.pull_request:
        return f"pull request #{pull.number} {pull.state}: {pull.title}"
    return f"nothing proposed: {done.reason}" + (f"\n  next: {done.next_step}" if done.next_step else "")
