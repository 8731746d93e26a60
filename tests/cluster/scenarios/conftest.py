"""One cluster, one ring on it, for every scenario; what they measured goes into e2e.json."""

import json
import os
import time
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pytest

from cluster import images
from cluster.live import Cluster
from cluster.pins import programs
from cluster.scenarios.ring.forge import git
from cluster.scenarios.ring.install import MODELS, ROOT, Installed, deploy_receiver, install
from cluster.scenarios.ring.journey import at_rest, healthy, lives, model_of, through_git
from cluster.scenarios.ring.people import flights_image
from cluster.scenarios.ring.summary import Scenario, document, table
from cluster.scenarios.ring.waiting import wait
from cluster.site import Site
from cluster.theirs import CONTEXT, theirs
from cluster.up import up
from headgate.specs.environment import Version
from headgate.specs.reading import parse

Measured = dict[str, object]
WHOLE = "whole"
"""What `make e2e` asks for by HEADGATE_E2E; others ask for a part by its name."""
SCENARIOS: dict[str, Scenario] = {}
BEGAN = time.monotonic()


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark by which some are left out."""
    config.addinivalue_line("markers", "kills: ends processes of the control plane; not on a person's own cluster")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the whole way from push to live, and leave out what a person's own cluster is spared."""
    items.sort(key=lambda item: item.path.name != "test_push_to_live.py")
    if os.environ.get(CONTEXT):
        items[:] = [item for item in items if not any(item.iter_markers(name="kills"))]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The control plane that runs here, with this checkout's images; or a person's own, which must have them."""
    if context := os.environ.get(CONTEXT):
        with theirs(context) as site:
            yield Cluster(site)
    else:
        up()
        images.load(Site.load(), flights_image())
        yield Cluster.load()


@pytest.fixture(scope="session")
def ring(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Headgate as a platform engineer installs it."""
    folder: Path = tmp_path_factory.mktemp("repositories") / "env"
    installed = install(cluster, "flights", folder)
    deploy_receiver(installed)
    if lives(installed, installed.service):
        at_rest(installed)
    return installed


@pytest.fixture(scope="session")
def begun(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A model is live: on a new cluster the first one, through the ring."""
    if not lives(ring, ring.service):
        _, pull = through_git(ring, tmp_path_factory.mktemp("checkouts") / "flights", "2013-04-01")
        ring.gitea.merge("env", pull["number"])
        model = model_of(pull)
        wait(lambda: healthy(ring, model), f"{model} to be live", 300, partial(ring.cluster.look, MODELS))
        wait(lambda: f"live/prod/{ring.service}/1" in ring.gitea.tags("env"), "the first live tag", 60)


@pytest.fixture
def live(ring: Installed, begun: None, tmp_path: Path) -> str:
    """The model that is live as a scenario begins."""
    version = ring.gitea.checkout("env", tmp_path / "named") / "env" / "prod" / ring.service / "version.yaml"
    return parse(version.read_text(), Version, version.name).model.sha256[:12]


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Numbers that a scenario reports beside having passed."""
    return scenario(request.node).measured


def scenario(item: pytest.Item) -> Scenario:
    return SCENARIOS.setdefault(item.nodeid, Scenario(item.name.removeprefix("test_").replace("_", " ")))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep how each scenario ended."""
    report = yield
    scenario(item).add(report.outcome, report.duration)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write e2e.json, or e2e-<part>.json, at the repository's root; fail where a scenario was skipped."""
    if not SCENARIOS:
        return
    versions = {name: one.version for name, one in programs().items()}
    commit = git(ROOT, "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*").strip()
    told = document(list(SCENARIOS.values()), versions, time.monotonic() - BEGAN, commit)
    part = os.environ.get("HEADGATE_E2E", "")
    (ROOT / ("e2e.json" if part == WHOLE else f"e2e-{part}.json")).write_text(json.dumps(told, indent=1) + "\n")
    if session.exitstatus == pytest.ExitCode.OK and not all(one.passed for one in SCENARIOS.values()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    terminalreporter.section("scenarios")
    for line in table(list(SCENARIOS.values())):
        terminalreporter.write_line(line)
