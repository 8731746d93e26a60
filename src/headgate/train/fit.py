"""Training rows to a packaged model: features, search, fit, conversion, parity."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import polars as pl

from headgate import features
from headgate.errors import HeadgateError, PermanentError
from headgate.features import FeatureFunction, blame
from headgate.models import encoding
from headgate.models.formats import Matrix
from headgate.models.loading import Loaded, Predictions
from headgate.models.packed import Packed
from headgate.models.signature import Signature
from headgate.names import Digest, Uri, short
from headgate.records.codec import digest_of
from headgate.records.dataset import DatasetRef
from headgate.records.model import Model, Trial
from headgate.specs.service import Search, Service
from headgate.stats.metrics import Undefined, score
from headgate.train.packing import image_of, packed, predictor, remembering
from headgate.train.parity import parity
from headgate.train.sample import Sample, labelled, sample
from headgate.train.search import Found, leading, search
from headgate.train.trainers import Fit, Params, Trainer, trainer

ROWS_TO_TRY = 100
ROWS_A_CLASS = 2


@dataclass(frozen=True, slots=True)
class Fitted:
    """A converted model, and how it was made."""

    packed: Packed
    signature: Signature
    trainer: str
    params: Params
    seed: int
    trials: tuple[Trial, ...]
    metric: str
    tune_score: float | None
    """The leading metric on the tune rows; None where it is undefined, for instance with one class only."""
    parity: float
    train_rows: int
    tune_rows: int


def fit(
    train: pl.DataFrame,
    tune: pl.DataFrame,
    spec: Service,
    feature_function: FeatureFunction | None = None,
    entrypoint: Fit | None = None,
) -> Fitted:
    """Return the model that `train` makes; `tune` rows stop and choose, gate rows are never given.

    `entrypoint` is the service's own fit function, None for a built-in trainer. Rows whose label never came take no
    part. One thread, so that the same rows, params, seed and packages give the same bytes on every machine.
    """
    by = trainer(spec, entrypoint)
    signature, learn, check = samples(train, tune, spec, feature_function)
    with one_thread():
        found = params(by, spec, signature, learn, check)
        model = call(by, found.params, learn, check, spec)
        made = packed(model, signature)
        loaded = trial_of(made, signature)
        differ = parity(model, loaded, check)
        predictions = loaded.predict_matrix(check.x)
    return Fitted(
        packed=remembering(made, check.x, predictions),
        signature=signature,
        trainer=by.name,
        params=found.params,
        seed=spec.train.seed,
        trials=found.trials,
        metric=leading(spec),
        tune_score=scored(spec, check, predictions),
        parity=differ,
        train_rows=len(learn),
        tune_rows=len(check),
    )


def try_fit(
    rows: pl.DataFrame, spec: Service, feature_function: FeatureFunction | None = None, entrypoint: Fit | None = None
) -> Fitted:
    """Return what about 100 of the rows make, without a search: that the code runs and that the model converts."""
    few = some(rows, spec, ROWS_TO_TRY)
    plain = msgspec.structs.replace(spec, train=msgspec.structs.replace(spec.train, search=Search()))
    return fit(few, few, plain, feature_function, entrypoint)


def some(rows: pl.DataFrame, spec: Service, n: int) -> pl.DataFrame:
    """Return about `n` labelled rows spread evenly, with some of every class."""
    classes = features.classes(rows, spec)
    known = labelled(rows, spec, classes)
    spread = set(range(0, known.height, max(1, known.height // n)))
    codes = features.labels(known, spec, classes)
    for code in range(len(classes)):
        spread.update(np.flatnonzero(codes == code)[:ROWS_A_CLASS].tolist())
    return known[sorted(spread)]


def samples(
    train: pl.DataFrame, tune: pl.DataFrame, spec: Service, feature_function: FeatureFunction | None
) -> tuple[Signature, Sample, Sample]:
    """Return the signature that the training rows make, and both parts encoded by it."""
    classes = features.classes(train, spec)
    learn, check = labelled(train, spec, classes), labelled(tune, spec, classes)
    for part, rows, whole in (("train", learn, train), ("tune", check, tune)):
        if rows.is_empty():
            raise PermanentError(
                f"no {part} row of {spec.service!r} has a label, of {whole.height:,} rows",
                next_step="look at data.label in service.yaml, and at split: labels must have come",
            )
    made, made_tune = (features.compute(rows, spec, feature_function) for rows in (learn, check))
    signature = encoding.of(made, spec, classes)
    return signature, sample(learn, made, spec, signature), sample(check, made_tune, spec, signature)


def params(by: Trainer, spec: Service, signature: Signature, learn: Sample, check: Sample) -> Found:
    """Return the params to fit with: the trainer's, the service's over them, a search's over both."""
    start: Params = {**by.defaults, **spec.train.params}
    if not spec.train.search.trials:
        return Found(params=start, trials=())

    def trial(chosen: Params) -> float:
        model = call(by, chosen, learn, check, spec)
        value = scored(spec, check, predicted(model, signature, check.x))
        if value is None:
            raise PermanentError(
                f"{leading(spec)} is undefined on the tune rows, so params can't be compared",
                next_step="lengthen split.tune, name another metric first in evaluate.metrics, or set search.trials: 0",
            )
        return value

    return search(spec, by.space, start, trial)


def call(by: Trainer, chosen: Params, learn: Sample, check: Sample, spec: Service) -> Any:
    """Return what the fit function returns; an error in it names the line in the service's own code."""
    try:
        inspect.signature(by.fit).bind(learn, check, {}, 0)
    except TypeError as err:
        raise PermanentError(
            f"fit function {by.name!r} takes {inspect.signature(by.fit)}, expected (train, tune, params, seed)"
        ) from err
    try:
        return by.fit(learn, check, dict(chosen), spec.train.seed)
    except HeadgateError:
        raise
    except (Exception, SystemExit) as err:
        changed = {name: value for name, value in chosen.items() if by.defaults.get(name) != value}
        raise blame(f"trainer {by.name!r} with {changed}" if by.ours else f"fit function {by.name!r}", err) from err


def predicted(model: Any, signature: Signature, matrix: Matrix) -> Predictions:
    estimate = predictor(model, signature)
    if estimate is not None:
        return estimate(matrix)
    return trial_of(packed(model, signature), signature).predict_matrix(matrix)


def trial_of(made: Packed, signature: Signature) -> Loaded:
    """Return a packed model at work, before its package has a digest."""
    return Loaded(signature, made, digest_of(b"".join(made.files.values())))


def scored(spec: Service, check: Sample, predictions: Predictions) -> float | None:
    value = score(leading(spec), check.y, predictions)
    return None if isinstance(value, Undefined) else float(value.value)


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold OpenMP and BLAS to one thread: the order of a sum of floats is then the same everywhere."""
    import sklearn  # noqa: F401, PLC0415 - its libraries must be loaded before they can be limited
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # noqa: PLC0415

    with threadpool_limits(limits=1):
        yield


def record(
    fitted: Fitted, sha256: Digest, dataset: DatasetRef, *, code: str, commit: str | None = None, lock: str
) -> Model:
    """Return the Model record of a fitted model whose package has `sha256`."""
    train, tune = dataset.parts["train"].window, dataset.parts["tune"].window
    day = f"{train.end:%Y-%m-%d}-" if train else ""
    return Model(
        service=dataset.service,
        version=f"{day}{short(sha256)}",
        uri=Uri(f"models/{dataset.service}/{sha256}"),
        sha256=sha256,
        task=fitted.signature.task,
        dataset=dataset,
        train_end=train.end if train else None,
        tune_end=tune.end if tune else None,
        code=code,
        commit=commit,
        params=fitted.params,
        seed=fitted.seed,
        lock=lock,
        trainer=fitted.trainer,
        trials=fitted.trials,
        parity=fitted.parity,
        predictor=image_of(fitted.packed),
    )
