"""What holds for every test: no way out of this machine, nobody's home, and no skip that nobody agreed to."""

import gc
import inspect
import os
import sys
import tempfile
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import certifi
import pytest
from hypothesis import settings

HERE = Path(__file__).parent
HOME = tempfile.TemporaryDirectory(prefix="headgate-tests-", ignore_cleanup_errors=True)
"""The run's own home, one a worker; gone at its end."""
STEPS_OUTSIDE = Path(HOME.name) / "steps-outside"

AUTHORITY = Path(HOME.name) / "authority.pem"
"""One of the world's authorities: reading all of them costs every client 20 ms, and no test meets any."""
AUTHORITY.write_text(certifi.contents().partition("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n")

FOREIGN = ("HEADGATE_", "MLFLOW_", "GIT_", "OTEL_")
for variable in [variable for variable in os.environ if variable.startswith(FOREIGN)]:
    del os.environ[variable]
os.environ |= {
    "HOME": HOME.name,
    "XDG_CACHE_HOME": f"{HOME.name}/cache",
    "XDG_CONFIG_HOME": f"{HOME.name}/config",
    "GIT_CONFIG_NOSYSTEM": "1",
    "SSL_CERT_FILE": str(AUTHORITY),
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PYTHONPATH": str(HERE / "loopback"),
    "HEADGATE_TEST_STEPS_OUTSIDE": str(STEPS_OUTSIDE),
}
sys.path.append(str(HERE / "loopback"))
import sitecustomize  # noqa: E402, F401 - importing it is what closes the way out

settings.register_profile("here", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("here"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

AGREED_SKIPS = {
    line for line in (HERE / "skips.txt").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"
}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Look for doctests in src only: what stands beside a test may be a program, or a world to test in."""
    beside = collection_path.suffix == ".py" and not collection_path.name.startswith("test_")
    return True if beside and collection_path.is_relative_to(HERE) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their file on one worker: its server is started once, not once a worker."""
    for item in items:
        made = item._fixtureinfo.name2fixturedefs.values() if isinstance(item, pytest.Function) else ()
        shared = any(one.scope == "module" for each in made for one in each)
        if shared and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector rest while everything is read in: that stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_collection_finish() -> None:
    """Let KFP name its callers without their source.

    It looks for the lines of the whole stack at every setting, among all the modules that a run of all tests has.
    """
    if task := sys.modules.get("kfp.dsl.pipeline_task"):
        task.inspect = SimpleNamespace(stack=partial(inspect.stack, 0))  # type: ignore[attr-defined]


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip whose reason is not in skips.txt into a failure."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
    if reason not in AGREED_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"skipped for {reason!r}, which is no line of tests/skips.txt"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    """Fail the test during which a process of ours tried to leave this machine, even if it swallowed the refusal."""
    yield
    if STEPS_OUTSIDE.exists():
        found = STEPS_OUTSIDE.read_text(encoding="utf-8")
        STEPS_OUTSIDE.unlink()
        pytest.fail(f"a step outside this machine:\n{found}", pytrace=False)
