"""What a model's windows are compared with: kept when it is trained, made again where it is missing."""

import polars as pl

from headgate import features
from headgate.adapters.datasets import read_kept
from headgate.cli.wiring import Project
from headgate.contract.times import event_times
from headgate.drift.kept import Reference
from headgate.drift.place import uri
from headgate.drift.reference import build
from headgate.models.loading import Loaded, load
from headgate.records.codec import decode, encode
from headgate.records.model import Model


def kept(project: Project, model: Model, loaded: Loaded) -> Reference:
    """Return the model's drift reference under today's settings.

    One that is not there is made from the rows the model learned from: settings may have changed since, or a file may
    be gone.
    """
    where = uri(project.spec, model.sha256)
    if not project.store.has(where):
        learned, held_out = (read_kept(project.store, model.dataset, part) for part in ("train", "tune"))
        keep(project, model, loaded, learned, held_out)
    return decode(project.store.get(where), Reference, "drift reference")


def made(project: Project, model: Model, learned: pl.DataFrame, held_out: pl.DataFrame) -> None:
    """Keep the reference of a model that was just trained; the same bytes made again by other code keep theirs."""
    if not project.store.has(uri(project.spec, model.sha256)):
        keep(project, model, load(project.store.folder(model.uri), model.sha256), learned, held_out)


def keep(project: Project, model: Model, loaded: Loaded, learned: pl.DataFrame, held_out: pl.DataFrame) -> None:
    """Keep training features, and the model's scores on rows it did not learn from."""
    spec = project.spec
    times = [event_times(rows, spec.data.time) if spec.data.time else None for rows in (learned, held_out)]
    given = features.compute(learned, spec, project.features)
    built = build(
        given,
        times[0],
        spec,
        model.sha256,
        scores=loaded.predict(features.compute(held_out, spec, project.features)),
        score_times=times[1],
        training_scores=loaded.predict(given),
        classes=loaded.signature.classes if spec.task == "multiclass" else (),
    )
    project.store.put(uri(spec, model.sha256), encode(built))
