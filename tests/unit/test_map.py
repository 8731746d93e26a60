"""The journey in `headgate.__doc__` is the code's: its modules, their signatures, the commands, the graph."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args, get_type_hints

import pytest

import headgate
from headgate import cli, ports
from headgate.cli import COMMANDS
from headgate.graph.step import CONTINUOUS_TRAINING

ROOT = Path(__file__).parents[2]
COMMAND_FOLDER = Path(cli.__file__ or "").parent

WITHOUT_COMMAND = {"canary"}
"""Verbs nobody types: the ring asks them while it runs (`headgate up`)."""


class Leg(NamedTuple):
    """One row of the journey."""

    verb: str
    takes: str
    gives: str
    then: str


def journey() -> list[Leg]:
    rows = [line.strip().strip("|").split("|") for line in (headgate.__doc__ or "").splitlines() if line[:2] == "| "]
    return [Leg(*(cell.strip() for cell in row)) for row in rows[1:]]


JOURNEY = journey()
VERBS = [leg.verb for leg in JOURNEY]


def modules_of(verb: str) -> list[ModuleType]:
    """Return a verb's module, or the modules of its package."""
    whole = importlib.import_module(f"headgate.{verb}")
    inner = pkgutil.walk_packages(getattr(whole, "__path__", ()), f"{whole.__name__}.")
    return [whole, *(importlib.import_module(found.name) for found in inner)]


def functions_of(verb: str) -> Iterator[Any]:
    for module in modules_of(verb):
        own = [thing for thing in vars(module).values() if getattr(thing, "__module__", None) == module.__name__]
        yield from filter(inspect.isfunction, own)
        for kind in filter(inspect.isclass, own):
            yield from (method for _, method in inspect.getmembers(kind, inspect.isfunction))
            yield from (
                found.fget for _, found in inspect.getmembers(kind, lambda member: isinstance(member, property))
            )


def names_in(hint: Any) -> set[str]:
    """Return the names of the types a hint speaks of, containers' included."""
    inner = set().union(*(names_in(part) for part in get_args(hint)))
    return inner | {getattr(hint, "__name__", "")}


def given_by(function: Any) -> set[str]:
    return names_in(hints(function).get("return"))


def taken_by(function: Any) -> set[str]:
    return set().union(*(names_in(hint) for name, hint in hints(function).items() if name != "return"))


def hints(function: Any) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # a generated method of a dataclass
        return {}


def taken_by_command(verb: str) -> set[str]:
    """Return the records a command reads: the `X` of each `take(X, …)`."""
    path = COMMAND_FOLDER / f"{verb}.py"
    tree = ast.parse(path.read_text() if path.exists() else "")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "take"]
    return {ast.unparse(call.args[0]) for call in calls}


@pytest.mark.parametrize("leg", JOURNEY, ids=VERBS)
def test_a_verb_takes_what_the_journey_says(leg: Leg) -> None:
    """A function of its own does, or its command does for it."""
    known = set().union(taken_by_command(leg.verb), *(taken_by(function) for function in functions_of(leg.verb)))

    assert not leg.takes[0].isupper() or leg.takes in known


@pytest.mark.parametrize("leg", JOURNEY, ids=VERBS)
def test_a_verb_gives_what_the_journey_says(leg: Leg) -> None:
    """A function of its own returns it; a pull request is what the forge makes of a plan."""
    makers = [*functions_of(leg.verb), *([ports.Forge.open] if leg.verb == "propose" else [])]

    assert leg.gives in set().union(*(given_by(function) for function in makers))


def test_the_journey_is_a_ring() -> None:
    """Every verb comes next after some other; `join` begins where answers were served."""
    next_words = {word for leg in JOURNEY for word in re.findall(r"\w+", leg.then)}

    assert set(VERBS) - next_words == {"join"}


def test_the_graph_runs_the_journey_in_its_order() -> None:
    """Each step reads the record of the leg before it; `track` alone stands beside."""
    steps = {step.verb: step.reads for step in CONTINUOUS_TRAINING if step.verb != "track"}

    assert list(steps) == VERBS[: len(steps)]
    assert list(steps.values()) == [None, *VERBS[: len(steps) - 1]]


def test_the_graph_asks_what_the_journey_says() -> None:
    """`train, unless it failed` and `propose, if it passed` are the graph's two questions."""
    asked = {step.verb: str(step.when) for step in CONTINUOUS_TRAINING if step.when}

    assert asked == {"train": "validate.outcome != fail", "propose": "gate.outcome == pass"}


def test_every_verb_is_a_command_but_those_nobody_types() -> None:
    """A verb by hand is the verb of the pipeline."""
    assert set(VERBS) - COMMANDS.keys() == WITHOUT_COMMAND


def test_every_command_is_one_file_and_every_file_with_an_app_a_command() -> None:
    """`headgate x` is `headgate/cli/x.py`."""
    with_app = {
        path.stem
        for path in COMMAND_FOLDER.glob("*.py")
        if path.stem != "typed" and re.search(r"^app = typer\.Typer\(", path.read_text(), re.MULTILINE)
    }

    assert with_app == COMMANDS.keys()


def test_every_package_says_which_question_it_answers() -> None:
    """`__init__.py` is a docstring and nothing else, but where the package is itself a program's entry."""
    entries = {"headgate", "headgate.cli"}

    for path in Path(headgate.__file__ or "").parent.rglob("__init__.py"):
        name = ".".join(("headgate", *path.parent.relative_to(Path(headgate.__file__ or "").parent).parts))
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), name
        assert name in entries or len(tree.body) == 1, f"{name} holds more than its question"


def test_the_map_names_only_paths_that_are_there() -> None:
    """docs/map.md: `src/…`, `tests/…` exist; `<kind>` stands for a name to choose, in a folder that exists."""
    named = re.findall(r"`((?:src|tests|docs|examples|env|serving)/[^`]*|[A-Za-z]+\.(?:toml|md))`", map_text())

    missing = [path for path in named if not (ROOT / re.split(r"[^/]*<", path)[0]).exists()]

    assert len(named) > 30
    assert missing == []


def test_the_map_names_every_package() -> None:
    """Who opens the tree finds each of its rooms on the map."""
    rooms = {found.name for found in pkgutil.iter_modules(headgate.__path__) if found.name != "__main__"}

    assert {room for room in rooms if f"`{room}" not in map_text()} == set()


def map_text() -> str:
    return (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
