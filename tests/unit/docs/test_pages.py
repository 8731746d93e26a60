"""What the docs say is there, is there: links, targets, commands, options; and the quick ones run."""

import ast
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer

from headgate.cli import COMMANDS
from headgate.cli.quoting import filled
from headgate.errors import PermanentError

ROOT = Path(__file__).parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "demo" not in page.parts),
]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PLACEHOLDER = re.compile(r"^[A-Z|…]+$")


def written_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of every `headgate …` a page names: in shell blocks, and between backticks."""
    inline = re.findall(r"`(headgate [^`]+)`", text)
    lines = [line.partition("  #")[0] for block in SHELL.findall(text) for line in block.splitlines()]
    for typed in [*inline, *(part for line in lines for part in re.split(r"&&|;", line))]:
        words = shlex.split(typed.replace("'…'", "WHY"))
        if words[:1] == ["headgate"] and len(words) > 1:
            yield words[1:]


def refused(words: list[str]) -> str | None:
    """Return what the command line would not know of these words."""
    verb, *rest = words
    if PLACEHOLDER.match(verb) or verb in {"x", "--help"}:
        return None
    if verb not in COMMANDS:
        return f"no command {verb!r}"
    command = typer.main.get_command(import_module(f"headgate.cli.{verb}").app)
    inner = getattr(command, "commands", None)
    if inner is not None and rest and "|" not in rest[0]:
        name, *rest = rest
        if name not in inner:
            return f"`{verb}` has no {name!r}"
        command = inner[name]
    known = {option for param in command.params for option in param.opts} | {"--help"}
    strange = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in known]
    return f"`{verb}` has no option {strange[0]!r}" if strange else None


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Links inside the repository name files that exist."""
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))

    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_is_one_that_can_be_typed(page: Path) -> None:
    """Verb and options of each `headgate …` are known to the command line."""
    found = [refused(words) for words in written_commands(page.read_text(encoding="utf-8"))]

    assert [trouble for trouble in found if trouble] == []


def test_every_command_is_on_a_page_that_a_person_wrote() -> None:
    """The list of commands is rendered; that a command is there says nothing of when to use it."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "commands.md")
    typed = {words[0] for words in written_commands(text)} | set(re.findall(r"(?:`|`make )([a-z]+)`", text))

    assert [] == [name for name in COMMANDS if name not in typed]


@pytest.mark.parametrize("words", [["promote"], ["pr", "approve", "1"], ["run", "--fast"]])
def test_a_command_that_cannot_be_typed_is_found(words: list[str]) -> None:
    """The search above finds what it looks for."""
    assert refused(words) is not None


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_python_block_is_python(page: Path) -> None:
    """It parses, at least."""
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        ast.parse(block)


def test_every_make_target_that_is_named_is_there() -> None:
    """In the docs and in `.ci/run`; `make help` lists each in a line."""
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join([*(page.read_text(encoding="utf-8") for page in PAGES), (ROOT / ".ci" / "run").read_text()])
    named = re.findall(r"(?:^|`)make ((?:[a-z-]+ ?)+?)(?:`|\s*#|\s*$)", text, re.MULTILINE)

    unknown = {word for words in named for word in words.split()} - targets

    assert unknown == set()
    assert {"install", "demo", "test"} <= {word for words in named for word in words.split()}


def test_a_page_that_quotes_what_nobody_writes_is_refused() -> None:
    """A block's name is one that `make render` knows."""
    with pytest.raises(PermanentError, match="quotes 'moon'"):
        filled("<!-- rendered: moon -->\n<!-- end -->", {"sun": ""})


def orders(path: Path) -> None:
    """Write the file that docs/own-data.md speaks of, with a label that can be learned."""
    random = np.random.default_rng(3)
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=20 * at) for at in range(4000)]
    amount = random.normal(size=4000)
    paid = random.random(4000) < 1 / (1 + np.exp(-2 * amount))
    pl.DataFrame({"at": times, "amount": amount, "paid": paid}).write_csv(path)


def test_own_data_ends_in_a_merged_pull_request_as_the_docs_say(tmp_path: Path) -> None:
    """The three commands of docs/own-data.md, typed in an empty folder, by somebody who never heard of telemetry."""
    orders(tmp_path / "orders.csv")
    block = SHELL.findall((ROOT / "docs" / "own-data.md").read_text(encoding="utf-8"))[0]

    for line in block.splitlines():
        command = [sys.executable, "-m", "headgate", *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=tmp_path, env=plain_env(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    assert "#1 merged by" in done.stdout


def test_the_verbs_by_hand_end_in_a_pull_request_as_the_docs_say(tmp_path: Path) -> None:
    """The first block of docs/by-hand.md, typed in a folder with a service."""
    orders(tmp_path / "orders.csv")
    block = SHELL.findall((ROOT / "docs" / "by-hand.md").read_text(encoding="utf-8"))[0]
    words = shlex.split("headgate init --data orders.csv --label paid --time at")

    for typed in [words, *map(shlex.split, block.splitlines())]:
        command = [sys.executable, "-m", "headgate", *typed[1:]]
        env = {**plain_env(), "HEADGATE_TRACKER": "files"}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"

    assert done.stdout.startswith("#1 ")


def test_every_variable_that_the_code_reads_is_listed() -> None:
    """A platform engineer finds them in one table."""
    read = {name for path in (ROOT / "src").rglob("*.py") for name in re.findall(r"HEADGATE_[A-Z_]+", path.read_text())}
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Environment variables")[2]

    assert [] == sorted(name for name in read if f"`{name}`" not in told)


def test_a_tracker_left_to_itself_would_be_caught(tmp_path: Path) -> None:
    """The control of the test above: MLflow on its own steps outside, so silence there means that it was told."""
    noted = tmp_path / "steps"
    alone = (
        "from mlflow.tracking import MlflowClient\n"
        f"client = MlflowClient(tracking_uri='sqlite:///{tmp_path}/mlflow.db')\n"
        "client.create_run(client.create_experiment('one'))\n"
    )
    told = {**plain_env(), "HEADGATE_TEST_STEPS_OUTSIDE": str(noted)}
    process = subprocess.Popen([sys.executable, "-c", alone], env=told, stderr=subprocess.DEVNULL)

    while process.poll() is None and not (noted.exists() and noted.read_text()):
        time.sleep(0.05)
    process.kill()
    process.wait()

    assert "mlflow-telemetry" in noted.read_text()


def plain_env() -> dict[str, str]:
    """Return an environment in which nothing tells a library to be silent: neither settings nor signs of a test."""
    kept = ("PATH", "HOME", "PYTHONPATH", "HEADGATE_TEST_STEPS_OUTSIDE")
    return {name: os.environ[name] for name in kept}
