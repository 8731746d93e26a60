"""What looks at a server's answers after they were given, and where it tells of them."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec

from headgate.drift.kept import Reference
from headgate.errors import HeadgateError
from headgate.names import short
from headgate.records.codec import digest as digest_of
from headgate.records.codec import encode
from headgate.serve.model.predictor import Predictor
from headgate.serve.model.warming import warm_up
from headgate.serve.observers import bins
from headgate.serve.observers.background import Background, Observer
from headgate.serve.observers.sketching import Sketching
from headgate.serve.setup.second_model import beside
from headgate.serve.telemetry.cost import Cost
from headgate.serve.telemetry.meters import Meters
from headgate.serve.telemetry.sketch_metrics import SketchMetrics
from headgate.specs.contract import Contract

if TYPE_CHECKING:
    from headgate.serve.shadow.mirroring import Shadow
    from headgate.serve.shadow.pairs import PairLog


class ShadowOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A second model that sees requests and answers nobody."""

    model: Path
    """The package's folder."""
    sha256: str
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.1
    """Of the answered requests."""
    log: Path | None = None
    """Where pairs of answers are kept; none: they are only counted."""


Documents = Mapping[str, Callable[[], bytes]]
"""JSON of what was seen until now, by the path where it is asked for."""


def observe(
    predictor: Predictor,
    contract: Contract,
    meters: Meters,
    *,
    reference: Reference | None,
    shadow: ShadowOptions | None,
    price_per_hour: float | None,
) -> tuple[Background, Documents]:
    """Return what runs beside the answers, its metrics registered, and its documents."""
    sketching = sketching_of(predictor, contract, reference)
    loaded = predictor.loaded
    names = loaded.signature.service, short(loaded.sha256)
    meters.registry.register(SketchMetrics(*names, sketching))
    meters.registry.register(Cost(names, lambda: sketching.answered, price_per_hour))
    observers: list[Observer] = [sketching]
    if shadow and (second := shadow_of(predictor, shadow)):
        meters.registry.register(second)
        observers.append(second)
    return Background(observers), {"/sketch": lambda: encode(sketching.sketch())}


def shadow_of(champion: Predictor, options: ShadowOptions) -> "Shadow | None":
    """Return the shadow, verified and tried; None when it cannot be, which is said, and the champion answers."""
    from headgate.serve.shadow.mirroring import Shadow  # noqa: PLC0415 - brings polars, which a server without one needs not

    try:
        loaded = beside(champion.loaded, options.model, options.sha256, called="it")
        predictor = Predictor(loaded, champion.spec, champion.function, champion.door)
        warm_up(predictor)
        log = log_of(options.log, predictor, champion) if options.log else None
    except HeadgateError as err:
        sys.stderr.write(f"no shadow {str(options.model)!r}: {'; '.join(err.lines())}\n")
        return None
    return Shadow(predictor, short(champion.loaded.sha256), options.share, log)


def log_of(folder: Path, shadow: Predictor, champion: Predictor) -> "PairLog":
    from headgate.serve.shadow.pairs import PairLog, PairsHead  # noqa: PLC0415 - as above

    signature = shadow.loaded.signature
    head = PairsHead(
        service=signature.service,
        champion=champion.loaded.sha256,
        shadow=shadow.loaded.sha256,
        task=signature.task,
        classes=signature.classes,
    )
    return PairLog(folder, head, champion.spec)


def sketching_of(predictor: Predictor, contract: Contract, reference: Reference | None) -> Sketching:
    """Return what counts answered rows, in the reference's bins where there is one."""
    if reference is None:
        return Sketching(predictor, bins.of_contract(predictor.loaded.signature, contract))
    return Sketching(predictor, bins.of_reference(reference), digest_of(reference))
