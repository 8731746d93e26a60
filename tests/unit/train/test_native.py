"""A LightGBM or XGBoost model stays what it is: its own format, its own numbers."""

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
import xgboost
from test_convert import sample, signature
from worlds_to_learn import service, world

from headgate.errors import PermanentError
from headgate.models.loading import Loaded
from headgate.names import Digest
from headgate.train.fit import fit
from headgate.train.packing import packed, predictor
from headgate.train.parity import OWN_TOLERANCE, parity
from headgate.train.sample import Sample

Make = Callable[[Sample], Any]
QUIET = {"verbosity": -1, "num_threads": 1}


def lgbm(kind: Any, **params: Any) -> Make:
    return lambda rows: kind(n_estimators=15, n_jobs=1, verbosity=-1, **params).fit(rows.x, rows.y)


def lgbm_booster(objective: str, **params: Any) -> Make:
    return lambda rows: lightgbm.train(
        {"objective": objective, **QUIET, **params}, lightgbm.Dataset(rows.x, rows.y), num_boost_round=15
    )


def xgb(kind: Any, **params: Any) -> Make:
    return lambda rows: kind(n_estimators=15, n_jobs=1, **params).fit(rows.x, rows.y)


def xgb_booster(objective: str, **params: Any) -> Make:
    return lambda rows: xgboost.train(
        {"objective": objective, "nthread": 1, **params}, xgboost.DMatrix(rows.x, rows.y), num_boost_round=15
    )


def stopped_early(kind: Any, **params: Any) -> Make:
    """Return a model whose best round is not its last."""

    def make(rows: Sample) -> Any:
        draw = np.random.default_rng(0)
        watched = [(rows.x, draw.permutation(rows.y))]  # nothing to learn there: it is best soon
        return kind(n_estimators=40, n_jobs=1, **params).fit(rows.x, rows.y, eval_set=watched)

    return make


def lgbm_stopped(rows: Sample) -> Any:
    stop = lightgbm.early_stopping(5, verbose=False)
    watched = np.random.default_rng(0).permutation(rows.y)
    model = lightgbm.LGBMClassifier(n_estimators=40, n_jobs=1, verbosity=-1)
    return model.fit(rows.x, rows.y, eval_X=rows.x, eval_y=watched, callbacks=[stop])


MODELS: dict[str, tuple[str, Make]] = {
    "LGBMClassifier": ("binary", lgbm(lightgbm.LGBMClassifier)),
    "LGBMClassifier of 3": ("multiclass", lgbm(lightgbm.LGBMClassifier)),
    "LGBMClassifier by dart": ("binary", lgbm(lightgbm.LGBMClassifier, boosting_type="dart")),
    "LGBMClassifier stopped early": ("binary", lgbm_stopped),
    "LGBMRegressor": ("regression", lgbm(lightgbm.LGBMRegressor)),
    "LGBMRegressor of counts": ("regression", lambda rows: lgbm(lightgbm.LGBMRegressor, objective="poisson")(up(rows))),
    "lightgbm.Booster": ("binary", lgbm_booster("binary")),
    "lightgbm.Booster of 3": ("multiclass", lgbm_booster("multiclass", num_class=3)),
    "lightgbm.Booster of numbers": ("regression", lgbm_booster("regression")),
    "XGBClassifier": ("binary", xgb(xgboost.XGBClassifier)),
    "XGBClassifier of 3": ("multiclass", xgb(xgboost.XGBClassifier)),
    "XGBClassifier by dart": ("binary", xgb(xgboost.XGBClassifier, booster="dart", rate_drop=0.3)),
    "XGBClassifier stopped early": ("binary", stopped_early(xgboost.XGBClassifier, early_stopping_rounds=5)),
    "XGBRegressor": ("regression", xgb(xgboost.XGBRegressor)),
    "XGBRFClassifier": ("binary", xgb(xgboost.XGBRFClassifier)),
    "linear XGBClassifier": ("binary", xgb(xgboost.XGBClassifier, booster="gblinear")),
    "xgboost.Booster": ("binary", xgb_booster("binary:logistic")),
    "xgboost.Booster of 3": ("multiclass", xgb_booster("multi:softprob", num_class=3)),
    "xgboost.Booster of numbers": ("regression", xgb_booster("reg:squarederror")),
}


def up(rows: Sample) -> Sample:
    """Return the same rows with labels that can be counts."""
    return Sample(**{name: getattr(rows, name) for name in rows.__slots__} | {"y": rows.y - rows.y.min()})


def loaded(model: Any, task: str) -> Loaded:
    return Loaded(signature(task), packed(model, signature(task)), Digest("0" * 64))


def refused(model: Any, task: str = "binary") -> str:
    with pytest.raises(PermanentError) as caught:
        loaded(model, task)
    return "\n".join(caught.value.lines())


@pytest.mark.parametrize(("task", "make"), MODELS.values(), ids=MODELS)
def test_a_package_predicts_what_the_library_does(task: str, make: Make) -> None:
    """To 1e-6, the same class, missing values included, many rows or one."""
    rows = sample(task)
    rows.x[::7, 1] = np.nan
    model = make(rows)

    kept = loaded(model, task)

    assert kept.format == type(model).__module__.partition(".")[0]
    assert parity(model, kept, rows) <= OWN_TOLERANCE
    estimate = predictor(model, kept.signature)
    assert estimate is not None
    one_by_one = np.stack([kept.predict_matrix(rows.x[i : i + 1])[0] for i in range(20)])
    np.testing.assert_allclose(estimate(rows.x[:20]), one_by_one, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["LGBMClassifier stopped early", "XGBClassifier stopped early"])
def test_early_stopping_was_early(name: str) -> None:
    """Else the two rows above would prove nothing."""
    _, make = MODELS[name]

    model = make(sample("binary"))

    rounds = model.best_iteration_ if name.startswith("LGBM") else model.best_iteration + 1
    assert rounds < 35


@pytest.mark.parametrize(
    ("task", "make", "expected"),
    [
        ("binary", lgbm_booster("regression"), "objective 'regression' gives no probabilities; task 'binary'"),
        ("binary", lgbm_booster("regression"), "fit it with the objective binary or cross_entropy"),
        ("binary", xgb_booster("binary:logitraw"), "objective 'binary:logitraw' gives no probabilities"),
        ("multiclass", xgb_booster("multi:softmax", num_class=3), "fit it with the objective binary:logistic or multi"),
        (
            "binary",
            lgbm(lightgbm.LGBMRegressor),
            "fit returned lightgbm.sklearn.LGBMRegressor, which has no `predict_p",
        ),
        ("binary", xgb(xgboost.XGBClassifier, missing=-1.0), "takes -1.0 for missing; here what is missing is NaN"),
    ],
)
def test_scores_that_are_no_probabilities_are_refused(task: str, make: Make, expected: str) -> None:
    """A raw margin served as a probability would pass every check of shape."""
    assert expected in refused(make(sample(task)), task)


@pytest.mark.parametrize("make", [lgbm(lightgbm.LGBMClassifier), xgb(xgboost.XGBClassifier)])
def test_the_same_model_gives_the_same_bytes(make: Make) -> None:
    """A run again is the same model."""
    rows = sample("binary")

    first, second = (packed(make(rows), signature("binary")) for _ in range(2))

    assert first == second


def by_codes(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> Any:
    """Fit XGBoost with the categories as categories."""
    kinds = ["c" if each else "q" for each in train.categorical]
    matrix = xgboost.DMatrix(train.x, train.y, feature_types=kinds, enable_categorical=True)
    return xgboost.train({"objective": "binary:logistic", "nthread": 1, "seed": seed}, matrix, num_boost_round=20)


def lgbm_by_codes(train: Sample, tune: Sample, params: dict[str, Any], seed: int) -> Any:
    model = lightgbm.LGBMClassifier(n_estimators=20, n_jobs=1, random_state=seed, verbosity=-1)
    return model.fit(train.x, train.y, categorical_feature=np.flatnonzero(train.categorical).tolist())


@pytest.mark.parametrize(("entrypoint", "format_"), [(by_codes, "xgboost"), (lgbm_by_codes, "lightgbm")])
def test_a_fit_function_may_return_one_with_categories(entrypoint: Any, format_: str) -> None:
    """Codes go in as codes; an unknown word is missing to both."""
    rows, tune = world(1500), world(300, seed=1)

    made = fit(rows, tune, service(entrypoint="my:fit"), entrypoint=entrypoint)

    assert made.packed.format == format_
    assert made.parity <= OWN_TOLERANCE
    assert made.tune_score is not None
    assert made.tune_score > 0.75
    strange = tune.drop("label").head(2).with_columns(word=pl.lit("never seen"))
    gone = strange.with_columns(word=pl.lit(None, pl.String))
    kept = Loaded(made.signature, made.packed, Digest("0" * 64))
    assert kept.predict(strange).tolist() == kept.predict(gone).tolist()


def test_a_subclass_that_predicts_something_else_is_refused() -> None:
    """Its booster is what would be served, and it is not what was fitted."""

    class Shifted(lightgbm.LGBMClassifier):  # type: ignore[misc]
        def predict_proba(self, x: Any, **kwargs: Any) -> Any:
            return super().predict_proba(x, **kwargs)[:, ::-1]

    rows = sample("binary")
    model = Shifted(n_estimators=5, n_jobs=1, verbosity=-1).fit(rows.x, rows.y)

    with pytest.raises(PermanentError, match="the lightgbm package does not predict what Shifted does"):
        parity(model, loaded(model, "binary"), rows)
