"""A small service and its model, as the server's tests make them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "serve"))
