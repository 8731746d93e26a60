"""A pickle runs whatever its author put in it once it is opened: known by name and by how it begins, and refused."""

import re
from collections.abc import Mapping

from headgate.errors import PermanentError

NAMES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".npy", ".npz")
SINCE_2 = re.compile(rb"\x80[\x02-\x05]")
"""Every pickle since protocol 2 begins with its number."""
BEFORE_2 = re.compile(rb"\(|c[A-Za-z_][\w.]*\n[A-Za-z_]|[\]})]q|[\]})]\.")
"""A mark, a global, or an empty container: how protocols 0 and 1 begin; no format of a model here does."""
COMPRESSED = re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|\x5d\x00\x00\x80\x00|\x78[\x01\x5e\x9c\xda]|\x04\x22\x4d\x18")
"""gzip, bz2, xz, lzma, zlib and lz4: how joblib writes a pickle smaller."""
TORCH = re.compile(rb"PK\x03\x04.{0,4096}data\.pkl", re.DOTALL)
"""A PyTorch file is a zip with a pickle in it."""


def refuse_pickles(files: Mapping[str, bytes]) -> None:
    """Refuse a pickle in any guise before anything else is tried with it; the way out is named."""
    for name, content in files.items():
        if name.lower().endswith(NAMES) or is_pickle(content):
            raise PermanentError(
                f"model file {name[:100]!r} is a pickle; opening one runs whatever its author put in it, "
                "so none is ever opened",
                next_step="let fit return the fitted estimator (it is kept as ONNX, or in LightGBM's or XGBoost's own "
                "format), or the Path of what Booster.save_model or skops.io.dump wrote (in MLflow: "
                "serialization_format='skops'); a model that has no such format is served by your own image behind V2",
            )


def is_pickle(content: bytes) -> bool:
    r"""Say whether bytes are a pickle by how they begin, whatever their file is called.

    >>> import pickle
    >>> [is_pickle(pickle.dumps({"a": 1}, protocol=each)) for each in range(6)]
    [True, True, True, True, True, True]
    >>> is_pickle(b"tree\nversion=v4\n")
    False
    """
    return any(pattern.match(content) for pattern in (SINCE_2, BEFORE_2, COMPRESSED, TORCH))
