"""Is a graph one that can run?"""

import pytest

from headgate.errors import PermanentError
from headgate.graph.rendering import GRAPHS
from headgate.graph.step import Each, Step, When, check

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


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_the_graphs_there_are_can_run(graph: tuple[Step, ...]) -> None:
    """They are constants, and still somebody edits them."""
    check(graph)


EACH = Each(field="shares", option="share")


def test_a_step_for_each_item_reads_the_list() -> None:
    """Else there would be nothing to do it for."""
    with pytest.raises(PermanentError, match="reads none"):
        check((Step(verb="score", each=EACH),))


@pytest.mark.parametrize(
    "later",
    [
        Step(verb="gather", reads="score"),
        Step(verb="gather", when=When(step="score", field="a", operator="==", value="b")),
    ],
)
def test_nobody_reads_the_many_records_of_a_step_for_each_item(later: Step) -> None:
    """Which one would it be? It may come after it."""
    first = (Step(verb="partition"), Step(verb="score", reads="partition", each=EACH))

    with pytest.raises(PermanentError, match="a record for each item"):
        check((*first, later))
    check((*first, Step(verb="gather", reads="partition", after="score")))


@pytest.mark.parametrize("record", [b"", b"[]", b"{}", b'{"shares": "1/2"}', b'{"shares": [1]}', b'{"shares'])
def test_a_record_without_the_list_is_an_error_and_not_an_empty_one(record: bytes) -> None:
    """A renamed field must not make a graph that does nothing."""
    with pytest.raises(PermanentError, match="no list of texts 'shares'"):
        EACH.items(record)


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
