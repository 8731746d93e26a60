"""A model that stands beside the champion, for an experiment or as its shadow: verified, and of the same interface."""

from pathlib import Path

from headgate.errors import PermanentError
from headgate.models.loading import Loaded, load
from headgate.names import digest


def beside(champion: Loaded, folder: Path, sha256: str, threads: int = 1, *, called: str) -> Loaded:
    """Return the verified model; PermanentError, which says `called`, where it is not one of the champion's kind."""
    loaded = load(folder, digest(sha256), threads)
    signature, mine = loaded.signature, champion.signature
    if (signature.service, signature.task, signature.classes) != (mine.service, mine.task, mine.classes):
        raise PermanentError(
            f"{called} is a {signature.task} model of {signature.service!r} with classes "
            f"{', '.join(signature.classes)}",
            next_step="give one of the same service, task and classes",
        )
    return loaded
