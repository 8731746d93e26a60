"""The env repo at one commit, as typed values: what should run, in which environment, and what is banned."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec
from msgspec.structs import replace

from headgate.errors import PermanentError
from headgate.names import Commit, Digest, Name, name
from headgate.records import codec
from headgate.records.change import Edit
from headgate.records.live import LiveTag, Revision
from headgate.specs.environment import (
    App,
    Ban,
    Bans,
    Environment,
    EnvironmentOrder,
    Promotion,
    Serving,
    Version,
)
from headgate.specs.reading import Spec
from headgate.specs.reading import parse as parse_spec
from headgate.specs.writing import FIRST_APP, FIRST_ENVIRONMENT, FIRST_SERVING, deviations, first_promotion, render_bans

FileName = Literal["app.yaml", "serving.yaml", "version.yaml", "bans.yaml"]
State = Literal["nothing yet", "live", "on its way", "canary failed", "canary ended"]
"""Where the model that main names stands in the cluster."""

PROMOTION = "promotion.yaml"

S = TypeVar("S", bound=Spec)


class Desired(msgspec.Struct, frozen=True):
    """The env repo's texts by path; each file is parsed when asked for, so that one broken file harms one service."""

    texts: Mapping[str, str]
    commit: Commit | None = None

    def order(self) -> tuple[EnvironmentOrder, ...]:
        """Return the environments of promotion.yaml, in its order."""
        return self.file(PROMOTION, Promotion).environments

    def environment_order(self, environment: str) -> EnvironmentOrder:
        """Return one environment's place in promotion.yaml."""
        known = {order.name: order for order in self.order()}
        if environment not in known:
            raise PermanentError(f"no environment {environment!r} in {PROMOTION}", found=", ".join(known))
        return known[Name(environment)]

    def environment(self, environment: str) -> Environment:
        """Return env/<environment>/environment.yaml."""
        return self.file(f"env/{environment}/environment.yaml", Environment)

    def services(self, environment: str) -> list[Name]:
        """Return the services that have a folder in an environment, sorted."""
        prefix = f"env/{environment}/"
        below = (path.removeprefix(prefix) for path in self.texts if path.startswith(prefix))
        return sorted({name(path.partition("/")[0], "service") for path in below if "/" in path})

    def version(self, environment: str, service: str) -> Version | None:
        """Return the model that main names, None before the first promotion."""
        path = file_path(environment, service, "version.yaml")
        return self.file(path, Version) if path in self.texts else None

    def serving(self, environment: str, service: str) -> Serving:
        """Return how the model is run."""
        return self.file(file_path(environment, service, "serving.yaml"), Serving)

    def app(self, environment: str, service: str) -> App:
        """Return which chart and runtime render the service."""
        return self.file(file_path(environment, service, "app.yaml"), App)

    def bans(self, environment: str, service: str) -> tuple[Ban, ...]:
        """Return the pairs that are not proposed."""
        return self.file(file_path(environment, service, "bans.yaml"), Bans).bans

    def ban(self, environment: str, service: str, model: str, settings: str) -> Ban | None:
        """Return the ban of a model with serving settings."""
        pairs = {(ban.model, ban.settings): ban for ban in self.bans(environment, service)}
        return pairs.get((Digest(model), Digest(settings)))

    def settings(self, environment: str, service: str) -> Digest:
        """Return the digest of the serving settings that main names."""
        return settings_digest(self.serving(environment, service))

    def revision(self, environment: str, service: str) -> Revision | None:
        """Return what a Rollout of main would consist of; None for a service without a model, or a retired one."""
        version = self.version(environment, service)
        if version is None or (app := self.app(environment, service)).retired:
            return None
        return Revision(model=version.model.sha256, settings=self.settings(environment, service), chart=chart(app))

    def file(self, path: str, expected: type[S]) -> S:
        """Return one file as its type; a missing one stands for its defaults."""
        return parse_spec(self.texts.get(path, ""), expected, path)


def parse(texts: Mapping[str, str], commit: Commit | None = None) -> Desired:
    """Return the env repo's texts as Desired."""
    return Desired(texts=dict(texts), commit=commit)


def file_path(environment: str, service: str, file: FileName) -> str:
    """Return where a service's file is.

    >>> file_path("prod", "flights", "version.yaml")
    'env/prod/flights/version.yaml'
    """
    return f"env/{environment}/{service}/{file}"


def settings_digest(serving: Serving) -> Digest:
    """Return the digest of the pod settings; the canary plan takes no part, nor does a default spelled out."""
    return codec.digest_of(msgspec.json.encode(deviations(replace(serving, canary=None)), order="sorted"))


def chart(app: App) -> str:
    """Return `<chart version>/<runtime version>`, and what app.yaml says beyond the usual.

    >>> chart(App()), chart(App(mode="fastapi", image="flights:2"))
    ('0.1.0/0.1.0', '0.1.0/0.1.0/fastapi/flights:2')
    """
    more = [word for word in (app.mode, app.image) if word not in ("kserve", None)]
    return "/".join([app.chart, app.runtime, *(str(word) for word in more)])


def champion(tags: Iterable[LiveTag], environment: str, service: str) -> LiveTag | None:
    """Return the last tag that says a revision reached Healthy: its model is the champion."""
    live = [tag for tag in history(tags, environment, service) if tag.outcome == "live"]
    return max(live, key=lambda tag: tag.seq, default=None)


def history(tags: Iterable[LiveTag], environment: str, service: str) -> list[LiveTag]:
    """Return a service's live and aborted tags, oldest first."""
    own = [tag for tag in tags if (tag.environment, tag.service) == (environment, service)]
    return sorted(own, key=lambda tag: (tag.at, tag.seq))


def state_of(named: Digest | None, past: Sequence[LiveTag]) -> State:
    """Return where the model that main names stands."""
    live = [tag for tag in past if tag.outcome == "live"]
    last = max(live, key=lambda tag: tag.seq, default=None)
    if named is None or (last is not None and last.revision.model == named):
        return "live" if last else "nothing yet"
    since = past[past.index(last) + 1 :] if last else past
    ended = [tag for tag in since if tag.outcome == "aborted" and tag.revision.model == named]
    if not ended:
        return "on its way"
    return "canary failed" if failed_in(ended[-1]) else "canary ended"


def failed_in(tag: LiveTag) -> bool:
    """Say whether an analysis failed; a canary may also end by its deadline, which blames nobody."""
    return any(analysis.outcome == "fail" for analysis in tag.analyses)


def live_tags(messages: Iterable[str]) -> list[LiveTag]:
    """Return the records that live and aborted tags bear as their messages."""
    return [codec.decode(message.encode(), LiveTag, "tag") for message in messages]


def initial(environments: Sequence[str], service: str) -> list[Edit]:
    """Return the first files of an env repo: each environment comes after the one before it."""
    names = [name(environment, "environment") for environment in environments]
    own = name(service, "service")
    texts = {PROMOTION: first_promotion(names)}
    for environment in names:
        texts[f"env/{environment}/environment.yaml"] = FIRST_ENVIRONMENT
        texts[file_path(environment, own, "app.yaml")] = FIRST_APP
        texts[file_path(environment, own, "serving.yaml")] = FIRST_SERVING
        texts[file_path(environment, own, "bans.yaml")] = render_bans(())
    return [Edit(path=path, text=text) for path, text in texts.items()]
