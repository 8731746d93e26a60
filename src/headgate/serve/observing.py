"""What looks at a server's answers after they were given, and where it tells of them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.errors import PermanentError
from headgate.names import short
from headgate.records.codec import decode, encode
from headgate.records.codec import digest as digest_of
from headgate.serve import bins
from headgate.serve.background import Background
from headgate.serve.meters import Meters
from headgate.serve.predictor import Predictor
from headgate.serve.sketch_metrics import SketchMetrics
from headgate.serve.sketching import Sketching
from headgate.specs.contract import Contract

if TYPE_CHECKING:
    from headgate.drift.reference import Reference

Documents = Mapping[str, Callable[[], bytes]]
"""JSON of what was seen until now, by the path where it is asked for."""


def observe(
    predictor: Predictor, contract: Contract, meters: Meters, reference: Path | None
) -> tuple[Background, Documents]:
    """Return what runs beside the answers, its metrics registered, and its documents."""
    sketching = sketching_of(predictor, contract, reference)
    loaded = predictor.loaded
    meters.registry.register(SketchMetrics(loaded.signature.service, short(loaded.sha256), sketching))
    return Background([sketching]), {"/sketch": lambda: encode(sketching.sketch())}


def sketching_of(predictor: Predictor, contract: Contract, reference: Path | None) -> Sketching:
    """Return what counts answered rows, in the reference's bins where there is one of this model."""
    loaded = predictor.loaded
    if reference is None:
        return Sketching(predictor, bins.of_contract(loaded.signature, contract))
    known = reference_in(reference)
    if known.model != loaded.sha256:
        raise PermanentError(
            f"{str(reference)!r} is the drift reference of model {short(known.model)}, and {short(loaded.sha256)} "
            "is served",
            next_step="give --reference the file of the served model, or leave it out",
        )
    return Sketching(predictor, bins.of_reference(known), digest_of(known))


def reference_in(file: Path) -> "Reference":
    """Return the drift reference in a file."""
    from headgate.drift.reference import Reference  # noqa: PLC0415 - brings scipy, which most servers do without

    try:
        content = file.read_bytes()
    except OSError as err:
        raise PermanentError(f"no drift reference {str(file)!r}: {err.strerror}") from err
    return decode(content, Reference, f"drift reference {str(file)!r}")
