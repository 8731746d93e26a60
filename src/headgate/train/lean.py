"""scikit-learn, imported without pandas: it looks for it only to know it, at the price of 65 MB and 0.2 s a step."""

import sys


def import_sklearn() -> None:
    """Import scikit-learn; whoever imports pandas afterwards gets it as usual."""
    if "sklearn" in sys.modules or "pandas" in sys.modules:
        return
    sys.modules["pandas"] = None  # type: ignore[assignment]  # the documented way to say: not to be had
    try:
        import sklearn.ensemble  # noqa: F401, PLC0415 - the import is the purpose
    finally:
        del sys.modules["pandas"]
