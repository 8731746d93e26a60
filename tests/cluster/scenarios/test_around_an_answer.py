"""What surrounds an answer, in real pods: a file scored by several, gRPC, a shadow, an image of the owner's own."""

import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from tritonclient import grpc  # type: ignore[import-untyped]

from cluster.scenarios.ring import own_image
from cluster.scenarios.ring.canaries import answers_of, steps_of
from cluster.scenarios.ring.environments import code_repo
from cluster.scenarios.ring.forge import git
from cluster.scenarios.ring.install import IMAGE, MODELS, RUNS, Installed
from cluster.scenarios.ring.journey import lives, model_of
from cluster.scenarios.ring.measuring import LOGGED, Measured, phase
from cluster.scenarios.ring.small import QUICK, ROW, ROWS, SECOND, Small, a_row, pushed
from cluster.scenarios.ring.traffic import failed
from cluster.scenarios.ring.waiting import wait
from fakes.predictor import answering
from headgate.records.codec import decode
from headgate.records.comparison import ShadowReport
from headgate.specs.environment import Version
from headgate.specs.reading import parse
from ring.pumps.pumps.data import rows

SERVING = QUICK + LOGGED + "resources: {cpu: 50m, memory: 512Mi}\ngrpc_port: 9000\nlog_requests: true\n"
OWN = "predictor: {port: 8000, cpu: 50m, memory: 256Mi}\n"
SHARES = 3
WEEK, WEEK_ROWS = datetime(2020, 4, 2, tzinfo=UTC), 280
FEATURES = (ROW["pressure"], ROW["heat"], 1)
"""The one row as its model gets it: light is the second of three oils."""
FILES = "headgate-files"


@pytest.fixture(scope="module")
def env(ring: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the env repo."""
    return ring.gitea.checkout("env", tmp_path_factory.mktemp("checkouts") / "env")


@pytest.fixture(scope="module")
def dials(ring: Installed, env: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """A live service that listens for gRPC and says each request; nothing of it stays."""
    own = Small(ring, f"dials-{secrets.token_hex(2)}", tmp_path_factory.mktemp("code") / "dials")
    with ExitStack() as stack:
        pushed(ring, env, own.files(serving=SERVING), f"Begin {own.name}")
        own.code()
        code_repo(own)
        stack.callback(own.end, env)
        own.first()
        yield own


@pytest.fixture
def files(ring: Installed, tmp_path: Path) -> Iterator[Path]:
    """A folder of this machine that pods of the runs' namespace mount."""
    folder = tmp_path / "files"
    folder.mkdir()
    folder.chmod(0o777)
    claim, space = {"name": FILES, "namespace": RUNS}, {"storage": "1Gi"}
    both = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    volume = both | {"capacity": space, "hostPath": {"path": str(folder)}, "claimRef": claim}
    wanted = both | {"volumeName": FILES, "resources": {"requests": space}}
    ring.cluster.apply(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": FILES}, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": claim, "spec": wanted},
    )
    yield folder
    ring.cluster.kubectl("-n", RUNS, "delete", "pvc", FILES, "--wait=false")
    ring.cluster.kubectl("delete", "pv", FILES, "--wait=false")


@pytest.mark.timeout(600)
def test_a_file_is_scored_by_pods_as_by_one_process(
    dials: Small, files: Path, tmp_path: Path, measured: dict[str, object]
) -> None:
    """WorkflowTemplate headgate-score: shares in pods of their own, and the bytes that one process writes."""
    rows().drop("leaks").write_parquet(files / "days.parquet")
    name = f"score-{dials.name}"

    dials.ring.cluster.apply(scoring(dials, name))
    ended = partial(phase, dials.ring, name)
    look = partial(dials.ring.cluster.look, RUNS)
    wait(lambda: ended() in {"Succeeded", "Failed", "Error"}, f"{name} to end", 300, look)

    run = dials.ring.cluster.get("-n", RUNS, "workflow", name)
    scored = [node for node in run["status"]["nodes"].values() if node.get("templateName") == "score"]
    pods = {node["id"] for node in scored if node["type"] == "Pod"}
    dials.headgate("score", "-e", "prod", str(files / "days.parquet"), str(tmp_path / "alone.parquet"))
    measured |= {"shares": len(pods), "seconds": seconds(run)}
    assert "Succeeded" == ended(), look()
    assert SHARES == len(pods)
    assert (tmp_path / "alone.parquet").read_bytes() == (files / "scores" / "days.parquet").read_bytes()


@pytest.mark.timeout(600)
def test_a_shadow_answers_nobody_and_is_compared(dials: Small, env: Path, measured: dict[str, object]) -> None:
    """By a line of serving.yaml, as a canary; then over gRPC the same answer as over HTTP, and each request is said."""
    pull = dials.proposed(SECOND)
    champion, second = version(dials, env, "main"), version(dials, env, pull["head"]["ref"])
    shadow = {"storageUri": second.storage_uri, "sha256": second.model.sha256, "share": 1.0}
    settings = {f"env/prod/{dials.name}/serving.yaml": SERVING + yaml.safe_dump({"shadow": shadow})}
    traffic = answers_of(dials)

    with traffic.flowing():
        pushed(dials.ring, env, settings, "Show requests to a second model")
        steps_of(dials)
        wait(lambda: dials.is_live(2), "the second live tag", 60)
    Measured(dials).ask(WEEK)
    report = wait(lambda: compared(dials), "a week of pairs in the store", 60, partial(dials.ring.cluster.look, MODELS))

    measured |= {"requests": len(traffic.answers), "failed": len(failed(traffic.answers)), "pairs": report.rows}
    [pod] = pods(dials)
    lines = dials.ring.cluster.kubectl("-n", dials.space, "logs", pod["metadata"]["name"], "-c", "kserve-container")
    assert [] == failed(traffic.answers)[:5]
    assert {champion.model.sha256[:12]} == {one.model for one in traffic.answers}
    assert (champion.model.sha256, second.model.sha256) == (report.champion, report.shadow)
    assert all(one.low <= one.value <= one.high for one in report.differences)
    assert over_http(dials) == pytest.approx(over_grpc(dials, pod["status"]["podIP"]), abs=1e-12)
    assert any(json.loads(line)["path"].endswith("/infer") for line in lines.splitlines() if line.startswith("{"))


@pytest.mark.timeout(600)
def test_an_image_of_the_owners_own_goes_live(dials: Small, env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained against a server beside training, pinned by digest, run beside ours, and its numbers are answered."""
    image = own_image.brought(dials.ring.cluster.site)
    own_image.taught(dials.folder, image)
    with answering() as beside:
        monkeypatch.setenv("HEADGATE_PREDICTOR", beside.address)
        pull = dials.proposed(SECOND)
        expected = float(beside.predicted(np.array([FEATURES]))[0])
    settings = f"env/prod/{dials.name}/serving.yaml"
    text = (dials.ring.gitea.checkout("env", env) / settings).read_text()
    pushed(dials.ring, env, {settings: text + OWN}, "How the owner's predictor will be run: no pod changes yet")
    number = lives(dials.ring, dials.name)
    traffic = answers_of(dials)

    with traffic.flowing():
        dials.ring.gitea.merge("env", pull["number"])
        steps_of(dials)
        wait(lambda: dials.is_live(number + 1), "the owner's own model to be live", 60)

    [pod] = pods(dials)
    assert [image] == [one["image"] for one in pod["spec"]["initContainers"] if one["name"] == "predictor"]
    assert image == version(dials, env, "main").model.predictor
    assert [] == failed(traffic.answers)[:5]
    assert model_of(pull) == traffic.answers[-1].model
    assert over_http(dials) == pytest.approx(expected, abs=1e-6)


def scoring(own: Small, name: str) -> dict[str, Any]:
    """Return the Workflow that a person submits."""
    given = {
        "service": own.name,
        "environment": "prod",
        "repo": own.ring.gitea.inside(own.name),
        "revision": git(own.folder, "rev-parse", "HEAD").strip(),
        "image": IMAGE,
        "memory": "512Mi",
        "input": "days.parquet",
        "output": "scores/days.parquet",
        "partitions": str(SHARES),
        "part-rows": "1000",
    }
    arguments = {"parameters": [{"name": key, "value": value} for key, value in given.items()]}
    spec = {"workflowTemplateRef": {"name": "headgate-score"}, "arguments": arguments}
    meta = {"name": name, "namespace": RUNS}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": meta, "spec": spec}


def seconds(run: dict[str, Any]) -> float:
    """Return how long a Workflow took."""
    began, ended = (datetime.fromisoformat(run["status"][key]) for key in ("startedAt", "finishedAt"))
    return (ended - began).total_seconds()


def version(own: Small, env: Path, branch: str) -> Version:
    """Return what a branch of the env repo names."""
    git(env, "fetch", "--quiet", own.ring.gitea.url("env"), branch)
    text = git(env, "show", f"FETCH_HEAD:env/prod/{own.name}/version.yaml")
    return parse(text, Version, "version.yaml")


def compared(own: Small) -> ShadowReport | None:
    """Return what became of a week of pairs, None while they are not all in the store."""
    told = own.folder / "shadow.json"
    own.headgate("shadow", "-e", "prod", "--out", str(told), fine=(0, 1))
    found = decode(told.read_bytes(), ShadowReport) if told.exists() else None
    return found if found and found.rows >= WEEK_ROWS else None


def pods(own: Small) -> list[dict[str, Any]]:
    """Return the pods that answer now."""
    current = own.status()["currentPodHash"]
    chosen = f"rollouts-pod-template-hash={current}"
    found = own.ring.cluster.get("-n", own.space, "pods", "-l", chosen)["items"]
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def over_http(own: Small) -> float:
    """Return the answer to the one row."""
    router = own.ring.cluster.url("traefik")
    answer = httpx.post(f"{router}{own.path}", content=a_row(), headers={"Host": own.host}, timeout=10)
    return float(answer.raise_for_status().json()["outputs"][0]["data"][0])


def over_grpc(own: Small, address: str) -> float:
    """Return the answer to the same row from a pod's other door."""
    client = grpc.InferenceServerClient(f"{address}:9000")
    inputs = []
    for name, kind in ROWS.items():
        inputs.append(grpc.InferInput(name, [1], kind))
        inputs[-1].set_data_from_numpy(np.array([ROW[name]], object if kind == "BYTES" else np.float64))
    answer = client.infer(own.name, inputs)
    [output] = answer.get_response().outputs
    return float(answer.as_numpy(output.name)[0])
