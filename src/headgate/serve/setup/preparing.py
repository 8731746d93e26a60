"""From a package and its service.yaml to what is served: verified before it is read, warm before it is ready."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from headgate.errors import PermanentError
from headgate.models.loading import load as load_model
from headgate.names import Digest, short
from headgate.serve.door.admission import Door
from headgate.serve.logs.label_requests import telling_of
from headgate.serve.logs.recorder import Recorder
from headgate.serve.logs.room import Room
from headgate.serve.logs.segment import Segment
from headgate.serve.model.predictor import Predictor
from headgate.serve.model.warming import warm_up
from headgate.serve.setup.experiment import LogOptions, divided
from headgate.serve.setup.faults import FaultPlan
from headgate.serve.setup.observers import observe
from headgate.serve.setup.options import ServeOptions
from headgate.serve.setup.reference import reference_of
from headgate.serve.setup.served import Served
from headgate.serve.telemetry.meters import Meters
from headgate.specs.contract import Contract
from headgate.specs.reading import read
from headgate.specs.service import Service

if TYPE_CHECKING:
    from headgate.features import FeatureFunction


def prepare(options: ServeOptions, sha256: Digest) -> Served:
    """Return everything that is served, verified and warm."""
    loaded = load_model(options.model, sha256, options.threads)
    loaded.check()
    spec = read(options.service_file, Service)
    folder = options.service_file.parent
    contract = read(folder / spec.contract, Contract)
    if loaded.signature.service != spec.service:
        raise PermanentError(
            f"the model is one of service {loaded.signature.service!r}, and {options.service_file.name} describes "
            f"{spec.service!r}",
            next_step="serve it with its own service.yaml",
        )
    door = Door(contract, spec)
    predictor = Predictor(loaded, spec, features_function(spec, folder), door)
    if cold := warm_up(predictor):
        sys.stderr.write(f"not warmed up, for made-up rows are refused: {cold}\n")
    meters = Meters(spec.service, short(sha256))
    meters.registry.register(door.violations)
    background, documents = observe(
        predictor,
        contract,
        meters,
        reference=reference_of(sha256, options.model, options.reference),
        shadow=options.shadow,
        price_per_hour=options.price_per_hour,
    )
    log = log_of(options)
    segment = msgspec.structs.replace(segment_of(predictor, door, sha256), share=options.log_share)
    served = Served(
        door=door,
        predictor=predictor,
        meters=meters,
        faults=FaultPlan(options.faults),
        recorder=Recorder(log.folder, segment, at_once=log.at_once, room=log.room) if log else None,
        telling=telling_of(contract, spec, log.folder, log.room) if log else None,
        background=background,
        documents=documents,
    )
    if options.experiment is not None:
        served = divided(served, options.experiment, options.threads, log, partial(segment_of, predictor, door))
    return msgspec.structs.replace(served, is_rowwise=is_rowwise(served.predictor))


def is_rowwise(predictor: Predictor) -> bool:
    """Say whether an owner's function was tried and takes each row by itself; where not it is said why.

    Requests to a model of another process wait for it each in a thread, not together.
    """
    if predictor.function is None or any(model.is_remote for model in predictor.models):
        return False
    from headgate.serve.model.rowwise import doubt  # noqa: PLC0415 - brings polars, which most servers do without

    why = doubt(predictor)
    if why:
        sys.stderr.write(f"requests are computed one by one: {why}\n")
    return why is None


def features_function(spec: Service, folder: Path) -> "FeatureFunction | None":
    """Return the owner's own function, None where every column is a feature as it is."""
    if spec.data.features is None:
        return None
    from headgate.adapters.usercode import load  # noqa: PLC0415 - most servers run no code but ours

    return load(spec.data.features, folder)


def log_of(options: ServeOptions) -> LogOptions | None:
    """Return where and how answers are logged, None where they are not."""
    if options.log_dir is None:
        return None
    most = None if options.log_limit_mib is None else options.log_limit_mib << 20
    return LogOptions(options.log_dir, options.flush_seconds == 0, Room(options.log_dir, most))


def segment_of(predictor: Predictor, door: Door, sha256: Digest) -> Segment:
    spec, signature = predictor.spec, predictor.loaded.signature
    return Segment(
        service=spec.service,
        model=sha256,
        task=signature.task,
        classes=signature.classes if signature.task == "multiclass" else (),
        time=spec.data.time,
        id=spec.data.id,
        columns=door.types,
    )
