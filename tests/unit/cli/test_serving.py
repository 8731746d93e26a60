"""`headgate serve` read without typer: the same words as typer reads, or typer is asked."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.cli.serve import app
from headgate.cli.serving import OPTIONS, plain

COMMAND = typer.main.get_command(app)
ROOT = Path(__file__).parents[3]
CHARTS = ("fastapi-shadow", "fastapi-traefik")
NEEDED = ["--model", "m", "--sha256", "ab", "--service-file", "s.yaml"]
ODD = [
    *["0", "1", "-1", "0.5", "1.0", "1e3", "1_0", "nan", "inf", "true", "null", "None", "-", "--port", "ü", "a=b"],
    "",
    " 7",
    "x y",
]
STRANGE = ["--help", "--no-log-requests", "--port=1", "--por"]
LINES = st.lists(st.sampled_from([*OPTIONS, *STRANGE, *ODD]), max_size=4) | st.lists(
    st.tuples(st.sampled_from(sorted(OPTIONS.keys() - NEEDED)), st.sampled_from(ODD)), max_size=3
).map(lambda pairs: [word for option, value in pairs for word in spelled(option, value)])


def spelled(option: str, value: str) -> list[str]:
    """Return an option as people and manifests write it."""
    return [option] if is_flag(option) else [option, value] if len(value) % 2 else [f"{option}={value}"]


def is_flag(option: str) -> bool:
    """Say whether an option takes no value."""
    return OPTIONS[option].type is bool


def by_typer(line: list[str]) -> dict[str, Any]:
    """Return what typer reads of a line."""
    return COMMAND.make_context("serve", list(line)).params


def test_both_know_the_same_options_and_defaults() -> None:
    """An option that is added to one only is missed here."""
    known = {param.opts[0]: (param.name, param.required) for param in COMMAND.params}

    found = {option: (field.name, field.required) for option, field in OPTIONS.items()}

    assert found == known
    assert by_typer(NEEDED) == msgspec.structs.asdict(plain(NEEDED))  # type: ignore[arg-type]


def test_a_manifests_line_is_plain() -> None:
    """Every option with a value of its kind."""
    values = {"int": "3", "float": "0.5", "bool": ""}
    line = []
    for option, field in OPTIONS.items():
        kind = next((kind for kind in values if kind in str(field.type)), "str")
        line += [option] if kind == "bool" else [option, values.get(kind, "some")]

    found = plain(line)

    assert found is not None
    assert by_typer(line) == msgspec.structs.asdict(found)


@pytest.mark.parametrize("file", ["serving/runtime.yaml", *(f"tests/golden/chart/{name}.yaml" for name in CHARTS)])
def test_what_pods_are_started_with_is_plain(file: str) -> None:
    """Every pod is spared typer."""
    text = (ROOT / file).read_text()
    lines = [arguments(found) for found in re.findall(r"args:\n((?: +- .*\n)+)", text) if "--service-file" in found]

    assert lines
    assert all(plain([*NEEDED[2:4], *line] if "--sha256" not in " ".join(line) else line) for line in lines)


def arguments(text: str) -> list[str]:
    """Return the arguments of a container but the command's name."""
    return [word for word in yaml.safe_load(text) if word != "serve"]


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_what_is_read_without_typer_is_what_typer_reads(line: list[str]) -> None:
    """Whatever is typed: the same values, or none, and then typer says what is wrong with it."""
    found = plain([*NEEDED, *line])

    assert found is None or msgspec.structs.asdict(found) == by_typer([*NEEDED, *line])


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["--help"],
        NEEDED[2:],
        [*NEEDED, "--port"],
        [*NEEDED, "--port", "many"],
        [*NEEDED, "--port="],
        [*NEEDED, "--log-requests=true"],
        [*NEEDED, "--shadow-share", "2"],
        [*NEEDED, "--sha256", "cd"],
        [*NEEDED, "--log-dir", "--port"],
        [*NEEDED, "more"],
    ],
)
def test_anything_else_is_left_to_typer(line: list[str]) -> None:
    """Help, mistakes and other spellings are told in one voice."""
    assert plain(line) is None


def test_a_mistake_is_told_as_every_other_commands() -> None:
    """By the console script's own entry."""
    code = "import sys; from headgate.cli import main; sys.argv[:] = ['headgate', 'serve', '--port', 'many']; main()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "next: headgate serve --help" in done.stderr
