"""A model that somebody saved, a file, an MLflow folder or a predictor.json, as it would stand in a package."""

from pathlib import Path

from headgate.errors import PermanentError, speaking
from headgate.models import mlflow
from headgate.models.packed import EXTENSIONS, FILES, Packed
from headgate.models.pickles import refuse_pickles
from headgate.models.skops_bytes import canonical
from headgate.models.v2 import image_of
from headgate.models.v2_golden import GOLDEN
from headgate.records.codec import encode


def read(path: Path) -> Packed:
    """Return a model file by the format that its name ends in, or what a folder's MLmodel or predictor.json names."""
    if path.name == FILES["v2"] or (path / FILES["v2"]).is_file():
        return predictor_image(path if path.is_dir() else path.parent)
    return mlflow_folder(path) if path.is_dir() else model_file(path)


def model_file(path: Path) -> Packed:
    content = contents(path)
    refuse_pickles({path.name: content})
    format_ = EXTENSIONS.get(path.suffix.lower())
    if format_ is None:
        raise PermanentError(
            f"the model file {str(path)!r} has a name that does not say which format it is in",
            next_step=f"end it in {', '.join(EXTENSIONS)}, or name a folder that MLflow wrote",
        )
    return Packed(format_, {FILES[format_]: canonical(content) if format_ == "skops" else content})


def mlflow_folder(path: Path) -> Packed:
    """Return the two files of an MLflow model that count: its MLmodel, and the one that this names."""
    about = contents(path / mlflow.MLMODEL)
    _, name = mlflow.named(about)
    content = contents(path / name)
    refuse_pickles({name: content})
    return Packed("mlflow", {mlflow.MLMODEL: about, name: content})


def predictor_image(folder: Path) -> Packed:
    """Return a predictor.json and the files beside it that its image needs."""
    image = image_of({FILES["v2"]: contents(folder / FILES["v2"])})
    if taken := {FILES["v2"], GOLDEN} & set(image.files):
        raise PermanentError(f"predictor.json names {min(taken)!r} among its files, which Headgate writes itself")
    files = {name: contents(folder / name) for name in image.files}
    refuse_pickles(files)
    return Packed("v2", {FILES["v2"]: encode(image), **files})


def contents(path: Path) -> bytes:
    with speaking(f"read model file {str(path)!r}"):
        return path.read_bytes()
