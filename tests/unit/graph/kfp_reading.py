"""Reads pipeline IR back: which verb reads whose record, under which conditions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml


class Placed(NamedTuple):
    """Where a verb stands in a pipeline."""

    reads: str | None
    conditions: frozenset[str]


def placed(text: str) -> dict[str, Placed]:
    """Return verb → what it reads and the conditions it stands in, as `step.field == value`."""
    document = next(yaml.safe_load_all(text))
    return dict(walk(document["root"]["dag"], document["components"], frozenset(), {}))


def walk(
    dag: Mapping[str, Any], components: Mapping[str, Any], conditions: frozenset[str], outside: Mapping[str, str]
) -> Iterator[tuple[str, Placed]]:
    """Yield the verbs of a DAG and of the conditions inside it; `outside`: input → the producer it comes from."""
    for name, task in dag["tasks"].items():
        component = components[task["componentRef"]["name"]]
        inputs = {key: source(given, outside) for key, given in given_to(task)}
        if "dag" not in component:
            records = [producer for key, producer in inputs.items() if producer and key in artifacts(task)]
            yield name, Placed(records[0] if records else None, conditions)
            continue
        own = {condition(task, inputs)} if "triggerPolicy" in task else set()  # a loop has none
        yield from walk(component["dag"], components, conditions | own, inputs)


def given_to(task: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each input of a task with where it comes from."""
    inputs = task.get("inputs", {})
    yield from inputs.get("artifacts", {}).items()
    yield from inputs.get("parameters", {}).items()


def artifacts(task: Mapping[str, Any]) -> Mapping[str, Any]:
    return task.get("inputs", {}).get("artifacts", {})


def source(given: Mapping[str, Any], outside: Mapping[str, str]) -> str:
    """Return the producer of an artifact, `producer.field` of a parameter; nothing for the run's own parameters."""
    if found := given.get("taskOutputArtifact"):
        return str(found["producerTask"])
    if found := given.get("taskOutputParameter"):
        return f"{found['producerTask']}.{found['outputParameterKey']}"
    inherited = given.get("componentInputArtifact") or given.get("componentInputParameter") or ""
    return outside.get(inherited, "")


def condition(task: Mapping[str, Any], inputs: Mapping[str, str]) -> str:
    """Return a group's condition in the words of the graph."""
    text = " ".join(str(task["triggerPolicy"]["condition"]).split())
    return re.sub(r"inputs\.parameter_values\['([^']*)'\]", lambda found: inputs[found[1]], text).replace("'", "")
