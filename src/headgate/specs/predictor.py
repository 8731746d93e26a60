"""predictor.json: a model that an image of the owner's own answers for, over the Open Inference Protocol V2."""

import re
from typing import Annotated, Literal

from msgspec import Meta

from headgate.errors import PermanentError
from headgate.specs.pods import Quantity
from headgate.specs.reading import Spec, parse

IMAGE = r"^[a-zA-Z0-9][a-zA-Z0-9._:/-]{0,255}@sha256:[0-9a-f]{64}\Z"
"""An image by its digest: a tag could be moved to another one."""
ImagePin = Annotated[str, Meta(pattern=IMAGE)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
"""Stands in a URL's path as it is."""
FILE = "predictor.json"


class PredictorTensor(Spec, frozen=True, kw_only=True):
    """A tensor of numbers."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    """What the image calls it."""
    datatype: Literal["FP32", "FP64"] = "FP32"
    """Its numbers."""


class PredictorImage(Spec, frozen=True, kw_only=True):
    """predictor.json: which image answers, for which of its models, and in which tensors."""

    image: str
    """`<registry>/<name>@sha256:<digest>`."""
    model: Word
    """What the image calls its model."""
    version: Word | None = None
    """Which of the model's versions is asked; none: the one that the image serves."""
    inputs: tuple[PredictorTensor, ...]
    """One tensor (rows, features); or one (rows, 1) for each feature, named as it is, in the features' order."""
    output: PredictorTensor
    """Probabilities, or numbers: (rows,), (rows, 1), (rows, 2) of a binary model, (rows, classes)."""
    files: tuple[Word, ...] = ()
    """Files beside predictor.json that the image needs: they lie in /mnt/models of its container."""


class PredictorPod(Spec, frozen=True, kw_only=True):
    """How an owner's predictor is run in the pod, beside the server that asks it."""

    port: Annotated[int, Meta(ge=1024, le=65535)] = 8000
    """Where its container answers V2 over HTTP."""
    args: tuple[str, ...] = ()
    """What its container is started with."""
    cpu: Quantity = "250m"
    """Cores it asks for."""
    cpu_limit: Quantity = "2"
    """Cores it may use."""
    memory: Quantity = "1Gi"
    """Memory it asks for, and may use."""
    gpu: Annotated[int, Meta(ge=0, le=64)] = 0
    """GPUs of it, of the kind that resources.gpu_resource names."""


def described(text: str) -> PredictorImage:
    """Return what predictor.json says; PermanentError names what is wrong, an image by tag above all."""
    found = parse(text, PredictorImage, FILE)
    if not re.match(IMAGE, found.image):
        raise PermanentError(
            f"{FILE} names image {found.image[:200]!r}, which is no digest: what it means could change",
            next_step="name it by digest, <registry>/<name>@sha256:<64 hex digits>; `docker push` prints it",
        )
    if not found.inputs:
        raise PermanentError(f"{FILE} names no inputs", next_step="name one tensor, or one for each feature")
    return found
