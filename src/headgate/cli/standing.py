"""Where does a service stand in one environment? What Git says of it now."""

from collections.abc import Callable
from dataclasses import dataclass

from headgate.desired import Desired, champion, history, live_tags
from headgate.errors import PermanentError
from headgate.names import Digest, Name
from headgate.ports import Forge
from headgate.records.live import LiveTag
from headgate.records.model import Model


@dataclass(frozen=True)
class Standing:
    """Where a service stands in one environment: what Git says of it now."""

    environment: Name
    desired: Desired
    tags: tuple[LiveTag, ...]
    """Of this environment."""
    earlier: tuple[LiveTag, ...]
    """Of the environment that comes before it: a model is live there first, and soaks."""
    champion: Model | None
    """The last model that reached Healthy here."""
    anchor: Model | None
    """The first one that did: every gate compares with it too."""


def standing(forge: Forge, service: Name, environment: str | None, model: Callable[[Digest], Model]) -> Standing:
    """Return where a service stands in the named environment, or in the first of promotion.yaml."""
    desired = desired_now(forge)
    name = desired.environment_order(environment).name if environment else desired.order()[0].name
    before = desired.environment_order(name).after
    tags = tags_of(forge, service, name)
    first = next((tag for tag in tags if tag.outcome == "live"), None)
    last = champion(tags, name, service)
    return Standing(
        environment=name,
        desired=desired,
        tags=tags,
        earlier=tags_of(forge, service, before) if before else (),
        champion=model(last.revision.model) if last else None,
        anchor=model(first.revision.model) if first else None,
    )


def tags_of(forge: Forge, service: Name, environment: Name) -> tuple[LiveTag, ...]:
    """Return a service's live and aborted tags of one environment, oldest first."""
    kinds = [f"{kind}/{environment}/{service}/" for kind in ("live", "aborted")]
    return tuple(history(live_tags(tag.message for kind in kinds for tag in forge.tags(kind)), environment, service))


def desired_now(forge: Forge) -> Desired:
    """Return what main of the env repo says."""
    head = forge.head()
    if head is None:
        raise PermanentError("the env repo has no commit on main", next_step="`headgate init` writes its first files")
    paths = ["promotion.yaml", *forge.paths("env/", head)]
    return Desired(texts={path: text for path in paths if (text := forge.read(path, head)) is not None}, commit=head)
