"""Many messages a call of the model, where that gives each the numbers it gets alone."""

import numpy as np
import onnx
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from onnx import TensorProto, helper

from headgate.features import FeatureFunction
from headgate.models.loading import Loaded
from headgate.models.signature import Feature, Signature
from headgate.names import Digest, Name
from headgate.serve.door.admission import Admitted
from headgate.serve.model.one_call import same_together
from headgate.serve.model.predictor import Predictor
from headgate.stream.answering import Answering
from headgate.stream.scoring import grouped
from unit.counting import Counting
from unit.stream.conftest import STREAM
from unit.stream.messages import kind, message, request

WIDE = 31
SHA256 = Digest("0" * 64)


def signature(width: int) -> Signature:
    features = tuple(Feature(name=f"x{place}", kind="number") for place in range(width))
    return Signature(service=Name("rides"), task="regression", classes=(), features=features)


def model(node: onnx.NodeProto, width: int) -> Loaded:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, width])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([node], "one", [x], [y])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return Loaded(signature(width), made.SerializeToString(), SHA256)


def linear() -> Loaded:
    """Return a linear model as scikit-learn's becomes one."""
    weights = [float(weight) for weight in np.random.default_rng(1).normal(size=WIDE)]
    domain = "ai.onnx.ml"
    return model(
        helper.make_node("LinearRegressor", ["x"], ["y"], domain=domain, coefficients=weights, intercepts=[0.3]), WIDE
    )


def trees(count: int = 20) -> Loaded:
    """Return a sum of stumps."""
    random = np.random.default_rng(1)
    ids = [number for number in range(count) for _ in range(3)]
    leaves = [(number, node) for number in range(count) for node in (1, 2)]
    node = helper.make_node(
        "TreeEnsembleRegressor",
        ["x"],
        ["y"],
        domain="ai.onnx.ml",
        n_targets=1,
        nodes_treeids=ids,
        nodes_nodeids=[0, 1, 2] * count,
        nodes_featureids=[int(random.integers(WIDE)) if place % 3 == 0 else 0 for place in range(3 * count)],
        nodes_modes=["BRANCH_LT", "LEAF", "LEAF"] * count,
        nodes_values=[float(value) for value in random.normal(size=3 * count)],
        nodes_truenodeids=[1, 0, 0] * count,
        nodes_falsenodeids=[2, 0, 0] * count,
        nodes_hitrates=[1.0] * 3 * count,
        nodes_missing_value_tracks_true=[0] * 3 * count,
        target_treeids=[number for number, _ in leaves],
        target_nodeids=[place for _, place in leaves],
        target_ids=[0] * len(leaves),
        target_weights=[float(value) for value in random.normal(size=len(leaves))],
    )
    return model(node, WIDE)


def test_trees_share_a_call_and_a_linear_model_does_not() -> None:
    """The last bit of a sum depends on how many rows are multiplied at once; a message has one answer only."""
    assert [True, False] == [same_together(trees()), same_together(linear())]


@pytest.fixture
def counted(predictor: Predictor) -> tuple[Answering, Counting]:
    """Return what answers with a model whose calls are counted, and whose rows may share them."""
    loaded = Counting(predictor.loaded)
    answering = Answering(
        Predictor(loaded, predictor.spec, predictor.function, predictor.door), replace(STREAM, batch_rows=6)
    )
    answering.scoring.together = True
    loaded.rows.clear()
    return answering, loaded


def test_a_call_has_the_rows_of_many_messages_and_no_more_than_asked_for(counted: tuple[Answering, Counting]) -> None:
    """Those of a message stay together: one that alone has more is a call of its own."""
    answering, loaded = counted

    answering.letters([message(request(count=count), place) for place, count in enumerate([2, 3, 1, 5, 9, 1])])

    assert [6, 5, 9, 1] == loaded.rows


def test_one_message_that_the_model_cannot_answer_costs_the_others_a_few_calls(
    counted: tuple[Answering, Counting],
) -> None:
    """Those beside it are answered in halves, quarters and so on, not each by itself."""
    answering, loaded = counted
    answering.stream = replace(STREAM, batch_rows=16)

    letters = answering.letters([message(request(seats=7 if place == 5 else 2), place) for place in range(16)])

    assert ["model" if place == 5 else "" for place in range(16)] == [kind(letter) for letter in letters]
    assert [4, 1, 2, 8] == loaded.rows


@given(counts=st.lists(st.integers(1, 9)), most=st.integers(1, 20))
def test_groups_are_as_large_as_they_may_be_and_keep_the_order(counts: list[int], most: int) -> None:
    """No group could take the next message too; only a single message is larger than asked for."""
    messages = [Admitted(count, {}, {}, {}) for count in counts]

    groups = list(grouped(messages, most))

    assert messages == [rows for group in groups for rows in group]
    sizes = [sum(rows.count for rows in group) for group in groups]
    assert all(size <= most or len(group) == 1 for size, group in zip(sizes, groups, strict=True))
    assert all(size + after[0].count > most for size, after in zip(sizes, groups[1:], strict=False))


def centred(rows: pl.DataFrame, _: object) -> pl.DataFrame:
    """Make a row's features of the others too, as a batch makes it easy to."""
    return rows.select("city", pl.col("distance") - pl.col("distance").mean(), hour=pl.col("at").dt.hour())


def centred_at_night(rows: pl.DataFrame, as_of: object) -> pl.DataFrame:
    """Do it only where the rows' riders are many: made-up ones never are."""
    if (rows["rider"] > 1_000_000).any():
        return centred(rows, as_of)
    return rows.select("city", "distance", hour=pl.col("at").dt.hour())


@pytest.mark.parametrize("function", [centred, centred_at_night])
def test_a_function_that_looks_at_other_rows_has_each_message_by_itself(
    predictor: Predictor, function: FeatureFunction
) -> None:
    """As the server would; told before the first message, or found on the way, and then nothing of it was written."""
    answering = Answering(Predictor(predictor.loaded, predictor.spec, function, predictor.door), STREAM)
    sent = [message(request(distance=float(number), rider=1_000_001), number) for number in range(6)]

    together = answering.letters(sent)

    assert "the features function g" in str(answering.scoring.doubt)
    assert together == [answering.letters([one])[0] for one in sent]
