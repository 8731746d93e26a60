"""Hyper-parameter search on the tune rows."""

import logging
from typing import Any

import pytest
from worlds_to_learn import service, varied, world

from headgate.errors import PermanentError
from headgate.specs.service import Evaluate, Search, Service
from headgate.train.fit import fit
from headgate.train.search import leading, search


def searching(trials: int, task: Any = "binary", **space: Any) -> Service:
    return varied(service(task), search=Search(trials=trials, space=space))


def test_a_search_with_nothing_to_vary_is_refused() -> None:
    """An own entrypoint brings no space; it must be written."""
    with pytest.raises(PermanentError, match="asks for 5 trials and there is nothing to vary"):
        search(searching(5), {}, {}, lambda params: 0.0)


def test_a_search_on_rows_of_one_class_is_refused() -> None:
    """Its metric is undefined, so any choice would be chance."""
    tune = world(200).filter("label")

    with pytest.raises(PermanentError, match="auc is undefined on the tune rows"):
        fit(world(300), tune, searching(2))


def test_the_first_trial_is_the_params_as_they_stand() -> None:
    """So a search is never worse on the tune rows than none."""
    found = search(searching(3, depth=(1, 9)), {}, {"depth": 4}, lambda params: float(params["depth"] == 4))  # type: ignore[arg-type]

    assert found.trials[0].params == {"depth": 4}
    assert found.params == {"depth": 4}


@pytest.mark.parametrize(("task", "best"), [("binary", 9.0), ("regression", 1.0)])
def test_the_best_is_the_highest_or_the_lowest_by_metric(task: Any, best: float) -> None:
    """AUC up, error down."""
    found = search(searching(12, task, rate=(1.0, 9.0)), {}, {}, lambda params: float(params["rate"]))  # type: ignore[arg-type]

    scores = [trial.score for trial in found.trials]
    assert found.params["rate"] == (max(scores) if best > 5 else min(scores))
    assert abs(float(found.params["rate"]) - best) < 2  # type: ignore[arg-type]


def test_a_search_is_repeatable() -> None:
    """The same seed asks the same questions; another seed asks others."""

    def run(seed: int) -> Any:
        spec = varied(searching(6, rate=(0.001, 1.0), kind=("a", "b", "c"), on=(True, False)), seed=seed)
        return search(spec, {}, {}, lambda params: float(params["rate"])).trials  # type: ignore[arg-type]

    assert run(1) == run(1) != run(2)


def test_two_whole_numbers_are_a_range_of_whole_numbers_and_others_are_a_choice() -> None:
    """`[2, 9]` is 2 to 9; `[2, 4, 9]` and `[true, false]` are what they say."""
    spec = searching(10, leaves=(2, 9), depth=(2, 4, 9), on=(True, False))

    trials = search(spec, {}, {}, lambda params: 0.0).trials

    assert all(isinstance(trial.params["leaves"], int) and 2 <= trial.params["leaves"] <= 9 for trial in trials)
    assert {trial.params["depth"] for trial in trials} <= {2, 4, 9}
    assert {type(trial.params["on"]) for trial in trials} == {bool}


def test_a_wide_range_is_searched_by_order_of_magnitude() -> None:
    """0.0001 to 1 evenly would hardly ever try less than 0.01."""
    trials = search(searching(40, rate=(0.0001, 1.0)), {}, {}, lambda params: 0.0).trials

    assert sum(float(trial.params["rate"]) < 0.01 for trial in trials) > 8  # type: ignore[arg-type]


def test_the_leading_metric_is_the_first_one_named() -> None:
    """And each task has a default."""
    named = Service(service="world", task="binary", data=service().data, evaluate=Evaluate(metrics=("brier", "auc")))

    assert leading(named) == "brier"
    assert [leading(service(task)) for task in ("binary", "multiclass", "regression")] == ["auc", "log_loss", "rmse"]


def test_a_searched_model_is_the_best_trial_and_keeps_them_all(caplog: pytest.LogCaptureFixture) -> None:
    """The model scores what its trial scored; nothing is logged."""
    with caplog.at_level(logging.DEBUG):
        made = fit(world(800), world(300, seed=1), searching(4, learning_rate=(0.001, 0.3)))

    assert len(made.trials) == 4
    best = max(made.trials, key=lambda trial: trial.score)
    assert made.params["learning_rate"] == best.params["learning_rate"]
    assert made.params["max_iter"] == 15
    assert made.tune_score == pytest.approx(best.score, abs=1e-4)
    assert caplog.text == ""
