"""Does the receiver order what the templates take?"""

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from headgate.desired import Desired
from headgate.graph.engines.argo import workflow
from headgate.graph.rendering import GRAPHS
from headgate.names import Commit, Digest, Name
from headgate.receive import promotions, runs
from headgate.receive.page import Named, Page
from headgate.receive.promotions import Soaked
from headgate.records.cluster import Order
from headgate.records.dataset import Window
from headgate.records.live import LiveTag, Revision, Trigger
from headgate.specs.reading import parse
from headgate.specs.receiver import Receiver, Trained
from headgate.specs.service import Service

AT = datetime(2013, 5, 1, tzinfo=UTC)
COMMIT = "a" * 40
SPEC = parse("{service: flights, task: binary, data: {reader: rows.csv, time: at, label: {column: late}}}", Service, "")
SETTINGS = Receiver(namespaces=("prod",))
TRAINED = Trained(
    repository="gitea+https://host/team/flights",
    clone="https://host/team/flights.git",
    image="registry.example.org/flights:{commit}",
    memory="4Gi",
)
TRIGGER = Trigger(
    service="flights",
    environment="prod",
    cause="drift",
    rule="psi temp",
    key="0123456789ab",
    window=Window(start=AT, end=AT),
    at=AT,
    detail="temp moved",
    code=COMMIT,
)


REVISION = Revision(model=Digest("1" * 64), settings=Digest("2" * 64), chart="0.1.0/0.1.0")
VERSION = f"""\
storageUri: models/flights/{REVISION.model}
model: {{name: flights, version: v, sha256: '{REVISION.model}'}}
dataset: {{sha256: '{"3" * 64}'}}
code: c
commit: '{COMMIT}'
lock: l
seed: 7
verdict: '{"4" * 64}'
evidence: '{"5" * 64}'
summary: s
cause: {{cause: person, detail: d}}
"""


def page(environment: str, **files: str) -> Page:
    """What Git says of an environment in which this revision is live, if version.yaml is given."""
    tag = LiveTag(
        outcome="live", service="flights", environment=environment, seq=1, commit=COMMIT, revision=REVISION, at=AT
    )
    texts = {f"env/{environment}/flights/{name}.yaml": text for name, text in files.items()}
    return Page(
        environment=Name(environment),
        service=Name("flights"),
        desired=Desired(texts=texts, commit=Commit(COMMIT)),
        named=(Named(Commit(COMMIT), AT, REVISION),) if files else (),
        tags=(tag,) if files else (),
    )


def answers_a_trigger() -> Order:
    return runs.order(TRIGGER, TRAINED, SETTINGS, SPEC)


def judges_a_soaked_model() -> Order:
    soaked = Soaked(environment="prod", service="flights", model=Digest("0" * 64), key="0123456789ab")
    return promotions.order(soaked, 1, runs.common("flights", "prod", COMMIT, TRAINED), SETTINGS)


@pytest.mark.parametrize("made", [answers_a_trigger(), judges_a_soaked_model()], ids=lambda order: order.template)
def test_an_order_gives_what_its_template_takes(made: Order) -> None:
    """Every parameter without a default, and none that Argo would not know."""
    spec = yaml.safe_load(workflow.template(made.template, GRAPHS[made.template]))["spec"]
    declared = {one["name"]: "value" in one for one in spec["arguments"]["parameters"]}

    assert set(made.parameters) <= declared.keys()
    assert {name for name, has_default in declared.items() if not has_default} <= set(made.parameters)


def test_a_run_uses_the_image_of_its_commit() -> None:
    """A CI that builds one for each push names it so; a pod waits until it is there."""
    assert answers_a_trigger().parameters["image"] == f"registry.example.org/flights:{COMMIT}"


@pytest.mark.parametrize(("days", "commit"), [(1, None), (2, COMMIT)])
def test_a_model_is_judged_by_the_code_that_trained_it(days: int, commit: str | None) -> None:
    """When its soak is over: main of its repository may have other features by then."""
    found = promotions.due(page("dev", version=VERSION), page("prod"), timedelta(days=2), AT + timedelta(days=days))

    assert (found.commit if found else None) == commit
