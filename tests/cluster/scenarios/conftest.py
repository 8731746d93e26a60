"""One cluster, one ring on it, for every scenario; what they measured goes into e2e.json."""

import json
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from cluster import images
from cluster.live import Cluster
from cluster.pins import programs
from cluster.scenarios.ring.install import MODELS, ROOT, Installed, deploy_receiver, install
from cluster.scenarios.ring.journey import at_rest, healthy, model_of, through_git
from cluster.scenarios.ring.people import flights_image
from cluster.scenarios.ring.waiting import wait
from cluster.up import up
from headgate.specs.environment import Version
from headgate.specs.reading import parse

Measured = dict[str, object]
MEASURED = pytest.StashKey[Measured]()
SCENARIOS: list[dict[str, object]] = []
BEGAN = time.monotonic()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The control plane that runs here, with this checkout's image."""
    up()
    return Cluster.load()


@pytest.fixture(scope="session")
def ring(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Headgate as a platform engineer installs it."""
    images.load(cluster.site, flights_image())
    folder: Path = tmp_path_factory.mktemp("repositories") / "env"
    installed = install(cluster, "flights", folder)
    deploy_receiver(installed)
    return installed


@pytest.fixture(scope="session")
def live(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The model that is live: on a new cluster the first one, through the ring."""
    folder = tmp_path_factory.mktemp("checkouts")
    if not any(tag.startswith("live/prod/") for tag in ring.gitea.tags("env")):
        _, pull = through_git(ring, folder / "flights", "2013-04-01")
        ring.gitea.merge("env", pull["number"])
        model = model_of(pull)
        wait(lambda: healthy(ring, model), f"{model} to be live", 300, partial(ring.cluster.look, MODELS))
        wait(lambda: f"live/prod/{ring.service}/1" in ring.gitea.tags("env"), "the first live tag", 60)
    at_rest(ring)
    version = ring.gitea.checkout("env", folder / "env") / "env" / "prod" / ring.service / "version.yaml"
    return parse(version.read_text(), Version, version.name).model.sha256[:12]


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Numbers that a scenario reports beside having passed."""
    made: Measured = request.node.stash.setdefault(MEASURED, {})
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep each scenario's outcome; a skipped one has failed."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        SCENARIOS.append(
            {
                "name": item.name.removeprefix("test_").replace("_", " "),
                "passed": report.outcome == "passed",
                "seconds": round(report.duration, 1),
                "measured": item.stash.get(MEASURED, {}),
            }
        )
    return report


def pytest_sessionfinish() -> None:
    """Write e2e.json at the repository's root."""
    versions = {name: one.version for name, one in programs().items()}
    seconds = round(time.monotonic() - BEGAN, 1)
    document = {"scenarios": SCENARIOS, "versions": versions, "seconds": seconds}
    (ROOT / "e2e.json").write_text(json.dumps(document, indent=1) + "\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line for each scenario."""
    for one in SCENARIOS:
        terminalreporter.write_line(
            f"{'passed' if one['passed'] else 'FAILED'}  {one['seconds']:>7} s  {one['name']}  {one['measured']}"
        )
