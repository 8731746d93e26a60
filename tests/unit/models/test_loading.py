"""A verified package to predictions."""

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from makings import SIGNATURE, adding_model

from headgate.errors import PermanentError
from headgate.models import package
from headgate.models.loading import ROWS_AT_ONCE, Loaded, load
from headgate.names import Digest


def loaded(task: str = "binary", outputs: int = 1) -> Loaded:
    classes = {"binary": ("0", "1"), "multiclass": ("a", "b", "c"), "regression": ()}[task]
    signature = msgspec.structs.replace(SIGNATURE, task=task, classes=classes)
    return Loaded(signature, adding_model(2, outputs), Digest("0" * 64))


def test_a_corrupt_package_is_never_parsed(tmp_path: Path) -> None:
    """The digest is the first thing looked at."""
    sha256 = package.write(tmp_path / "model", adding_model(), SIGNATURE, {})
    (tmp_path / "model" / "model.onnx").write_bytes(b"not even onnx")

    with pytest.raises(PermanentError, match="is not what Git says"):
        load(tmp_path / "model", sha256)


def test_bytes_that_are_no_model_are_an_error_of_ours() -> None:
    """ONNX Runtime's exceptions never reach a caller."""
    with pytest.raises(PermanentError, match="cannot load the model"):
        Loaded(SIGNATURE, b"nonsense", Digest("0" * 64))


def test_a_matrix_of_another_width_is_refused() -> None:
    """With both widths in the message."""
    with pytest.raises(PermanentError, match=r"takes 2 features, and the matrix has shape \(1, 3\)"):
        loaded().predict_matrix(np.zeros((1, 3), dtype=np.float32))


@pytest.mark.parametrize(
    ("task", "outputs", "expected"),
    [
        ("binary", 1, [4.0, 3.0]),
        ("binary", 2, [8.0, 6.0]),  # two columns: the positive class is the second
        ("regression", 1, [4.0, 3.0]),
        ("multiclass", 3, [[4.0, 8.0, 12.0], [3.0, 6.0, 9.0]]),
    ],
)
def test_predictions_have_the_shape_of_the_task(task: str, outputs: int, expected: list[float]) -> None:
    """Whether a converter wrote one column or two, callers see the same."""
    found = loaded(task, outputs).predict(pl.DataFrame({"temp": [3, 3], "carrier": ["UA", "AA"]}))

    assert expected == found.tolist()
    assert found.dtype == np.float64


@pytest.mark.parametrize(("task", "shape"), [("binary", (0,)), ("multiclass", (0, 3)), ("regression", (0,))])
def test_no_rows_are_no_predictions(task: str, shape: tuple[int, ...]) -> None:
    """Empty in, empty out."""
    assert shape == loaded(task, 3).predict_matrix(np.empty((0, 2), dtype=np.float32)).shape


def test_many_rows_are_predicted_in_their_order() -> None:
    """Chunks bound the memory and change nothing."""
    matrix = np.arange(2 * ROWS_AT_ONCE + 6, dtype=np.float32).reshape(-1, 2)

    np.testing.assert_array_equal(matrix.sum(axis=1), loaded().predict_matrix(matrix))


def test_a_written_package_predicts(tmp_path: Path) -> None:
    """Write, verify, load, predict."""
    sha256 = package.write(tmp_path / "model", adding_model(), SIGNATURE, {})

    model = load(tmp_path / "model", sha256)

    assert model.signature == SIGNATURE
    assert sha256 == model.sha256
    assert model.predict(pl.DataFrame({"temp": [1], "carrier": ["UA"]})).tolist() == [2.0]


def test_serving_needs_nothing_of_what_trained(tmp_path: Path) -> None:
    """The server's image holds neither scikit-learn nor pandas nor onnx, and starts faster for it."""
    sha256 = package.write(tmp_path / "model", adding_model(), SIGNATURE, {})
    code = (
        "import sys; from pathlib import Path; from headgate.models.loading import load\n"
        f"load(Path({str(tmp_path / 'model')!r}), {sha256!r})\n"
        "print([name for name in ('sklearn', 'skl2onnx', 'onnx', 'pandas', 'scipy') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
