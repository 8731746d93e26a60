"""Without KServe, or with another chart or runtime: the same canary and abort, and the blame where it belongs."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from cluster.scenarios.ring.canaries import answers_of, failing, split, steps_of, told_by
from cluster.scenarios.ring.install import MODELS, ROOT, Installed
from cluster.scenarios.ring.journey import model_of
from cluster.scenarios.ring.small import APP, FEW, QUICK, SECOND, Small, pushed
from cluster.scenarios.ring.traffic import failed
from cluster.scenarios.ring.waiting import wait

FASTAPI = "chart: 0.1.0\nruntime: dev\nmode: fastapi\n"
CHART = "0.1.1"
SERVING = QUICK.replace("PT6S", "PT9S") + FEW + "log_answers: false\n"
"""Nobody sends answers on: that container's image is the runtime's, and the runtimes here are made up."""
LEAST_REQUESTS = 300
MOST_SECONDS_TO_REVERT = 10


@pytest.fixture(scope="module")
def env(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the env repo."""
    return ring.gitea.checkout("env", tmp_path_factory.mktemp("checkouts") / "env")


@pytest.fixture(scope="module")
def services(ring: Installed, env: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Small, Small]]:
    """Two live services of this module's own, one in mode fastapi, one by KServe; nothing of them stays."""
    mark = secrets.token_hex(2)
    fans, grids = (Small(ring, f"{name}-{mark}", tmp_path_factory.mktemp("code") / name) for name in ("fans", "grids"))
    with ExitStack() as stack:
        files = fans.files(FASTAPI, SERVING) | grids.files(serving=SERVING)
        pushed(ring, env, files, f"Begin {fans.name} and {grids.name}")
        for own in (fans, grids):
            own.code()
            stack.callback(own.end, env)
            own.first()
        yield fans, grids


def hashes(own: Small) -> str:
    return str(own.status()["currentPodHash"])


@pytest.mark.timeout(900)
def test_a_model_goes_live_without_kserve(
    ring: Installed, services: tuple[Small, Small], measured: dict[str, object]
) -> None:
    """Mode fastapi: a better model takes over by its weights, no request fails, and there is no InferenceService."""
    fans, _ = services
    pull = fans.proposed(SECOND)
    traffic = answers_of(fans)

    with traffic.flowing():
        ring.gitea.merge("env", pull["number"])
        steps = steps_of(fans)
        wait(lambda: fans.is_live(2), "the second live tag", 60)

    found = split(traffic, steps, model_of(pull))
    measured |= {
        "split_percent": {percent: round(value, 1) for percent, (_, value) in found.items()},
        "requests": len(traffic.answers),
        "failed": len(failed(traffic.answers)),
    }
    carriers = ring.cluster.get("-n", MODELS, "inferenceservices")["items"]
    assert [] == failed(traffic.answers)[:5]
    assert fans.name not in [one["metadata"]["name"] for one in carriers]
    for percent, (requests, value) in found.items():
        assert requests >= LEAST_REQUESTS
        assert abs(value - percent) <= 3


@pytest.mark.timeout(900)
def test_a_failing_canary_without_kserve_is_reverted(
    ring: Installed, services: tuple[Small, Small], env: Path, measured: dict[str, object]
) -> None:
    """Mode fastapi: settings that spoil half of the answers are aborted, reverted and banned with the model."""
    fans, _ = services
    here = f"env/prod/{fans.name}"
    spoiled = {f"{here}/serving.yaml": SERVING + "faults: {fail_share: 0.5}\n"}

    found = failing(fans, lambda: pushed(ring, env, spoiled, "Spoil"))

    ring.gitea.checkout("env", env)
    measured |= {"abort_to_revert_seconds": found.seconds, "spoiled_requests": found.spoiled}
    assert found.seconds <= MOST_SECONDS_TO_REVERT
    assert ["bans.yaml", "serving.yaml"] == found.files
    assert SERVING == (env / here / "serving.yaml").read_text()
    assert [] == found.later[:5]


@pytest.mark.timeout(900)
def test_a_chart_that_fails_is_blamed_alone(
    ring: Installed, services: tuple[Small, Small], env: Path, measured: dict[str, object]
) -> None:
    """Another chart version is a canary of that service alone; failing, it is undone in app.yaml, and bans no model."""
    fans, grids = services
    others, here = hashes(grids), f"env/prod/{fans.name}"
    ring.gitea.checkout("env", env)
    bans = (env / here / "bans.yaml").read_text()

    found = failing(
        fans, lambda: pushed(ring, env, a_bad_chart() | app(here, "chart: 0.1.0", f"chart: {CHART}"), "Chart")
    )

    ring.gitea.checkout("env", env)
    shutil.rmtree(env / "charts" / "headgate-service" / CHART)
    ring.gitea.push(env, "env", "Take the chart away")
    measured |= {"abort_to_revert_seconds": found.seconds, "spoiled_requests": found.spoiled}
    assert ["app.yaml"] == found.files
    assert (FASTAPI, bans) == tuple((env / here / file).read_text() for file in ("app.yaml", "bans.yaml"))
    assert f"{CHART}/dev/fastapi" == told_by(ring, found.tag).revision.chart
    assert others == hashes(grids)
    assert [] == found.later[:5]


@pytest.mark.timeout(900)
def test_a_runtime_changes_one_service_and_is_blamed_alone(
    ring: Installed, services: tuple[Small, Small], env: Path, measured: dict[str, object]
) -> None:
    """By KServe: a good runtime takes over under a canary, a bad one is undone in app.yaml; the other service stays."""
    fans, grids = services
    others, here = hashes(fans), f"env/prod/{grids.name}"
    good, bad = (f"0.1.{number}-{secrets.token_hex(2)}" for number in (1, 2))
    runtime(ring, good, "--threads=1")
    runtime(ring, bad, "--fail-share=0.5")
    traffic = answers_of(grids)

    with traffic.flowing():
        pushed(ring, env, app(here, "runtime: 0.1.0", f"runtime: {good}"), "A better runtime")
        steps_of(grids)
        wait(lambda: grids.is_live(2), "the second live tag", 60)
    found = failing(grids, lambda: pushed(ring, env, app(here, "runtime: 0.1.0", f"runtime: {bad}"), "A worse one"))

    ring.gitea.checkout("env", env)
    measured |= {
        "requests": len(traffic.answers),
        "abort_to_revert_seconds": found.seconds,
        "spoiled_requests": found.spoiled,
    }
    assert [] == failed(traffic.answers)[:5]
    assert ["app.yaml"] == found.files
    assert f"runtime: {good}\n" in (env / here / "app.yaml").read_text()
    assert "bans: []\n" in (env / here / "bans.yaml").read_text()
    assert f"0.1.0/{bad}" == told_by(ring, found.tag).revision.chart
    assert others == hashes(fans)
    assert [] == found.later[:5]


def app(here: str, was: str, now: str) -> dict[str, str]:
    """Return an app.yaml that names another version."""
    text = FASTAPI if was in FASTAPI and "fans" in here else APP
    return {f"{here}/app.yaml": text.replace(was, now)}


def a_bad_chart() -> dict[str, str]:
    """Return the chart as another version, whose pods spoil half of their answers."""
    source, place = ROOT / "charts" / "headgate-service", f"charts/headgate-service/{CHART}"
    files = {f"{place}/{file.relative_to(source)}": file.read_text() for file in source.rglob("*") if file.is_file()}
    pods, about = f"{place}/templates/_pod.tpl", f"{place}/Chart.yaml"
    files[about] = files[about].replace("version: 0.1.0\n", f"version: {CHART}\n", 1)
    spoilt = files[pods].replace("- --threads=", "- --fail-share=0.5\n- --threads=")
    assert spoilt != files[pods]
    return files | {pods: spoilt}


def runtime(ring: Installed, version: str, argument: str) -> None:
    """Install the runtime under another version, with one argument more."""
    made = ring.cluster.get("-n", MODELS, "servingruntime", "headgate-0.1.0")
    made["spec"]["containers"][0]["args"].append(argument)
    meta = {"name": f"headgate-{version}", "namespace": MODELS, "labels": made["metadata"]["labels"]}
    text = yaml.safe_dump(
        {"apiVersion": made["apiVersion"], "kind": made["kind"], "metadata": meta, "spec": made["spec"]}
    )
    ring.cluster.kubectl("apply", "-f", "-", stdin=text)
