"""Whether a second model may stand beside the champion, and what proves it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from headgate.desired import settings_digest
from headgate.errors import PermanentError
from headgate.names import Digest, Name
from headgate.records.codec import decode, digest_of, encode
from headgate.records.judgement import Verdict
from headgate.second_model import objections, proven
from headgate.specs.canary import Canary
from headgate.specs.environment import Serving
from headgate.specs.reading import parse
from headgate.specs.second_model import Experiment, RateLimit, Shadow
from unit.envrepo import MODEL, OTHER, VERSION

CODE = Digest("c" * 64)
CHAMPION = replace(VERSION, code=CODE)
SHADOW = Shadow(storage_uri=f"models/flights/{OTHER}", sha256=OTHER)
EXPERIMENT = Experiment(
    name=Name("colours"),
    key="customer",
    storage_uri=SHADOW.storage_uri,
    sha256=OTHER,
    code=CODE,
    verdict=Digest("e" * 64),
    replaces=MODEL,
)
ITSELF = f"models/flights/{MODEL}"
REFUSED = {
    "a shadow that is the champion": (Serving(shadow=replace(SHADOW, storage_uri=ITSELF, sha256=MODEL)), "with itself"),
    "a treatment that is the champion": (
        Serving(experiment=replace(EXPERIMENT, storage_uri=ITSELF, sha256=MODEL)),
        "with itself",
    ),
    "another service's shadow": (
        Serving(shadow=replace(SHADOW, storage_uri=f"models/rides/{OTHER}")),
        "shadow.storageUri is a model of 'rides', expected one of 'flights'",
    ),
    "a place of another digest": (
        Serving(shadow=replace(SHADOW, sha256=Digest("7" * 64))),
        "shadow.storageUri is of model bbbbbbbbbbbb and shadow.sha256 is 777777777777",
    ),
    "a verdict against another champion": (
        Serving(experiment=replace(EXPERIMENT, replaces=Digest("6" * 64))),
        "'colours' is beside champion 666666666666, with which the gate compared its model, and version.yaml names aaa",
    ),
    "features by another code": (
        Serving(experiment=replace(EXPERIMENT, code=Digest("5" * 64))),
        "made by code 555555555555, and the champion's code cccccccccccc would compute its features",
    ),
    "an experiment nobody learns from": (Serving(experiment=EXPERIMENT, log_answers=False), "without log_answers"),
    "an experiment of a share": (Serving(experiment=EXPERIMENT, log_share=0.5), "with log_share"),
    "one port twice": (Serving(grpc_port=8080), "where HTTP is answered"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_objected_to(case: str) -> None:
    """Once, with what to do."""
    serving, said = REFUSED[case]

    (objection,) = objections(serving, CHAMPION, "flights")

    assert said in objection.message
    assert objection.next_step


@pytest.mark.parametrize("serving", [Serving(), Serving(shadow=SHADOW, experiment=EXPERIMENT, grpc_port=9000)])
def test_what_can_work_is_not(serving: Serving) -> None:
    """A shadow needs no verdict, and sees the champion's rows of an experiment."""
    assert [] == list(objections(serving, CHAMPION, "flights"))


def test_before_the_first_promotion_nothing_is_served_beside_anything() -> None:
    """The first version.yaml is what is compared with."""
    assert [] == list(objections(Serving(experiment=EXPERIMENT), None, "flights"))


UNREADABLE = {
    "digest: a sha256 in capitals": (
        f"shadow: {{storageUri: {ITSELF}, sha256: {'A' * 64}}}",
        "shadow.sha256: expected",
    ),
    "digest: a tag": ("shadow: {storageUri: models/flights/latest, sha256: latest}", "shadow.storageUri: expected"),
    "a share of more than all": (f"shadow: {{storageUri: {ITSELF}, sha256: {MODEL}, share: 1.5}}", "<= 1"),
    "a share of none": (f"shadow: {{storageUri: {ITSELF}, sha256: {MODEL}, share: 0}}", ">= 0.0001"),
    "a share that is no number": (f"shadow: {{storageUri: {ITSELF}, sha256: {MODEL}, share: .nan}}", ">= 0.0001"),
    "a misspelt setting": (f"shadow: {{storageUri: {ITSELF}, sha265: {MODEL}}}", "Did you mean 'sha256'?"),
    "a misspelt group": ("experimet: {}", "Did you mean 'experiment'?"),
    "a treatment without a verdict": (
        PLAIN := "experiment: {name: a, key: b, storageUri: " + ITSELF + f", sha256: {MODEL}, code: {CODE}}}",
        "missing required field `verdict`",
    ),
    "a name that is none": (PLAIN.replace("name: a", "name: A B"), "experiment.name: expected"),
    "no key": (PLAIN.replace("key: b", "key: ''"), "experiment.key: expected"),
    "everybody in treatment": (PLAIN.replace("key: b", "key: b, share: 1"), "experiment.share: expected"),
    "a port of the system": ("grpc_port: 80", "grpc_port: expected `int` >= 1024"),
    "a rate for all clients together": ("rate_limit: {per_second: 5}", "missing required field `header`"),
    "no requests at all": ("rate_limit: {per_second: 0, header: x}", "rate_limit.per_second: expected"),
    "a header that is none": ("rate_limit: {per_second: 1, header: 'a: b'}", "rate_limit.header: expected"),
    "a negative price": ("price_per_hour: -1", "price_per_hour: expected"),
    "a log without room": ("log_limit_mib: 1", "log_limit_mib: expected"),
    "a log of nothing": ("log_share: 0", "log_share: expected"),
    "a log that is never written": ("log_flush_seconds: 3600", "log_flush_seconds: expected"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_wrong_setting_is_refused_with_its_name(case: str) -> None:
    """Before anything is compared."""
    text, said = UNREADABLE[case]

    with pytest.raises(PermanentError) as refused:
        parse(text, Serving, "serving.yaml")

    assert said in str(refused.value.message)


@pytest.mark.parametrize(
    "serving",
    [
        Serving(grpc_port=9000),
        Serving(price_per_hour=0.0),
        Serving(log_flush_seconds=0.0),
        Serving(log_limit_mib=2048),
        Serving(log_share=0.5),
        Serving(rate_limit=RateLimit(per_second=5, header="x-client")),
        Serving(shadow=SHADOW),
        Serving(shadow=replace(SHADOW, share=0.2)),
        Serving(experiment=EXPERIMENT),
        Serving(experiment=replace(EXPERIMENT, name=Name("shapes"))),
    ],
)
def test_whatever_changes_a_pod_is_another_revision(serving: Serving) -> None:
    """It comes by a canary, and may be banned; a default spelled out is not another one."""
    plain = settings_digest(Serving())

    assert settings_digest(serving) != plain
    assert settings_digest(replace(serving, canary=Canary(steps=(50,)))) == settings_digest(serving)
    assert settings_digest(Serving(shadow=SHADOW)) == settings_digest(Serving(shadow=replace(SHADOW, share=0.1)))


VERDICT = decode((Path(__file__).parents[1] / "golden/records/verdict-1.json").read_bytes(), Verdict)
OTHERS = {
    "no pass": (replace(VERDICT, outcome="inconclusive"), "is inconclusive, and it would answer people"),
    "another model": (replace(VERDICT, model=replace(VERDICT.model, sha256=MODEL)), "is on model aaaaaaaaaaaa of"),
    "another code": (replace(VERDICT, model=replace(VERDICT.model, code=CODE)), "of code cccccccccccc"),
    "another champion": (replace(VERDICT, champion=OTHER), "against bbbbbbbbbbbb"),
    "the first model of all": (replace(VERDICT, champion=None), "against no champion"),
}


def asked(content: bytes, named: Digest) -> Verdict:
    return proven(content, named, VERDICT.model.sha256, Digest(VERDICT.model.code), VERDICT.champion or MODEL)


def test_a_passed_verdict_proves_its_model() -> None:
    """Git names its digest, the store has it."""
    assert asked(encode(VERDICT), digest_of(encode(VERDICT))) == VERDICT


@pytest.mark.parametrize("case", OTHERS)
def test_no_other_verdict_does(case: str) -> None:
    """Whatever Git says of it."""
    other, said = OTHERS[case]

    with pytest.raises(PermanentError, match=said):
        asked(encode(other), digest_of(encode(other)))


def test_a_changed_verdict_proves_nothing() -> None:
    """The store is not trusted: Git says the digest."""
    with pytest.raises(PermanentError, match="is corrupt"):
        asked(encode(VERDICT) + b" ", digest_of(encode(VERDICT)))
