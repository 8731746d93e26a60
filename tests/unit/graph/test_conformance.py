"""Do all engines run, leave out and fail the same steps of the same graph?"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from headgate.errors import PermanentError
from headgate.graph.engines import kfp, local
from headgate.graph.engines.argo import workflow
from headgate.graph.engines.progress import Run
from headgate.graph.rendering import GRAPHS
from headgate.graph.step import Step, When
from unit.graph.argo_reading import RAN, Attempt, Node, play
from unit.graph.kfp_reading import Placed, placed

SCENES = {
    "pass": Attempt(outcome="pass"),
    "fail": Attempt(outcome="fail"),
    "75": Attempt("75", "Failed", "main: Error (exit code 75)"),
    "1": Attempt("1", "Failed", "main: Error (exit code 1)"),
    "3": Attempt("3", "Failed", "main: Error (exit code 3)"),
    "killed": Attempt("137", "Failed", "main: OOMKilled (exit code 137)"),
}
"""What one try of a verb does → how its pod ends."""
ACTOR = """\
verb=$1; shift
while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
here=$(dirname "$0")
echo x >> "$here/$verb.tries"
tried=0; while read -r _; do tried=$((tried + 1)); done < "$here/$verb.tries"
while read -r line; do scene=$line; [ $tried -gt 1 ] || break; tried=$((tried - 1)); done < "$here/$verb"
case $scene in
  pass|fail) printf '{"outcome": "%s"}' "$scene" > "$out" ;;
  killed) kill -9 $$ ;;
  *) exit "$scene" ;;
esac
"""
"""`headgate <verb>`, played by a shell: it starts in a millisecond."""


class Play(NamedTuple):
    """A graph, and what each try of each verb does."""

    graph: tuple[Step, ...]
    scenes: dict[str, list[str]]


class End(NamedTuple):
    """What became of a step, in any engine."""

    what: str
    tries: int


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Step, ...]:
    """Draw up to six steps, each of which may read and ask about earlier ones."""
    steps: list[Step] = []
    for verb in "abcdef"[: draw(st.integers(1, 6))]:
        before = st.sampled_from([step.verb for step in steps]) if steps else st.nothing()
        asks = st.builds(
            When,
            step=before,
            field=st.just("outcome"),
            operator=st.sampled_from(["==", "!="]),
            value=st.sampled_from(["pass", "fail"]),
        )
        reads, when = draw(st.none() | before), draw(st.none() | asks)
        steps.append(Step(verb=verb, reads=reads, when=when, retries=draw(st.integers(0, 2))))
    return tuple(steps)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """Draw a graph and its scenes; most tries go well, or every graph would end at its first step."""
    graph = draw(graphs())
    scene = st.sampled_from([*["pass"] * 4, *["fail"] * 2, *SCENES])
    return Play(graph, {step.verb: draw(st.lists(scene, min_size=1, max_size=3)) for step in graph})


SECOND_BRANCH = Play(
    (Step(verb="a"), Step(verb="b", reads="a"), Step(verb="c"), Step(verb="d", reads="c"), Step(verb="e", reads="d")),
    {"a": ["1"], "b": ["pass"], "c": ["75", "pass"], "d": ["pass"], "e": ["pass"]},
)
"""One branch fails at once; the other one must go on to its end."""
LEFT_OUT = Play(
    (
        Step(verb="a"),
        Step(verb="b", reads="a", when=When(step="a", field="outcome", operator="==", value="fail")),
        Step(verb="c", reads="b"),
        Step(verb="d", reads="a", when=When(step="c", field="outcome", operator="!=", value="fail")),
    ),
    {verb: ["pass"] for verb in "abcd"},
)
"""What reads, or asks about, a step that was left out is left out too."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "BACKOFF_SECONDS", 0.0)


@settings(max_examples=40)
@given(plays())
@example(SECOND_BRANCH)
@example(LEFT_OUT)
def test_argo_and_this_machine_run_the_same_steps(played: Play) -> None:
    """The same steps succeed, fail and are left out, each after the same number of tries."""
    nodes = play(
        workflow.template("played", played.graph),
        {verb: [SCENES[scene] for scene in scenes] for verb, scenes in played.scenes.items()},
    )

    assert on_this_machine(played) == {verb: in_argo(node) for verb, node in nodes.items()}


@settings(max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # a compilation takes its time
@given(graphs())
def test_kfp_places_every_step_under_all_its_conditions(graph: tuple[Step, ...]) -> None:
    """Its own, and those of all it needs; or the graph is refused, as KFP could not run it."""
    expected = {step.verb: Placed(step.reads, frozenset(map(str, above(step, graph)))) for step in graph}

    actual = read_back(graph)

    assert actual == expected or (actual is None and any(is_torn(step, expected) for step in graph))


@pytest.mark.parametrize("name", GRAPHS)
def test_kfp_takes_the_graphs_there_are(name: str) -> None:
    """None of ours is one that it refuses."""
    graph = GRAPHS[name]

    assert set(placed(kfp.pipeline(name, graph))) == {step.verb for step in graph}


@pytest.mark.parametrize(
    ("pods", "ran"),
    [
        ({}, "collect validate train evaluate gate propose track"),
        ({"gate": [Attempt(outcome="fail")]}, "collect validate train evaluate gate track"),
        ({"gate": [Attempt(outcome="inconclusive")]}, "collect validate train evaluate gate track"),
        ({"validate": [Attempt(outcome="fail")]}, "collect validate"),
        ({"validate": [Attempt(outcome="warn")]}, "collect validate train evaluate gate propose track"),
    ],
)
def test_argo_answers_what_the_records_say(pods: dict[str, list[Attempt]], ran: str) -> None:
    """A verdict that is no pass ends well, without a proposal."""
    graph = GRAPHS["headgate-ct"]
    said = {step.verb: [Attempt(outcome="pass")] for step in graph} | pods

    nodes = play(workflow.template("headgate-ct", graph), said)

    assert [verb for verb, node in nodes.items() if node.phase == "Succeeded"] == ran.split()
    assert all(node.phase not in {"Failed", "Error"} for node in nodes.values())


@pytest.mark.parametrize(
    ("ended", "tries"),
    [
        (Attempt("75", "Failed"), 3),
        (Attempt("-1", "Error", "pod deleted"), 3),
        (Attempt("64", "Error", "wait: Error (exit code 64)"), 3),
        (Attempt("143", "Failed", "Pod was active on the node longer than the specified deadline"), 3),
        (Attempt("1", "Failed", "main: Error (exit code 1)"), 1),
        (Attempt("2", "Failed", "main: Error (exit code 2)"), 1),
        (Attempt("137", "Failed", "main: OOMKilled (exit code 137)"), 1),
    ],
)
def test_argo_tries_again_what_may_end_otherwise(ended: Attempt, tries: int) -> None:
    """Exit 75 alone of all codes; a pod or a record that Argo lost; a deadline, as on this machine."""
    nodes = play(workflow.template("one", (Step(verb="a"),)), {"a": [ended]})

    assert nodes == {"a": Node(ended.phase, tries)}


def on_this_machine(played: Play) -> dict[str, End]:
    with TemporaryDirectory() as folder:
        actor = Path(folder) / "headgate"
        actor.write_text(ACTOR)
        for verb, scenes in played.scenes.items():
            (actor.parent / verb).write_text("\n".join(scenes) + "\n")
        plan = Run(
            graph=played.graph,
            folder=actor.parent / "run",
            cache=actor.parent / "cache",
            program=("/bin/sh", str(actor)),
            arguments={},
            facts={},
        )
        ends = local.run(plan, lambda _: None)
    left_out = {step.verb: End("left out", 0) for step in played.graph}
    done = {verb: End(end.outcome, end.attempts) for verb, end in ends.items() if end.outcome != "not needed"}
    return left_out | done


def in_argo(node: Node) -> End:
    if node.phase not in RAN:
        return End("left out", 0)
    return End("done" if node.phase == "Succeeded" else "failed", node.attempts)


def above(step: Step, graph: tuple[Step, ...]) -> Iterator[When]:
    """Yield the conditions of a step and of all it needs, however far."""
    if step.when:
        yield step.when
    for verb in step.needs:
        yield from above(next(one for one in graph if one.verb == verb), graph)


def is_torn(step: Step, stands: dict[str, Placed]) -> bool:
    """Say whether a step needs two others that each stand under conditions."""
    return len([verb for verb in step.needs if stands[verb].conditions]) > 1


def read_back(graph: tuple[Step, ...]) -> dict[str, Placed] | None:
    """Return where KFP places each step, None when it refuses the graph."""
    try:
        return placed(kfp.pipeline("placed", graph))
    except PermanentError:
        return None
