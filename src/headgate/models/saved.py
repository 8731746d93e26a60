"""A model that somebody saved, a file or an MLflow folder, as it would stand in a package; never a pickle."""

from pathlib import Path

from headgate.errors import PermanentError, speaking
from headgate.models import mlflow
from headgate.models.packed import EXTENSIONS, FILES, Packed
from headgate.models.pickles import refuse_pickles
from headgate.models.skops_bytes import canonical


def read(path: Path) -> Packed:
    """Return a model file by the format that its name ends in, or the MLflow model in a folder."""
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


def contents(path: Path) -> bytes:
    with speaking(f"read model file {str(path)!r}"):
        return path.read_bytes()
