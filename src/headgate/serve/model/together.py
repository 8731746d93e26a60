"""Several requests by one call of the owner's function: one frame, and each request's own part of its features.

Whether the model is asked for all of them at once is another question (`one_call.py`): a product of many rows may
differ in its last bit from that of one.
"""

from collections.abc import Sequence
from itertools import accumulate

from polars.exceptions import PanicException

from headgate.features import compute
from headgate.models.encoding import encode
from headgate.models.formats import Matrix
from headgate.serve.door.admission import Admitted
from headgate.serve.door.merging import merged
from headgate.serve.model.predictor import Predictor

FAILURES = (Exception, PanicException)
"""Of one call for many: also what Polars makes of a panic, which is no Exception, and shall cost the others nothing."""
Matrices = tuple[Matrix, ...]
"""A request's rows as each model that may answer it takes them."""


def encoded(predictor: Predictor, requests: Sequence[Admitted]) -> list[Matrices]:
    """Return what each request is to the models; PermanentError when the function fails, for whichever of them."""
    rows = requests[0] if len(requests) == 1 else merged(requests, predictor.door.types)
    made = compute(predictor.door.frame(rows), predictor.spec, predictor.function)
    whole = [encode(made, loaded.signature) for loaded in predictor.models]
    ends = list(accumulate(request.count for request in requests))
    return [tuple(matrix[start:end] for matrix in whole) for start, end in zip([0, *ends], ends, strict=False)]


def are_same(one: Matrices, other: Matrices) -> bool:
    """Say whether the models get the same numbers, bit by bit."""
    return all(mine.tobytes() == theirs.tobytes() for mine, theirs in zip(one, other, strict=True))
