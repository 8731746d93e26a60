"""No pickle is opened, under whatever name it comes."""

import gzip
import io
import pickle
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import pytest
from fitted import X, Y, kept, mlflow_files, refused
from makings import SIGNATURE
from sklearn.linear_model import LogisticRegression

from headgate.errors import PermanentError
from headgate.models import package
from headgate.models.packed import Format


@cache
def pickles() -> dict[str, bytes]:
    model = LogisticRegression().fit(X, Y)
    out = io.BytesIO()
    joblib.dump(model, out)
    made = {f"protocol {each}": pickle.dumps(model, protocol=each) for each in range(6)}
    made |= {f"a {type(each).__name__} by protocol 0": pickle.dumps(each, protocol=0) for each in ({}, [], (), len)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps(model))
    return {**made, "joblib": out.getvalue(), "gzip": gzip.compress(out.getvalue()), "torch": archive.getvalue()}


@pytest.mark.parametrize("format_", ["onnx", "lightgbm", "xgboost", "skops"])
@pytest.mark.parametrize("name", pickles())
def test_a_renamed_pickle_is_known_by_how_it_begins(name: str, format_: Format) -> None:
    """Under any name, in any protocol or compression; the way out is named."""
    said = refused(kept(format_, pickles()[name]))

    assert "is a pickle" in said
    assert "skops.io.dump" in said


def test_opening_a_package_runs_nothing_of_a_pickle(tmp_path: Path) -> None:
    """The classic: a pickle that writes a file. It is refused when written and when loaded."""
    ran = tmp_path / "ran"
    evil = pickle.dumps(Evil(ran))
    with pytest.raises(PermanentError, match="is a pickle"):
        package.write(tmp_path / "model", kept("skops", evil), SIGNATURE, {})

    said = refused(mlflow_files({"sklearn": {"pickled_model": "model.skops"}}, model__skops=evil))

    assert "is a pickle" in said
    assert not ran.exists()
    pickle.loads(evil)
    assert ran.exists()  # it would have


class Evil:
    """Runs when it is unpickled."""

    def __init__(self, ran: Path) -> None:
        self.ran = ran

    def __reduce__(self) -> Any:
        return Path.touch, (self.ran,)
