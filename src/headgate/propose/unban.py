"""Lifting a ban is a commit too, with its reason."""

from headgate.desired import file_path
from headgate.errors import PermanentError
from headgate.names import Name, short
from headgate.propose.actions import Action, Nothing, Open, Situation
from headgate.propose.words import code, escape
from headgate.records.change import Edit, Proposal, branch_parts
from headgate.specs.environment import Ban
from headgate.specs.writing import render_bans
from headgate.wording import day

MODEL_LENGTH = 6
"""Fewer characters of a digest could mean another model tomorrow."""


def plan(
    situation: Situation, service: Name, model: str, reason: str, *, settings: str | None = None
) -> tuple[Action, ...]:
    """Return the actions that lift the bans of a model (its digest, or how it begins), with all settings or one."""
    if not reason.strip():
        raise PermanentError("a ban is lifted for a reason", next_step="`headgate unban … --reason '…'`")
    if len(model) < MODEL_LENGTH:
        raise PermanentError(f"{model!r} is too short for a model", next_step=f"give {MODEL_LENGTH} characters or more")
    known = situation.desired.bans(situation.environment, service)
    lifted = [ban for ban in known if ban.model.startswith(model) and ban.settings.startswith(settings or "")]
    if len({ban.model for ban in lifted}) > 1:
        raise PermanentError(f"{model!r} means several banned models", found=names(lifted))
    if not lifted:
        where = f"{service} in {situation.environment}"
        return (
            Nothing(reason=f"{model[:12]} is not banned for {where}", next_step=f"banned: {names(known) or 'none'}"),
        )
    waiting = [pull for pull in situation.of("unban", service) if pull.state == "open"]
    if any(leaf_of(pull.branch).startswith(short(lifted[0].model)) for pull in waiting):
        return (Nothing(reason=f"lifting it is open as pull request #{waiting[-1].number}", next_step="merge it"),)
    return (Open(proposal=proposal_of(situation, service, known, lifted, reason)),)


def names(bans: list[Ban] | tuple[Ban, ...]) -> str:
    return ", ".join(sorted({short(ban.model) for ban in bans}))


def leaf_of(branch: str) -> str:
    return (branch_parts(branch) or ("",))[-1]


def proposal_of(
    situation: Situation, service: Name, known: tuple[Ban, ...], lifted: list[Ban], reason: str
) -> Proposal:
    if situation.desired.commit is None:
        raise PermanentError("desired state was read without its commit", next_step="read main, then propose")
    model, environment = lifted[0].model, situation.environment
    before = [pull for pull in situation.of("unban", service) if leaf_of(pull.branch).startswith(short(model))]
    kept = [ban for ban in known if ban not in lifted]
    return Proposal(
        purpose="unban",
        service=service,
        environment=environment,
        base=situation.desired.commit,
        branch=f"unban/{environment}/{service}/{short(model)}-{len(before) + 1}",
        title=f"{service} → {environment}: UNBAN {short(model)}",
        body=body_of(service, environment, lifted, reason),
        edits=(Edit(path=file_path(environment, service, "bans.yaml"), text=render_bans(kept)),),
        model=model,
        settings=lifted[0].settings,
    )


def body_of(service: Name, environment: Name, lifted: list[Ban], reason: str) -> str:
    lines = [
        f"## {service} → {environment}: UNBAN {code(short(lifted[0].model))}",
        f"**Because:** {escape(reason)}",
        "",
        "It was banned:",
        *[
            f"- with settings {code(short(ban.settings))} on {day(ban.at)}, commit {code(ban.commit[:12])}: "
            f"{escape(ban.reason)}"
            for ban in lifted
        ],
        "",
        "After the merge it may be proposed again; its canary is as strict as any.",
    ]
    return "\n".join(lines) + "\n"
