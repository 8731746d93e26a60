"""Other serving settings for the model that main names: a canary of their own, and refused where they failed."""

from headgate.desired import file_path, settings_digest
from headgate.errors import PermanentError
from headgate.names import Name, short
from headgate.propose.actions import Action, Nothing, Open, Situation
from headgate.propose.words import code, escape
from headgate.records.change import Edit, Proposal, branch_parts
from headgate.specs.environment import Serving
from headgate.specs.reading import parse


def plan(situation: Situation, service: Name, text: str, reason: str) -> tuple[Action, ...]:
    """Return the actions that ask for serving.yaml to become `text`, or say why it should not."""
    environment, desired = situation.environment, situation.desired
    path = file_path(environment, service, "serving.yaml")
    wanted = settings_digest(parse(text, Serving, path))
    if desired.texts.get(path) == text:
        return (Nothing(reason=f"{path} says this already"),)
    version = desired.version(environment, service)
    ban = desired.ban(environment, service, version.model.sha256, wanted) if version else None
    if version and ban:
        step = f"`headgate unban {service} {environment} --model {short(version.model.sha256)} --reason '…'`"
        reason = f"{short(version.model.sha256)} is banned with these settings: {ban.reason}"
        return (Nothing(reason=reason, next_step=step),)
    same = [pull for pull in situation.of("settings", service) if leaf(pull.branch).startswith(short(wanted))]
    waiting = [pull for pull in same if pull.state == "open"]
    if waiting:
        return (Nothing(reason=f"these settings are open as pull request #{waiting[-1].number}", next_step="merge it"),)
    if desired.commit is None:
        raise PermanentError("desired state was read without its commit", next_step="read main, then propose")
    model = version.model.sha256 if version else None
    return (
        Open(
            proposal=Proposal(
                purpose="settings",
                service=service,
                environment=environment,
                base=desired.commit,
                branch=f"settings/{environment}/{service}/{short(wanted)}-{len(same) + 1}",
                title=f"{service} → {environment}: settings {short(wanted)}",
                body=body(path, text, reason),
                edits=(Edit(path=path, text=text),),
                model=model,
                settings=wanted,
            )
        ),
    )


def body(path: str, text: str, reason: str) -> str:
    """Return what a reviewer reads."""
    lines = [
        "## Other serving settings, the same model",
        "",
        f"Reason: {escape(reason)}",
        "",
        f"After the merge {code(path)} runs as a canary of its own, judged by the same questions as a model.",
        "",
        "```yaml",
        text.replace("```", "'''").strip(),
        "```",
    ]
    return "\n".join(lines) + "\n"


def leaf(branch: str) -> str:
    return (branch_parts(branch) or ("",))[-1]
