"""Rows to a packaged model."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.dummy import DummyClassifier
from threadpoolctl import threadpool_info, threadpool_limits
from worlds_to_learn import service, varied, world

from headgate.errors import PermanentError, TransientError
from headgate.models import package
from headgate.models.loading import Loaded, load
from headgate.names import Digest, Uri
from headgate.records.codec import decode, digest_of, encode
from headgate.records.dataset import DataPart, DatasetRef, Window
from headgate.records.model import Model
from headgate.train.fit import fit, record, try_fit
from headgate.train.parity import TOLERANCE
from headgate.train.sample import Sample

BUILT_IN = [
    ("binary", "boosting"),
    ("multiclass", "boosting"),
    ("regression", "boosting"),
    ("binary", "logistic"),
    ("multiclass", "logistic"),
    ("regression", "linear"),
]


def refused(*arguments: Any, **named: Any) -> str:
    with pytest.raises(PermanentError) as caught:
        fit(*arguments, **named)
    return "\n".join(caught.value.lines())


@pytest.mark.parametrize(
    ("label", "expected"),
    [([0] * 8, "one class only, '0'"), ([None] * 8, "no value at all"), ([float("nan")] * 8, "no value at all")],
)
def test_labels_that_teach_nothing_are_refused(label: list[Any], expected: str) -> None:
    """Before anything slow is imported."""
    rows = world(8).with_columns(label=pl.Series(label))

    assert expected in refused(rows, rows, service())


def test_tune_rows_without_a_label_are_refused() -> None:
    """There would be nothing to stop, choose or compare on."""
    tune = world(8).with_columns(label=pl.lit(None, dtype=pl.Boolean))

    assert "no tune row of 'world' has a label, of 8 rows" in refused(world(50), tune, service())


def test_rows_with_a_label_alone_are_refused() -> None:
    """No feature, no model."""
    rows = world(50).select("label")

    assert "no feature is left for 'world'" in refused(rows, rows, service())


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (service(entrypoint="bosting"), "no trainer 'bosting'. Did you mean 'boosting'?"),
        (service("regression", "logistic"), "trainer 'logistic' can't do task 'regression'"),
        (service("binary", "linear"), "set train.entrypoint to boosting or logistic"),
        (service(params={"learning_rat": 0.1}), "no param 'learning_rat'. Did you mean 'learning_rate'?"),
        (service(params={"learning_rate": "fast"}), "trainer 'boosting' with"),
    ],
)
def test_a_trainer_that_can_not_be_is_refused(spec: Any, expected: str) -> None:
    """Names, tasks and params are checked, with what there is instead."""
    assert expected in refused(world(50), world(20), spec)


@pytest.mark.parametrize(("task", "trainer"), BUILT_IN)
def test_built_in_trainers_learn_and_their_packages_agree(task: Any, trainer: str, tmp_path: Path) -> None:
    """Better than knowing nothing, equal to the estimator, and loadable from its folder."""
    train, tune = world(1500, task), world(400, task, seed=1)

    made = fit(train, tune, service(task, trainer))

    trivial = {"binary": 0.5, "multiclass": np.log(3), "regression": float(tune["label"].cast(pl.Float64).std())}[task]
    assert made.tune_score is not None
    assert made.tune_score > trivial + 0.2 if task == "binary" else made.tune_score < 0.9 * trivial
    assert made.parity <= TOLERANCE
    loaded = load(tmp_path / "model", package.write(tmp_path / "model", made.packed, made.signature, {}))
    features = tune.drop("label")
    predictions = loaded.predict(features)
    assert predictions.shape == ((400, 3) if task == "multiclass" else (400,))
    one_by_one = [loaded.predict(features[i : i + 1])[0] for i in range(3)]
    np.testing.assert_allclose(predictions[:3], one_by_one, rtol=1e-6)


def test_rows_whose_label_never_came_take_no_part() -> None:
    """The model is the one of the labelled rows alone."""
    train, tune = world(300), world(100, seed=1)
    unlabelled = world(50, seed=2).with_columns(label=pl.lit(None, dtype=pl.Boolean))

    mixed = fit(pl.concat([train, unlabelled]), tune, service())

    assert mixed.packed == fit(train, tune, service()).packed
    assert mixed.train_rows == 300


def test_another_seed_is_another_model() -> None:
    """Null candidates are made by seeds; they must differ."""
    train, tune = world(1000), world(200, seed=1)

    assert fit(train, tune, service(seed=1)).packed != fit(train, tune, service(seed=2)).packed


@pytest.mark.parametrize("trainer", ["boosting", "logistic"])
def test_a_multiclass_service_may_have_two_classes_for_now(trainer: str) -> None:
    """A class may be gone from a year's rows; the package still has a column a class."""
    rows = world(400, "multiclass").filter(pl.col("label") < 2)

    made = fit(rows, rows, service("multiclass", trainer))

    assert made.signature.classes == ("0", "1")
    assert Loaded(made.signature, made.packed, Digest("0" * 64)).predict(rows.drop("label")).shape == (len(rows), 2)


def test_a_large_constant_does_not_drown_what_was_learned() -> None:
    """A label of a billion plus or minus one: float32 alone would round the signal away."""
    rows = world(1000, "regression").with_columns(label=1e9 + pl.col("temp").fill_null(0))

    made = fit(rows, rows, service("regression", params={}))

    assert made.tune_score is not None
    assert made.tune_score < 0.1


def test_columns_without_a_value_do_not_stop_a_fit() -> None:
    """A sensor that was off in all training rows."""
    rows = world(300).with_columns(off=pl.lit(None, dtype=pl.Float64), silent=pl.lit(None, dtype=pl.String))

    assert "off" not in fit(rows, rows, service()).signature.names


def digests() -> list[str]:
    """Return the digests of two models and their signatures."""
    made = [fit(world(3000), world(300, seed=1), service("binary", trainer)) for trainer in ("boosting", "logistic")]
    return [digest_of(each) for one in made for each in (*one.packed.files.values(), encode(one.signature))]


def test_the_same_rows_give_the_same_bytes_in_another_process() -> None:
    """Hash seeds and thread counts of the machine leave no trace in the package."""
    here = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    code = f"import sys; sys.path += {here}; import test_fit; print(*test_fit.digests())"
    environment = {**os.environ, "PYTHONHASHSEED": "12", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()

    assert there == digests()
    assert len(set(there)) == 3  # two models, one signature


def test_a_try_takes_few_rows_and_every_class() -> None:
    """Sorted by class, an evenly spread hundred would still hold them all; a rare class too."""
    rows = world(5000, "multiclass").with_columns(
        label=pl.when(pl.int_range(pl.len()) == 4321).then(7).otherwise(pl.col("label"))
    )

    made = try_fit(rows, service("multiclass", search={"trials": 50}))

    assert made.train_rows < 150
    assert made.signature.classes == ("0", "1", "2", "7")
    assert made.trials == ()


def own(model: Any) -> Any:
    """Return a service's own fit function that fits `model`."""
    return lambda train, tune, params, seed: model.fit(np.nan_to_num(train.x), train.y)


def test_an_own_fit_function_is_given_samples_params_and_seed() -> None:
    """Everything it could want, aligned."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - slow

    seen: dict[str, Any] = {}

    def function(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> Any:
        seen.update(train=train, tune=tune, params=params, seed=seed)
        model = HistGradientBoostingClassifier(categorical_features=train.categorical, random_state=seed, **params)
        return model.fit(train.x, train.y)

    rows = world(300)
    made = fit(rows, world(100, seed=1), varied(service(), entrypoint="own:fit"), entrypoint=function)

    train = seen["train"]
    assert made.trainer == "own:fit"
    assert train.names == ("temp", "hour", "word", "constant", "rare", "flag")
    assert train.categorical.tolist() == [False, False, True, False, False, False]
    assert train.y.tolist() == rows["label"].cast(pl.Float64).to_list()
    assert train.rows["hour"].to_list() == train.x[:, 1].tolist()
    assert (len(seen["tune"]), seen["params"], seen["seed"]) == (100, {"max_iter": 15}, 7)


def test_an_own_feature_function_is_used_for_both_parts() -> None:
    """What it returns is what the signature names."""
    made = fit(world(300), world(100, seed=1), service(), lambda rows, _: rows.select(warm=pl.col("temp") > 0))

    assert made.signature.names == ("warm",)


def test_a_fit_runs_in_one_thread() -> None:
    """However many the machine has: sums of floats depend on how they are shared out."""
    seen: set[int] = set()

    def function(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> Any:
        seen.update(library["num_threads"] for library in threadpool_info())
        return DummyClassifier().fit(train.x, train.y)

    with threadpool_limits(limits=2), pytest.raises(PermanentError, match="does not convert"):
        fit(world(300), world(100), varied(service(), entrypoint="own:fit"), entrypoint=function)

    assert seen == {1}


def test_an_error_in_an_own_fit_function_points_at_its_own_line() -> None:
    """Not at ours, and not at scikit-learn's."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - slow

    def function(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> Any:
        return LogisticRegression().fit(train.x, train.y)  # x has NaN

    said = refused(world(300), world(100), varied(service(), entrypoint="own:fit"), entrypoint=function)

    assert "fit function 'own:fit' raised ValueError: Input X contains NaN" in said
    assert "return LogisticRegression().fit(train.x, train.y)" in said
    assert "test_fit.py" in said
    assert "site-packages" not in said


def test_a_retry_that_an_own_fit_function_asks_for_is_passed_on() -> None:
    """Its TransientError ends in exit 75, the only one an engine retries."""

    def function(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> Any:
        raise TransientError("licence server is away")

    with pytest.raises(TransientError, match="licence server"):
        fit(world(300), world(100), varied(service(), entrypoint="own:fit"), entrypoint=function)


def test_a_fit_function_that_takes_other_arguments_is_refused() -> None:
    """With what it must take."""
    said = refused(world(300), world(100), varied(service(), entrypoint="own:fit"), entrypoint=lambda train: train)  # type: ignore[misc, arg-type]

    assert "fit function 'own:fit' takes (train), expected (train, tune, params, seed)" in said


def dataset(*, timed: bool) -> DatasetRef:
    def part(name: str, first: int) -> DataPart:
        window = Window(start=datetime(2013, 1, first, tzinfo=UTC), end=datetime(2013, 1, first + 7, tzinfo=UTC))
        return DataPart(
            path=f"{name}.parquet", sha256=Digest("d" * 64), rows=7, window=window if timed else None, labels_missing=0
        )

    return DatasetRef(
        service="world",  # type: ignore[arg-type]
        uri=Uri("datasets/world"),
        sha256=Digest("a" * 64),
        rows=14,
        window=None,
        parts={"train": part("train", 1), "tune": part("tune", 8)},
        contract=Digest("c" * 64),
        source="rows.csv",
    )


@pytest.mark.parametrize(("timed", "version"), [(True, "2013-01-08-eeeeeeeeeeee"), (False, "eeeeeeeeeeee")])
def test_a_model_record_says_what_made_it(timed: bool, version: str) -> None:
    """Version, digests, params and the last time fit saw, as JSON and back."""
    made = fit(world(300), world(100), service())

    found = record(made, Digest("e" * 64), dataset(timed=timed), code="code", lock="lock")

    assert found.version == version
    assert found.tune_end == (datetime(2013, 1, 15, tzinfo=UTC) if timed else None)
    assert found.params["max_iter"] == 15
    assert decode(encode(found), Model) == found
