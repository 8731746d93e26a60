"""A train step without pandas."""

import subprocess
import sys

PROGRAM = """
import sys
from headgate.train.lean import import_sklearn
import_sklearn()
assert "sklearn.ensemble" in sys.modules
assert "pandas" not in sys.modules
import pandas
print(pandas.DataFrame({"a": [1]}).shape)
"""


def test_sklearn_comes_without_pandas_and_pandas_can_come_later() -> None:
    """A service's own code may still want it."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout == "(1, 1)\n"
