"""Does the receiver order what the templates take?"""

from datetime import UTC, datetime

import pytest
import yaml

from headgate.graph.engines.argo import workflow
from headgate.graph.rendering import GRAPHS
from headgate.names import Digest
from headgate.receive import promotions, runs
from headgate.receive.promotions import Soaked
from headgate.records.cluster import Order
from headgate.records.dataset import Window
from headgate.records.live import Trigger
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
