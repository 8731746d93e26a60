"""Reads a rendered WorkflowTemplate as Argo's controller does, and plays it: which tasks run, are left out, fail.

After argo-workflows v3.7.18: workflow/common/ancestry.go and workflow/controller/dag.go for `depends`, steps.go for
`when`, operator.go (processNodeRetries) for retries, dag.go (assessDAGPhase, executeDAG) for failFast, and again dag.go
(expandTask, executeDAGTask) for `withParam`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

RAN = ("Succeeded", "Failed", "Error")


class Attempt(NamedTuple):
    """How one pod ended: what its container said, and Argo's own phase and message."""

    exit_code: str = "0"
    phase: str = "Succeeded"
    message: str = ""
    outcome: str = ""
    outputs: Mapping[str, str] = {}


class Node(NamedTuple):
    """What became of one task."""

    phase: str
    attempts: int = 0
    outputs: Mapping[str, str] = {}


def play(text: str, pods: Mapping[str, Sequence[Attempt]]) -> dict[str, Node]:
    """Run the DAG of a WorkflowTemplate; the last attempt of a task repeats."""
    templates = {one["name"]: one for one in yaml.safe_load(text)["spec"]["templates"]}
    dag = templates["graph"]["dag"]
    nodes: dict[str, Node] = {}
    waiting = list(dag["tasks"])
    while waiting:
        ready = [task for task in waiting if set(dependencies(task)) <= nodes.keys()]
        if not ready or (dag.get("failFast", True) and any(node.phase in RAN[1:] for node in nodes.values())):
            break
        for task in ready:
            waiting.remove(task)
            nodes[task["name"]] = decide(task, nodes) or expand(task, templates[task["template"]], pods, nodes)
    return nodes


def decide(task: Mapping[str, Any], nodes: Mapping[str, Node]) -> Node | None:
    """Return why a task is not executed, None when it is."""
    if task.get("depends") and not holds(re.sub(RESULT, lambda found: result(found, nodes), task["depends"])):
        return Node("Omitted")
    for artifact in task.get("arguments", {}).get("artifacts", []):
        producer, name = re.fullmatch(r"\{\{tasks\.(.+)\.outputs\.artifacts\.(.+)\}\}", artifact["from"]).groups()
        assert nodes[producer].phase == "Succeeded", f"{task['name']} reads {name} of {producer}, which has none"
    if "when" in task:
        asked = re.sub(PARAMETER, lambda found: nodes[found[1]].outputs[found[2]], task["when"])
        left, operator, right = re.fullmatch(r"'([^']*)' (==|!=) '([^']*)'", asked).groups()
        if (left == right) is not (operator == "=="):
            return Node("Skipped")
    return None


def expand(
    task: Mapping[str, Any],
    template: Mapping[str, Any],
    pods: Mapping[str, Sequence[Attempt]],
    nodes: Mapping[str, Node],
) -> Node:
    """Run a task's pod, or one for each item of its `withParam`; the group is Skipped when there is none."""
    if "withParam" not in task:
        return run(template, pods[task["name"]])
    named = [one["name"] for one in task["arguments"]["parameters"] if one["value"] == "{{item}}"]
    assert named == [one["name"] for one in template["inputs"]["parameters"]]
    items = json.loads(re.sub(PARAMETER, lambda found: nodes[found[1]].outputs[found[2]], task["withParam"]))
    ends = [run(template, pods[task["name"] + item]) for item in items]
    if not ends:
        return Node("Skipped")
    worst = next((end.phase for end in ends if end.phase != "Succeeded"), "Succeeded")
    return Node(worst, max(end.attempts for end in ends))


def run(template: Mapping[str, Any], attempts: Sequence[Attempt]) -> Node:
    """Run a pod until it succeeds, or its retryStrategy has enough."""
    strategy = template["retryStrategy"]
    names = [one["name"] for one in template.get("outputs", {}).get("parameters", [])]
    for tried in range(1, int(strategy["limit"]) + 2):
        last = attempts[min(tried, len(attempts)) - 1]
        if last.phase == "Succeeded":
            return Node("Succeeded", tried, {name: last.outputs.get(name, last.outcome) for name in names})
        if not retried(strategy["expression"], last):
            break
    return Node(last.phase, tried)


def retried(expression: str, last: Attempt) -> bool:
    """Say whether the expression is true of the last attempt."""
    facts = {"exitCode": last.exit_code, "status": last.phase, "message": last.message}
    text = re.sub(r"lastRetry\.(\w+)", lambda found: repr(facts[found[1]]), expression)
    text = re.sub(r"('[^']*') contains ('[^']*')", r"\2 in \1", text)
    return holds(text)


def dependencies(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tasks that must have come to an end before this one is decided."""
    yield from (found[1] for found in re.finditer(RESULT, task.get("depends", "")))


def result(found: re.Match[str], nodes: Mapping[str, Node]) -> str:
    """Return what `task.Result` is; a bare `task` stands for one that succeeded, was skipped, or is a daemon."""
    wanted = (found[2],) if found[2] else ("Succeeded", "Skipped", "Daemoned")
    return str(nodes[found[1]].phase in wanted)


def holds(expression: str) -> bool:
    """Evaluate a boolean expression of literals."""
    return bool(eval(expression.replace("&&", " and ").replace("||", " or "), {"__builtins__": {}}))


RESULT = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*)(?:\.([A-Z][a-zA-Z]+))?")
PARAMETER = re.compile(r"\{\{tasks\.([^.}]+)\.outputs\.parameters\.([^.}]+)\}\}")
