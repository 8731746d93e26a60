"""A passed verdict as an edit of version.yaml with its words."""

from headgate.desired import file_path
from headgate.errors import PermanentError
from headgate.names import short
from headgate.propose import body, evidence
from headgate.propose.actions import Situation
from headgate.records import codec
from headgate.records.change import Edit, Proposal
from headgate.records.judgement import Evaluation, Verdict
from headgate.records.live import DriftReport
from headgate.specs.canary import Canary
from headgate.specs.environment import CauseNote, DataPin, ModelPin, Version
from headgate.specs.writing import render_version


def proposed(
    verdict: Verdict,
    evaluation: Evaluation,
    situation: Situation,
    version: Version,
    *,
    attempt: int,
    canary: Canary,
    drift: DriftReport | None,
) -> Proposal:
    """Return the planned edit: one file, and the words that argue for it."""
    service, environment, model = verdict.service, situation.environment, verdict.model
    if situation.desired.commit is None:
        raise PermanentError("desired state was read without its commit", next_step="read main, then propose")
    settings = situation.desired.settings(environment, service)
    plan_here = situation.desired.serving(environment, service).canary or canary
    text = body.promotion(verdict, evaluation, situation, version, settings=settings, canary=plan_here, drift=drift)
    return Proposal(
        purpose="promote",
        service=service,
        environment=environment,
        base=situation.desired.commit,
        branch=f"promote/{environment}/{service}/{short(model.sha256)}-{attempt}",
        title=f"{service} → {environment}: {verdict.outcome.upper()} {short(model.sha256)}, "
        f"{evidence.leading(verdict.findings)}",
        body=text,
        edits=(Edit(path=file_path(environment, service, "version.yaml"), text=render_version(version)),),
        model=model.sha256,
        settings=settings,
    )


def version_of(
    verdict: Verdict, evaluation: Evaluation, cause: CauseNote, run: str | None, storage_uri: str | None
) -> Version:
    """Return what version.yaml will say."""
    model, window = verdict.model, verdict.model.dataset.window
    summary = (
        f"{verdict.outcome.upper()}: {evidence.leading(verdict.findings)} on {evidence.sample(evaluation)}; "
        f"look {verdict.look}, policy {verdict.policy}"
    )
    return Version(
        storage_uri=storage_uri or model.uri,
        model=ModelPin(
            name=verdict.service, version=model.version, sha256=model.sha256, predictor=model.predictor or None
        ),
        dataset=DataPin(
            sha256=model.dataset.sha256,
            start=window.start if window else None,
            end=window.end if window else None,
            train_end=model.train_end,
            tune_end=model.tune_end,
        ),
        code=model.code,
        commit=model.commit,
        lock=model.lock,
        seed=model.seed,
        verdict=codec.digest(verdict),
        evidence=verdict.evaluation,
        summary=summary,
        replaces=verdict.champion,
        cause=cause,
        run=run,
    )
