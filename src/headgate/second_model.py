"""Can a second model, or an image, stand beside the champion? What serving.yaml asks for, against version.yaml."""

from collections.abc import Iterator

from msgspec import Struct

from headgate.errors import PermanentError
from headgate.names import Digest, short
from headgate.records.codec import decode, digest_of
from headgate.records.judgement import Verdict
from headgate.specs.environment import Serving, Version
from headgate.specs.second_model import Experiment, Shadow

HTTP_PORT = 8080
"""Of a pod."""
END = "take `experiment` out of serving.yaml first, or in the same pull request"


def pairs_of(champion: Digest, shadow: Digest) -> str:
    """Return where in a service's log both models' answers are, as the chart's `--shadow-log` has it.

    >>> pairs_of(Digest("a" * 64), Digest("b" * 64))
    'pairs/aaaaaaaaaaaa-bbbbbbbbbbbb'
    """
    return f"pairs/{short(champion)}-{short(shadow)}"


class Objection(Struct, frozen=True):
    """Why serving.yaml cannot be meant so."""

    message: str
    next_step: str


def objections(serving: Serving, version: Version | None, service: str) -> Iterator[Objection]:
    """Yield what serving.yaml says that cannot work; without a version.yaml nothing is served, by whatever settings."""
    if serving.grpc_port == HTTP_PORT:
        yield Objection(f"grpc_port is {HTTP_PORT}, where HTTP is answered", "choose another, for instance 9000")
    if serving.predictor and serving.predictor.port in {HTTP_PORT, serving.grpc_port}:
        yield Objection(
            f"predictor.port is {serving.predictor.port}, where the server itself answers",
            "choose another, for instance 8000",
        )
    for what, model in (("shadow", serving.shadow), ("experiment", serving.experiment)):
        if model:
            yield from misplaced(what, model, service)
            if version and model.sha256 == version.model.sha256:
                yield Objection(
                    f"{what} is model {short(model.sha256)}, which is the champion: it would be compared with itself",
                    f"name another model, or take `{what}` out of serving.yaml in the same pull request",
                )
    if serving.experiment:
        yield from unfit(serving.experiment, serving, version)


def misplaced(what: str, model: Shadow | Experiment, service: str) -> Iterator[Objection]:
    """Yield how a model's place and digest contradict each other or the service."""
    _, owner, sha256 = model.storage_uri.split("/")
    if owner != service:
        yield Objection(
            f"{what}.storageUri is a model of {owner!r}, expected one of {service!r}", "name a model of this service"
        )
    if sha256 != model.sha256:
        yield Objection(
            f"{what}.storageUri is of model {short(sha256)} and {what}.sha256 is {short(model.sha256)}",
            "name one model: its place bears its digest",
        )


def unfit(experiment: Experiment, serving: Serving, version: Version | None) -> Iterator[Objection]:
    """Yield why an experiment's model may not answer people beside this champion."""
    if not serving.log_answers:
        yield Objection("experiment without log_answers: nobody would learn which is better", "set `log_answers: true`")
    if serving.log_share is not None and serving.log_share < 1:
        yield Objection("experiment with log_share: it learns from every row", "take `log_share` out of serving.yaml")
    if version is None:
        return
    if experiment.replaces != version.model.sha256:
        yield Objection(
            f"experiment {experiment.name!r} is beside champion {short(experiment.replaces)}, with which the gate "
            f"compared its model, and version.yaml names {short(version.model.sha256)}",
            END,
        )
    if experiment.code != version.code:
        yield Objection(
            f"experiment's model was made by code {short(experiment.code)}, and the champion's code "
            f"{short(version.code)} would compute its features",
            "train it with the champion's code, or promote it through a canary",
        )


def proven(content: bytes, named: Digest, model: Digest, code: Digest, champion: Digest) -> Verdict:
    """Return the verdict of this digest; PermanentError unless it let this model pass, against this champion."""
    if digest_of(content) != named:
        raise PermanentError(
            f"the verdict {short(named)} is corrupt: its sha256 is {short(digest_of(content))}…",
            next_step="judge the model again: headgate gate --from EVIDENCE",
        )
    verdict = decode(content, Verdict, f"verdict {short(named)}")
    expected = (model, code, champion)
    if (verdict.model.sha256, verdict.model.code, verdict.champion) != expected:
        raise PermanentError(
            f"the verdict {short(named)} is on {told(verdict.model.sha256, verdict.model.code, verdict.champion)}",
            found=f"expected {told(*expected)}",
            next_step="name the lines of one version.yaml, as `headgate propose` wrote it",
        )
    if verdict.outcome != "pass":
        raise PermanentError(
            f"the verdict {short(named)} on model {short(model)} is {verdict.outcome}, and it would answer people",
            next_step="let it be a shadow: that needs no verdict",
        )
    return verdict


def told(model: str, code: str, champion: str | None) -> str:
    return f"model {short(model)} of code {short(code)} against {short(champion) if champion else 'no champion'}"
