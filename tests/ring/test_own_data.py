"""Somebody's own file: init, run, merge, up, ask. And a shuffled label, which nothing lets in."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import headgate
from headgate.cli.wiring import open_project
from headgate.local.traffic import body
from headgate.serve.door.admission import Door

COMMAND = (sys.executable, "-m", "headgate")
READY_SECONDS = 40.0


class Case(NamedTuple):
    """A file and how it is made known."""

    rows: pl.DataFrame
    label: str
    suffix: str
    more: tuple[str, ...] = ()


def told_by(draw: np.random.Generator, rows: int) -> dict[str, Any]:
    """Return columns as people have them: two numbers, words with missing ones, a constant, an id, odd names."""
    words = draw.choice(["köln", "bonn", "essen", 'o\'hara "x"'], rows).tolist()
    return {
        "id": list(range(10_000, 10_000 + rows)),
        "größe (cm)": draw.normal(size=rows),
        "x 2": np.where(draw.random(rows) < 0.1, np.nan, draw.normal(size=rows)),
        "city": [None if draw.random() < 0.05 else word for word in words],
        "const": [1] * rows,
    }


def signal_in(columns: dict[str, Any]) -> Any:
    here = np.array([city == "köln" for city in columns["city"]])
    return 1.5 * np.nan_to_num(columns["größe (cm)"]) - np.nan_to_num(columns["x 2"]) + here


def binary() -> Case:
    """Words as labels, one in twenty missing, event time guessed, CSV."""
    draw = np.random.default_rng(1)
    columns = told_by(draw, 3000)
    chance = draw.normal(size=3000)
    label = [
        None if draw.random() < 0.05 else "yes, late" if score > 0 else "no" for score in signal_in(columns) + chance
    ]
    start = datetime(2023, 1, 1)  # noqa: DTZ001 - naive means UTC
    times = [start + timedelta(hours=3 * i) for i in range(3000)]
    return Case(pl.DataFrame({**columns, "created at": times, "late?": label}), "late?", "csv")


def multiclass() -> Case:
    """Negative whole numbers as classes, no time, Parquet."""
    draw = np.random.default_rng(2)
    columns = told_by(draw, 1500)
    score = signal_in(columns) + 0.5 * draw.normal(size=1500)
    return Case(pl.DataFrame({**columns, "grade": np.digitize(score, [-1, 1]) - 1}), "grade", "parquet")


def regression() -> Case:
    """Negative amounts, days as text, CSV."""
    draw = np.random.default_rng(3)
    columns = told_by(draw, 900)
    days = [(datetime(2022, 1, 1) + timedelta(days=i // 2)).strftime("%d.%m.%Y") for i in range(900)]  # noqa: DTZ001
    amount = 50 * signal_in(columns) - 40 + 30 * draw.normal(size=900)
    return Case(pl.DataFrame({**columns, "Tag": days, "€": amount}), "€", "csv", ("--time", "Tag"))


CASES = {"binary": binary, "multiclass": multiclass, "regression": regression}


def typed(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Type a command in a folder, and expect it to end well."""
    environment = {**os.environ, "HEADGATE_TRACKER": "files"}
    ended = subprocess.run([*COMMAND, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"headgate {' '.join(words)}: {ended.stdout}{ended.stderr}"
    return ended


def begin(case: Case, folder: Path) -> None:
    path = folder / f"my data (1).{case.suffix}"
    case.rows.write_csv(path) if case.suffix == "csv" else case.rows.write_parquet(path)
    typed(folder, "init", "--data", path.name, "--label", case.label, *case.more)


@contextmanager
def up(folder: Path) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run the ring; yield its address and its process, which is ended with SIGTERM."""
    log = (folder / "up.log").open("w+")
    process = subprocess.Popen(
        [*COMMAND, "up", "--port", "0"], cwd=folder, stdout=log, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield address(folder / "up.log", process), process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
        log.close()


def address(log: Path, process: "subprocess.Popen[str]") -> str:
    """Return the router's address once a model answers behind it."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        said = log.read_text()
        if "http://" in said and ("live " in said or "serving " in said):
            return "http://" + said.split("http://", 1)[1].split()[0]
        time.sleep(0.05)
    raise AssertionError(f"not up: {log.read_text()}")


def ask(url: str, folder: Path, rows: pl.DataFrame) -> dict[str, Any]:
    """Send raw rows as one V2 request and return the outputs by name."""
    project = open_project(folder / "service.yaml", None)
    door = Door(project.contract, project.spec)
    service = project.spec.service
    request = urllib.request.Request(
        f"{url}/v2/models/{service}/infer",
        data=body(rows, door.datatypes),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return {output["name"]: output["data"] for output in json.load(answer)["outputs"]}


@pytest.mark.parametrize(
    "task", ["binary", *(pytest.param(each, marks=pytest.mark.full) for each in CASES if each != "binary")]
)
def test_own_rows_become_a_model_that_answers(task: str, tmp_path: Path) -> None:
    """From a file to answers over HTTP, which are the notebook's: five commands."""
    case = CASES[task]()
    begin(case, tmp_path)
    typed(tmp_path, "check")

    ran = typed(tmp_path, "run")
    typed(tmp_path, "pr", "merge", "1", "--by", "ann")
    with up(tmp_path) as (url, process):
        project = open_project(tmp_path / "service.yaml", None)
        rows = project.read_rows(None, None).head(20)
        served = ask(url, tmp_path, rows)
        why = typed(tmp_path, "why")

    loaded = headgate.load(f"{project.spec.service}@prod", tmp_path / "service.yaml").predict(rows)
    assert task == project.spec.task
    assert "headgate pr merge 1" in ran.stderr
    assert process.returncode == 0
    assert "by ann" in why.stdout
    name = "value" if task == "regression" else "probability"
    expected = loaded.select(pl.selectors.starts_with(name)).to_numpy().ravel()
    np.testing.assert_allclose(served[name], expected, rtol=1e-9)


@pytest.mark.parametrize(
    "task",
    ["binary", pytest.param("multiclass", marks=pytest.mark.full), pytest.param("regression", marks=pytest.mark.full)],
)
def test_a_shuffled_label_ends_in_a_refusal(task: str, tmp_path: Path) -> None:
    """The pipeline ends well, with the rule that refused it, and with no pull request."""
    case = CASES[task]()
    shuffled = case.rows.with_columns(pl.col(case.label).shuffle(seed=4))
    begin(case._replace(rows=shuffled), tmp_path)

    ran = typed(tmp_path, "run")

    assert "baseline" in ran.stderr
    assert "no pull request" in ran.stderr
    assert "no pull request\n" == typed(tmp_path, "pr", "list").stdout


def test_a_ring_that_was_killed_goes_on_with_the_same_model(tmp_path: Path) -> None:
    """SIGKILL leaves no server behind; `up` again serves, and SIGINT ends it in good order."""
    begin(CASES["multiclass"](), tmp_path)
    typed(tmp_path, "run")
    typed(tmp_path, "pr", "merge", "1", "--by", "ann")
    rows = open_project(tmp_path / "service.yaml", None).read_rows(None, None).head(3)
    with up(tmp_path) as (url, process):
        before = ask(url, tmp_path, rows)
        process.kill()
        process.wait(10)
        with pytest.raises(urllib.error.URLError):
            ask(url, tmp_path, rows)

    with up(tmp_path) as (url, process):
        after = ask(url, tmp_path, rows)
        process.send_signal(signal.SIGINT)
        code = process.wait(30)

    assert before == after
    assert 0 == code
    assert "as before" in (tmp_path / "up.log").read_text()
    assert "ended" in (tmp_path / "up.log").read_text()
