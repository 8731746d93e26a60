"""The rules of tests/conftest.py bite."""

import re
import socket
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
ROOT = CONFTEST.parents[1]

REFUSED = {
    "skip": ("import pytest\ndef test_one(): pytest.skip('no time')", "skipped for 'no time'"),
    "module skip": ("import pytest\npytest.skip('no time', allow_module_level=True)", "skipped for 'no time'"),
    "warning": ("import warnings\ndef test_one(): warnings.warn('old')", "UserWarning: old"),
    "error in a thread": (
        """
import threading
def test_one():
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
""",
        "ZeroDivisionError",
    ),
    "file left open": ("def test_one(): open(__file__)", "unclosed file"),
    "connection": (
        """
import contextlib, socket
def test_one():
    with contextlib.suppress(OSError):
        socket.create_connection(("192.0.2.1", 80))
""",
        "a step outside this machine",
    ),
    "child that resolves": (
        """
import subprocess, sys
def test_one():
    subprocess.run([sys.executable, "-c", "import socket; socket.getaddrinfo('example.org', 80)"])
""",
        "a step outside this machine",
    ),
    "unknown marker": ("import pytest\n@pytest.mark.fulll\ndef test_one(): pass", "not found in `markers`"),
}
"""What a test does → what the run says as it fails."""

ORDINARY = """
import socket
def test_one():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        server.accept()[0].close()
"""


GROUPED = """
import os, pytest
@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(8))
def test_one(number):
    print("worker", os.environ["PYTEST_XDIST_WORKER"])
"""


def run(folder: Path, tests: dict[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    """Run tests, by the name of their module, under the project's conftest and options."""
    for name, test in tests.items():
        (folder / f"{name}.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    command += ["-p", "no:cacheprovider", "--confcutdir", str(folder), "-q", *options]
    command += [str(folder / f"{name}.py") for name in tests]
    (folder / "conftest.py").write_text(
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('house_rules', {str(CONFTEST)!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "globals().update({k: v for k, v in vars(module).items() if k.startswith(('pytest_', '_stays'))})\n"
    )
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what one run says of each test: nothing of one that is green."""
    folder = tmp_path_factory.mktemp("rules")
    tests = {f"test_{name.replace(' ', '_')}": test for name, (test, _) in REFUSED.items()} | {"test_green": ORDINARY}
    done = run(folder, tests, "--continue-on-collection-errors", "--junitxml=told.xml")
    assert done.returncode == 1, done.stdout
    cases = ET.parse(folder / "told.xml").iter("testcase")
    found = {(case.get("classname") or case.get("name") or ""): bad(case) for case in cases}
    assert found.keys() == tests.keys(), done.stdout
    return found


def bad(case: ET.Element) -> str:
    return "\n".join(f"{one.get('message')}\n{one.text}" for one in case if one.tag in {"failure", "error"})


@pytest.mark.parametrize("case", REFUSED)
def test_what_nobody_agreed_to_fails_the_run(told: dict[str, str], case: str) -> None:
    """A skip, a warning, a thread's error, a leak or a step outside: each is red."""
    assert REFUSED[case][1] in told[f"test_{case.replace(' ', '_')}"]


def test_an_ordinary_test_is_green(told: dict[str, str]) -> None:
    """The rules refuse nothing else, a loopback connection included."""
    assert told["test_green"] == ""


def test_a_group_of_tests_stays_on_one_worker(tmp_path: Path) -> None:
    """What they share, a demo of a minute for instance, is made once: pytest 9.2 with pytest-xdist 3.8 forgot."""
    done = run(tmp_path, {"test_one": GROUPED}, "-n", "2", "--dist", "loadgroup", "-rP")

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(set(re.findall(r"^worker (\w+)", done.stdout, re.MULTILINE))) == 1


def test_the_way_out_is_closed_here_too() -> None:
    """The process that runs the tests is held like those it starts."""
    from sitecustomize import stays_here  # noqa: PLC0415 - conftest puts it on the path

    with socket.socket() as one:
        one.close()

    assert [True, True, True, False, False] == [
        stays_here(host) for host in ("127.0.0.1", "::1", None, "192.0.2.1", b"example.org")
    ]
