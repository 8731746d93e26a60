"""A step for each item of a list: every engine runs it as often as the list is long, and what comes after it once."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from headgate.errors import PermanentError
from headgate.graph.engines import local
from headgate.graph.engines.argo import workflow
from headgate.graph.engines.progress import Run
from headgate.graph.rendering import GRAPHS
from headgate.graph.step import SCORING, Each, Step
from unit.graph.argo_reading import RAN, Attempt, play
from unit.graph.stage import Stage

GRAPH = (
    Step(verb="a", pure=False),
    Step(verb="b", reads="a", each=Each(field="items", option="item"), retries=1, pure=False),
    Step(verb="c", reads="a", after="b"),
)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return a stage whose first step leaves a list of three."""
    monkeypatch.setattr(local, "BACKOFF_SECONDS", 0.001)
    stage = Stage(tmp_path)
    stage.script("a", "list:1,2,3")
    return stage


def test_it_is_run_once_for_each_item_and_what_comes_after_once(stage: Stage) -> None:
    """Each has its record; the end is one, for people."""
    ends = stage.run(*GRAPH)

    assert [end.outcome for end in ends.values()] == ["done"] * 3
    assert sorted(stage.started()) == ["a", "b1", "b2", "b3", "c"]
    assert stage.started()[-1] == "c"
    assert set(stage.records()) == {"a.json", "b-1.json", "b-2.json", "b-3.json", "c.json"}


def test_items_run_side_by_side(stage: Stage) -> None:
    """Two at a time on this machine."""
    stage.script("b1", "meet:b2")
    stage.script("b2", "meet:b1")

    assert stage.run(*GRAPH)["b"].outcome == "done"


def test_an_item_that_fails_stops_what_comes_after_and_no_other_item(stage: Stage) -> None:
    """The others are done when somebody runs it again."""
    stage.script("b2", "exit:1")

    ends = stage.run(*GRAPH)

    assert set(ends) == {"a", "b"}
    assert (ends["b"].outcome, ends["b"].exit_code) == ("failed", 1)
    assert "1 of 3 failed" in ends["b"].detail
    assert "b2 says why it failed" in ends["b"].detail
    assert sorted(stage.started()) == ["a", "b1", "b2", "b3"]


def test_a_passing_trouble_is_tried_again_for_its_item_alone(stage: Stage) -> None:
    """As often as the step says."""
    stage.script("b2", "exit:75", "ok")

    end = stage.run(*GRAPH)["b"]

    assert (end.outcome, end.attempts) == ("done", 2)
    assert sorted(stage.started()) == ["a", "b1", "b2", "b2", "b3", "c"]


def test_a_run_that_a_passing_trouble_stopped_does_no_item_twice(stage: Stage) -> None:
    """Only the one that did not end well."""
    stage.script("b2", "exit:75", "exit:75", "ok")
    assert stage.run(*GRAPH)["b"].exit_code == 75

    assert stage.run(*GRAPH)["b"].outcome == "done"
    assert sorted(stage.started()) == ["a", "b1", "b2", "b2", "b2", "b3", "c"]


def test_an_earlier_runs_items_are_not_taken_for_this_ones(stage: Stage) -> None:
    """A run that ended begins anew, with a shorter list."""
    stage.run(*GRAPH)
    stage.script("a", "list:1,2,3", "list:9")

    stage.run(*GRAPH)

    assert set(stage.records()) == {"a.json", "b-1.json", "c.json"}
    assert stage.started()[5:] == ["a", "b9", "c"]


def test_an_items_record_is_not_another_ones(stage: Stage) -> None:
    """Of a pure step, whose records all runs share: each is known by what made it."""
    graph = (GRAPH[0], replace(GRAPH[1], pure=True))
    stage.run(*graph)
    first = stage.records()

    ends = stage.run(*graph)

    assert len(set(first.values())) == 4
    assert (ends["b"].outcome, stage.records()) == ("seen before", first)


def test_a_permanent_failure_outweighs_a_passing_one(stage: Stage) -> None:
    """An engine must not try again what cannot end well."""
    stage.script("b1", "exit:75")
    stage.script("b3", "exit:1")

    assert stage.run(*GRAPH)["b"].exit_code == 1


def test_an_empty_list_is_nothing_to_do(stage: Stage) -> None:
    """What comes after is left out too, as on a cluster."""
    stage.script("a", "list:")

    ends = stage.run(*GRAPH)

    assert [end.outcome for end in ends.values()] == ["done", "not needed", "not needed"]
    assert stage.started() == ["a"]


def test_a_record_without_the_list_ends_the_run(stage: Stage) -> None:
    """Said as what it is."""
    stage.script("a", "ok")

    with pytest.raises(PermanentError, match="no list of texts 'items'"):
        stage.run(*GRAPH)


SCENES = {
    "pass": Attempt(),
    "75": Attempt("75", "Failed"),
    "1": Attempt("1", "Failed"),
    "137": Attempt("137", "Failed"),
}
ACTOR = """\
verb=$1; shift
while [ $# -gt 0 ]; do
  case $1 in --out) out=$2;; --item) verb=$verb$2;; esac; shift
done
here=$(dirname "$0")
echo x >> "$here/$verb.tries"
tried=0; while read -r _; do tried=$((tried + 1)); done < "$here/$verb.tries"
while read -r line; do scene=$line; [ $tried -gt 1 ] || break; tried=$((tried - 1)); done < "$here/$verb"
case $scene in
  pass) cat "$here/record" > "$out" ;;
  137) kill -9 $$ ;;
  *) exit "$scene" ;;
esac
"""


class Play(NamedTuple):
    """What each try of each pod does; items of `b` are `b0`, `b1`, …"""

    items: list[str]
    scenes: dict[str, list[str]]


@st.composite
def plays(draw: st.DrawFn) -> Play:
    items = [str(number) for number in range(draw(st.integers(0, 4)))]
    scene = st.sampled_from(["pass"] * 4 + ["75", "75", "1", "137"])
    pods = ["a", "c", *(f"b{item}" for item in items)]
    return Play(items, {pod: draw(st.lists(scene, min_size=1, max_size=3)) for pod in pods})


@settings(max_examples=10)
@given(plays())
@example(Play([], {"a": ["pass"], "c": ["pass"]}))
@example(Play(["0", "1"], {"a": ["75", "pass"], "b0": ["75", "pass"], "b1": ["1"], "c": ["pass"]}))
def test_argo_and_this_machine_run_the_same_items(played: Play) -> None:
    """The same steps succeed, fail and are left out, each after the same number of tries."""
    record = {"items": json.dumps(played.items)}
    nodes = play(
        workflow.template("played", GRAPH),
        {pod: [SCENES[scene]._replace(outputs=record) for scene in scenes] for pod, scenes in played.scenes.items()},
    )
    in_argo = {verb: (node.phase == "Succeeded", node.attempts) for verb, node in nodes.items() if node.phase in RAN}

    assert on_this_machine(played) == in_argo


def on_this_machine(played: Play) -> dict[str, tuple[bool, int]]:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "BACKOFF_SECONDS", 0.0)
        here = Path(folder)
        (here / "headgate").write_text(ACTOR)
        (here / "record").write_text(json.dumps({"items": played.items}))
        for pod, scenes in played.scenes.items():
            (here / pod).write_text("\n".join(scenes) + "\n")
        plan = Run(
            graph=GRAPH,
            folder=here / "run",
            cache=here / "cache",
            program=("/bin/sh", str(here / "headgate")),
            arguments={},
            facts={},
        )
        ends = local.run(plan, lambda _: None)
    return {verb: (end.outcome == "done", end.attempts) for verb, end in ends.items() if end.outcome != "not needed"}


def test_argo_runs_so_many_at_once() -> None:
    """A list of a thousand is not a thousand pods."""
    templates = {one["name"]: one for one in yaml.safe_load(workflow.template("score", SCORING))["spec"]["templates"]}

    assert templates["graph"]["parallelism"] == 8
    assert [name for name in GRAPHS if "parallelism" in workflow.template(name, GRAPHS[name])] == ["headgate-score"]


def test_argo_keeps_a_record_of_each_item() -> None:
    """Under its own key, or the last pod's would be the only one."""
    templates = {one["name"]: one for one in yaml.safe_load(workflow.template("score", SCORING))["spec"]["templates"]}

    [record] = templates["score"]["outputs"]["artifacts"]
    assert record["s3"]["key"].endswith("/score/{{inputs.parameters.share}}.json")


def test_a_volume_goes_to_those_who_touch_files() -> None:
    """By a claim that the run names, and nobody looks at each of its files before a pod starts."""
    for name, graph in GRAPHS.items():
        spec = yaml.safe_load(workflow.template(name, graph))["spec"]
        claimed = {
            one["name"]: volume["persistentVolumeClaim"]["claimName"]
            for one in spec["templates"]
            for volume in one.get("volumes", [])
            if "persistentVolumeClaim" in volume
        }

        touching = [step.verb for step in graph if "files" in step.touches]
        assert claimed == dict.fromkeys(touching, "{{workflow.parameters.claim}}")
        assert ("fsGroupChangePolicy" in spec["securityContext"]) is bool(touching)
