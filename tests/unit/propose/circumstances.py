"""What a plan is made in, made by hand: an env repo, tags, pull requests, a judged candidate."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from headgate.desired import Desired, initial, settings_digest
from headgate.gate.judge import judge
from headgate.gate.packs import load
from headgate.names import Commit, Digest, Name
from headgate.propose.actions import Action, Close, Comment, Nothing, Open, Situation, Update
from headgate.propose.plan import plan
from headgate.records.change import PullRequest
from headgate.records.judgement import Evaluation, Slice, Verdict
from headgate.records.live import Analysis, Answer, LiveTag, Revision
from headgate.specs.canary import Canary
from headgate.specs.environment import CauseNote, Faults, Serving, Version
from headgate.specs.reading import parse
from headgate.specs.writing import render_version
from unit.gate.evidence import CANDIDATE, CHAMPION, estimate, evaluation, service

HEAD = Commit("1" * 40)
LIVE_AT = datetime(2013, 7, 1, tzinfo=UTC)
JUDGED_AT = datetime(2013, 8, 31, tzinfo=UTC)
CAUSE = CauseNote(cause="performance", detail="late-label AUC low in 3 of 4 windows", trigger="1f0c2a000000")
SETTINGS = settings_digest(Serving())
SLOW = Serving(faults=Faults(delay_ms=400.0))
VERSION_PATH, SERVING_PATH, BANS_PATH = (f"env/prod/flights/{file}.yaml" for file in ("version", "serving", "bans"))


def slice_of(name: str, delta: float, rows: int = 3912) -> Slice:
    """Return a slice with a delta known to .003."""
    found = estimate(delta, 0.003)
    return Slice(name=name, metric="auc", candidate=0.7, champion=0.7 - delta, delta=found, rows=rows, clusters=31)


def evidence(**changes: Any) -> Evaluation:
    """Return a good candidate's evaluation, one slice a little worse."""
    worse, better = slice_of("origin=EWR", -0.004), slice_of("origin=JFK", 0.01)
    return evaluation(**({"slices": (better, worse), "rows": 28_756, "clusters": 31} | changes))


def verdict(found: Evaluation, outcome: str | None = "pass", judged_at: datetime | None = JUDGED_AT) -> Verdict:
    """Return the balanced pack's verdict; its outcome can be replaced, its findings are real."""
    spec = service()
    champion = found.champion.sha256 if found.champion else None
    judged = judge(found, load(spec.gate), spec, champion, judged_at)
    return judged if outcome is None else replaced(judged, outcome=outcome)


def replaced(record: Any, **changes: Any) -> Any:
    """Return a record with some fields changed."""
    return replace(record, **changes)


def version_of(model: Digest) -> Version:
    """Return what version.yaml says of a model."""
    return parse(version_text(model), Version, "version.yaml")


def version_text(model: Digest, trigger: str = "x") -> str:
    zero = "0" * 64
    text = f"""
storageUri: models/flights/{model}
model: {{name: flights, version: v-{model[:12]}, sha256: "{model}"}}
dataset: {{sha256: '{zero}', start: '2013-05-02T00:00:00Z', end: '2013-07-31T00:00:00Z'}}
code: code
lock: lock
seed: 7
verdict: '{zero}'
evidence: '{zero}'
summary: "PASS: AUC +.010"
cause: {{cause: performance, detail: AUC low, trigger: "{trigger}"}}
"""
    return render_version(parse(text, Version, "version.yaml"))


def env(model: Digest | None = CHAMPION, environments: Sequence[str] = ("prod",), **changes: str) -> dict[str, str]:
    """Return the env repo's texts, prod naming a model."""
    texts = {edit.path: edit.text or "" for edit in initial(environments, "flights")}
    return texts | ({VERSION_PATH: version_text(model)} if model else {}) | changes


def revision(model: Digest = CHAMPION, settings: Digest = SETTINGS, chart: str = "0.1.0/0.1.0") -> Revision:
    return Revision(model=model, settings=settings, chart=chart)


def tag(model: Digest = CHAMPION, seq: int = 1, outcome: str = "live", days: int = 0, **changes: Any) -> LiveTag:
    """Return a tag of flights in prod, some days after the first went live."""
    made = LiveTag(
        outcome="live" if outcome == "live" else "aborted",
        service=Name("flights"),
        environment=Name("prod"),
        seq=seq,
        commit=Commit("2" * 40),
        revision=revision(model),
        at=LIVE_AT + timedelta(days=days),
    )
    return replaced(made, **changes)


def situation(
    texts: dict[str, str] | None = None, tags: Sequence[LiveTag] | None = None, pulls: Sequence[PullRequest] = ()
) -> Situation:
    """Return prod with the champion live, unless told otherwise."""
    return Situation(
        environment=Name("prod"),
        desired=Desired(env() if texts is None else texts, HEAD),
        tags=(tag(),) if tags is None else tuple(tags),
        pull_requests=tuple(pulls),
    )


def planned(where: Situation | None = None, found: Evaluation | None = None, **changes: Any) -> tuple[Action, ...]:
    """Return the plan for a passed candidate."""
    found = found or evidence()
    judged = changes.pop("verdict", None) or verdict(found)
    return plan(
        judged, found, where or situation(), changes.pop("cause", CAUSE), canary=Canary(), run="ct-1", **changes
    )


def performed(actions: Sequence[Action], pulls: Sequence[PullRequest] = ()) -> list[PullRequest]:
    """Return the pull requests a forge has after doing what it was asked."""
    kept = {pull.number: pull for pull in pulls}
    for action in actions:
        if isinstance(action, Open):
            made = pull_of(action, len(kept) + 1)
            kept[made.number] = made
        elif isinstance(action, Update):
            kept[action.number] = replaced(kept[action.number], title=action.title, body=action.body)
        elif isinstance(action, Comment):
            pull = kept[action.number]
            kept[action.number] = replaced(pull, comments=(*pull.comments, action.text))
        elif isinstance(action, Close):
            kept[action.number] = replaced(kept[action.number], state="closed")
    return list(kept.values())


def only(actions: tuple[Action, ...]) -> Open:
    """Return the one pull request that a plan opens."""
    (action,) = actions
    assert isinstance(action, Open), action
    return action


def refusal(actions: tuple[Action, ...]) -> Nothing:
    """Return why a plan does nothing."""
    (action,) = actions
    assert isinstance(action, Nothing), action
    return action


def pull_of(opened: Open, number: int, **changes: Any) -> PullRequest:
    made = PullRequest(
        number=number,
        state="open",
        title=opened.proposal.title,
        body=opened.proposal.body,
        branch=opened.proposal.branch,
        base=opened.proposal.base,
        head=Commit(f"{number:040x}"),
        url=None,
        author="headgate",
        opened_at=LIVE_AT + timedelta(days=60),
    )
    return replaced(made, **changes)


def answer(question: str = "p99", outcome: str = "fail", share: float = 0.31, **changes: Any) -> Answer:
    made = Answer(
        question=question,
        outcome=outcome,  # type: ignore[arg-type]
        bad=int(share * 412),
        requests=412,
        share=share,
        low=share * 0.8,
        high=min(share * 1.2, 1.0),
        limit=0.01,
        stable_share=0.002,
    )
    return replaced(made, **changes)


def analysis(outcome: str = "fail", model: Digest = CANDIDATE, **changes: Any) -> Analysis:
    """Return a failed judgement at 10 %: slow, but without errors."""
    made = Analysis(
        service=Name("flights"),
        environment=Name("prod"),
        commit=Commit("3" * 40),
        revision=revision(model),
        weight=10,
        outcome=outcome,  # type: ignore[arg-type]
        answers=(answer("errors", "pass", 0.0), answer()),
        started_at=JUDGED_AT,
        ended_at=JUDGED_AT + timedelta(minutes=5),
        canary_requests=412,
        stable_requests=3700,
    )
    return replaced(made, **changes)
