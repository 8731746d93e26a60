"""Does Kubeflow Pipelines get the graphs as they are?"""

import json
import re
from importlib import import_module
from typing import Any

import pytest
import typer
import yaml
from kfp import components

from headgate.errors import PermanentError
from headgate.graph.engines import kfp
from headgate.graph.rendering import GRAPHS
from headgate.graph.step import CONTINUOUS_TRAINING, PROMOTION, SCORING, Step, When

TORN = (
    Step(verb="a"),
    Step(verb="b", reads="a", when=When(step="a", field="outcome", operator="==", value="pass")),
    Step(verb="c", reads="a", when=When(step="a", field="outcome", operator="!=", value="pass")),
    Step(verb="d", reads="b", when=When(step="c", field="outcome", operator="==", value="pass")),
)


@pytest.fixture(scope="module")
def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """The IR of continuous training, and what its pods are given."""
    ir, given = yaml.safe_load_all(kfp.pipeline("headgate-ct", CONTINUOUS_TRAINING))
    return ir, given["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def executors(ir: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return verb → container."""
    made = ir["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): one["container"] for name, one in made.items()}


def test_a_graph_that_kfp_cannot_run_is_refused() -> None:
    """With both steps and a way out, not with a trace of the compiler."""
    with pytest.raises(PermanentError, match="KFP cannot run step 'd': it needs 'c', which stands under another"):
        kfp.pipeline("torn", TORN)


@pytest.mark.parametrize(("name", "step"), [(name, step) for name, graph in GRAPHS.items() for step in graph])
def test_a_component_types_a_command_that_there_is(name: str, step: Step) -> None:
    """The real command line takes the arguments when KFP has put the values in."""
    ir = yaml.safe_load(kfp.component(step, GRAPHS[name]))
    container = executors(ir)[step.verb]
    command = typer.main.get_command(import_module(f"headgate.cli.{step.verb}").app)

    words = [filled(word) for word in container["args"]]
    with command.make_context(words[0], words[1:]) as context:
        assert str(context.params["out"]) == f"/kfp/{step.verb}"
        assert [word for word in words if "{" in word] == []


def filled(word: str) -> str:
    """Return an argument as KFP's launcher gives it."""
    if word.startswith('{"Concat"'):
        return "".join(map(filled, json.loads(word)["Concat"]))
    word = re.sub(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}", lambda found: GIVEN.get(found[1], ""), word)
    word = re.sub(r"\{\{\$\.(?:in|out)puts\.(?:artifacts|parameters)\['(\w+)'\]\.\w+\}\}", r"/kfp/\1", word)
    return word.replace("{{$.pipeline_job_uuid}}", "0a59c87c-a54d")


GIVEN = {
    "service": "/service/service.yaml",
    "model": "0" * 64,
    "share": "1/4",
    "input": "a.parquet",
    "output": "b.parquet",
}


def test_a_component_can_be_loaded_on_its_own() -> None:
    """components/<verb>/component.yaml is what other people's pipelines are made of."""
    gate = components.load_component_from_text(kfp.component(CONTINUOUS_TRAINING[4], CONTINUOUS_TRAINING))

    assert set(gate.component_spec.inputs) == {"evaluate", "service", "environment"}
    assert set(gate.component_spec.outputs) == {"gate", "outcome"}


def test_nothing_is_taken_from_a_cache(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """KFP's key is the component and its inputs: it knows no code, no champion, no new rows."""
    ir, _ = documents
    tasks = {**ir["root"]["dag"]["tasks"]}
    for component in ir["components"].values():
        tasks |= component.get("dag", {}).get("tasks", {})

    cached = [name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")]

    assert [name for name in cached if not name.startswith("condition")] == []


def test_nothing_is_tried_again_whatever_its_exit_code(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """KFP can only retry everything: a refusal tried three times is still a refusal."""
    assert "retryPolicy" not in json.dumps(documents[0])


def test_only_propose_is_given_the_token_that_writes(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """As on Argo; all secrets by reference."""
    _, given = documents

    mounted = {name: [one["secretName"] for one in pod.get("secretAsVolume", [])] for name, pod in given.items()}

    assert [name for name, secrets in mounted.items() if "headgate-forge" in secrets] == ["exec-propose"]


def test_the_image_is_the_runs_choice(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The user's own, with the service's code in it."""
    images = {container["image"] for container in executors(documents[0]).values()}

    assert images == {"{{$.inputs.parameters['pipelinechannel--image']}}"}


def test_a_version_is_named_by_what_it_holds() -> None:
    """A PipelineVersion never changes: another graph is another name, the same graph the same one."""
    names = [
        document["metadata"]["name"]
        for graph in (PROMOTION, PROMOTION, PROMOTION[:2])
        for document in yaml.safe_load_all(kfp.version("headgate-promote", graph))
        if document["kind"] == "PipelineVersion"
    ]

    assert names[0] == names[1] != names[2]


def test_a_version_belongs_to_its_pipeline() -> None:
    """Two manifests, applied together."""
    pipeline, version = yaml.safe_load_all(kfp.version("headgate-promote", PROMOTION))

    assert (pipeline["kind"], version["kind"]) == ("Pipeline", "PipelineVersion")
    assert pipeline["metadata"]["name"] == version["spec"]["pipelineName"] == "headgate-promote"
    assert version["spec"]["platformSpec"]["platforms"]["kubernetes"]


def test_kfp_loops_over_the_list_and_goes_on_when_all_have_ended() -> None:
    """So many at once; the loop's inside has the item, its outside waits for the loop."""
    ir, given = yaml.safe_load_all(kfp.pipeline("headgate-score", SCORING))
    tasks = ir["root"]["dag"]["tasks"]
    [name] = [name for name, task in tasks.items() if "parameterIterator" in task]
    inside = ir["components"][tasks[name]["componentRef"]["name"]]["dag"]["tasks"]

    assert tasks[name]["iteratorPolicy"] == {"parallelismLimit": 8}
    assert set(inside) == {"score"}
    assert inside["score"]["inputs"]["parameters"]["share"] == {
        "componentInputParameter": tasks[name]["parameterIterator"]["itemInput"]
    }
    assert name in tasks["gather"]["dependentTasks"]
    mounts = given["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert len(mounts) == 3
    assert all(one["pvcMount"] == [{"constant": "headgate-files", "mountPath": "/files"}] for one in mounts.values())
