"""The drift reference of the served model: the one that is asked for, or the one that lies beside the model."""

import sys
from pathlib import Path

from headgate.drift.kept import Reference
from headgate.drift.place import BESIDE
from headgate.errors import HeadgateError, PermanentError
from headgate.names import Digest, short
from headgate.records.codec import decode


def reference_of(model: Digest, folder: Path, asked: Path | None) -> Reference | None:
    """Return the model's drift reference; PermanentError when the one that is asked for is none of it.

    One that only lies in the model's folder was asked for by nobody: what is wrong with it is said, and stops nothing.
    """
    if asked is not None:
        return of_model(model, asked)
    if not (folder / BESIDE).exists():
        return None
    try:
        return of_model(model, folder / BESIDE)
    except HeadgateError as err:
        sys.stderr.write(f"/sketch counts in bins of the contract: {'; '.join(err.lines())}\n")
        return None


def of_model(model: Digest, file: Path) -> Reference:
    """Return the drift reference in a file, which is the model's."""
    try:
        content = file.read_bytes()
    except OSError as err:
        raise PermanentError(f"no drift reference {str(file)!r}: {err.strerror}") from err
    known = decode(content, Reference, f"drift reference {str(file)!r}")
    if known.model != model:
        raise PermanentError(
            f"{str(file)!r} is the drift reference of model {short(known.model)}, and {short(model)} is served",
            next_step="give --reference the file of the served model, or leave it out",
        )
    return known
