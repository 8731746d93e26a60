"""Is a graph one that can run?"""

import pytest

from headgate.errors import PermanentError
from headgate.graph.step import CONTINUOUS_TRAINING, Step, When, check

ASKS = When(step="gate", field="outcome", operator="==", value="pass")


@pytest.mark.parametrize(
    "graph",
    [
        (Step(verb="gate", reads="evaluate"),),
        (Step(verb="propose", when=ASKS), Step(verb="gate")),
        (Step(verb="gate", reads="gate"),),
    ],
)
def test_a_step_may_only_need_what_comes_before_it(graph: tuple[Step, ...]) -> None:
    """So a graph has no cycle, and every order that respects it ends."""
    with pytest.raises(PermanentError, match="which is not before it"):
        check(graph)


def test_a_verb_comes_once() -> None:
    """Its record bears its name."""
    with pytest.raises(PermanentError, match="twice"):
        check((Step(verb="gate"), Step(verb="gate")))


def test_the_graph_of_continuous_training_can_run() -> None:
    """It is a constant, and still somebody edits it."""
    check(CONTINUOUS_TRAINING)


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'"pass"', b'{"outcome'])
def test_a_record_without_the_field_is_an_error_and_not_a_no(record: bytes) -> None:
    """A promotion must not be left out because somebody renamed a field."""
    with pytest.raises(PermanentError, match="no field 'outcome'"):
        ASKS.holds(record)


@pytest.mark.parametrize(("operator", "answer"), [("==", True), ("!=", False)])
def test_a_condition_compares_the_field(operator: str, answer: bool) -> None:
    """Both operators, both ways."""
    when = When(step="gate", field="outcome", operator=operator, value="pass")  # type: ignore[arg-type]

    assert when.holds(b'{"outcome": "pass"}') is answer
    assert when.holds(b'{"outcome": "fail"}') is not answer
