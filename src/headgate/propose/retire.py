"""A service that is to serve no more: said in app.yaml, so that a deleted folder never stops anything by accident."""

from datetime import datetime

from headgate.desired import file_path
from headgate.errors import PermanentError
from headgate.names import Name, short
from headgate.propose.actions import Action, Nothing, Open, Situation
from headgate.propose.words import code, escape
from headgate.records.change import Edit, Proposal
from headgate.specs.environment import App, Retired
from headgate.specs.reading import parse
from headgate.specs.writing import FIRST_APP, render_retired
from headgate.wording import day


def plan(situation: Situation, service: Name, reason: str, at: datetime) -> tuple[Action, ...]:
    """Return the actions that ask for a service's end in an environment."""
    environment, desired = situation.environment, situation.desired
    if not reason.strip():
        raise PermanentError("a service is retired for a reason", next_step="`headgate retire … --reason '…'`")
    if service not in desired.services(environment):
        raise PermanentError(
            f"{service} has no folder in {environment}", found=", ".join(desired.services(environment)) or "no service"
        )
    if retired := desired.app(environment, service).retired:
        return (Nothing(reason=f"{service} is retired in {environment} since {day(retired.at)}: {retired.reason}"),)
    before = situation.of("retire", service)
    if waiting := [pull for pull in before if pull.state == "open"]:
        return (Nothing(reason=f"retiring it is open as pull request #{waiting[-1].number}", next_step="merge it"),)
    if desired.commit is None:
        raise PermanentError("desired state was read without its commit", next_step="read main, then propose")
    path = file_path(environment, service, "app.yaml")
    text = desired.texts.get(path, FIRST_APP).rstrip("\n") + "\n" + render_retired(Retired(reason=reason, at=at))
    parse(text, App, path)
    proposal = Proposal(
        purpose="retire",
        service=service,
        environment=environment,
        base=desired.commit,
        branch=f"retire/{environment}/{service}/{len(before) + 1}",
        title=f"{service} → {environment}: RETIRE",
        body=body(situation, service, path, reason),
        edits=(Edit(path=path, text=text),),
    )
    return (Open(proposal=proposal),)


def body(situation: Situation, service: Name, path: str, reason: str) -> str:
    """Return what a reviewer reads."""
    version = situation.desired.version(situation.environment, service)
    serves = f"It serves model {code(short(version.model.sha256))} now." if version else "It serves no model now."
    lines = [
        f"## {service} → {situation.environment}: RETIRE",
        "",
        f"**Because:** {escape(reason)}",
        "",
        f"{serves} **After the merge its answers end**: pods, routes and Services go at once, without a canary.",
        f"ConfigMap {code(f'{service}-retired')} stays and says why.",
        "",
        f"When the cluster has followed, the folder {code(path.rpartition('/')[0])} may be deleted.",
        "Other environments go on.",
        "",
        "**Undo:** revert this commit: what was live before is back as soon as its pods are.",
    ]
    return "\n".join(lines) + "\n"
