"""What the chart makes: objects that their APIs would take, and that keep to what a canary here rests on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.cli.charting import GOLDEN, goldens
from headgate.desired import chart, settings_digest
from headgate.names import Digest
from headgate.receive.marks import bears
from headgate.records.cluster import MARKS, Marks
from headgate.records.live import Revision
from headgate.specs.environment import App, Serving, Version
from headgate.specs.reading import read
from manifests.validating import problems
from unit.chart.rendering import NAMES, PROFILES, ROOT, Manifest, edited, helm, objects, one, rendered

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

KSERVE = [name for name in NAMES if name.startswith("kserve")]
FOREIGN = {"serving.kserve.io/inferenceservice", "component"}
"""KServe deletes what bears both and is not its own."""


def walk(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key and value of a manifest."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield key, value
            yield from walk(value)
    elif isinstance(part, list):
        for inner in part:
            yield from walk(inner)


def canary(profile: str) -> dict[str, Any]:
    found: dict[str, Any] = one(objects(profile), "Rollout")["spec"]["strategy"]["canary"]
    return found


def pods(manifests: tuple[Manifest, ...] | list[Manifest]) -> Iterator[dict[str, Any]]:
    """Yield the specs of all pods that the objects would make, but those that KServe makes."""
    for manifest in manifests:
        if manifest["kind"] == "Pod":
            yield manifest["spec"]
        if manifest["kind"] == "Rollout" and "template" in manifest["spec"]:
            yield manifest["spec"]["template"]["spec"]


@pytest.mark.parametrize("profile", NAMES)
def test_every_object_is_one_that_its_api_takes(profile: str) -> None:
    """By the schemas of those who serve them, which refuse what they do not name."""
    found = [problem for manifest in objects(profile) for problem in problems(manifest)]

    assert found == []


@pytest.mark.parametrize("file", ["runtime.yaml", "storage-container.yaml"])
def test_what_a_platform_installs_is_what_kserve_takes(file: str) -> None:
    """The runtime and the storage container are applied as they are."""
    manifest = yaml.safe_load((ROOT / "serving" / file).read_text())

    assert list(problems(manifest)) == []


def test_a_field_that_no_schema_names_is_a_problem() -> None:
    """The check itself bites."""
    manifest = yaml.safe_load((ROOT / "serving" / "runtime.yaml").read_text())
    manifest["spec"]["containers"][0]["comand"] = ["headgate"]

    assert "'comand' was unexpected" in "".join(problems(manifest))


@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_renders_as_it_did(profile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of what is rendered is seen in review; `make render` writes these anew."""
    monkeypatch.setenv("PATH", str(Path(helm()).parent), prepend=":")

    fresh = goldens(ROOT)[f"{GOLDEN}/{profile}.yaml"]

    assert fresh == (ROOT / GOLDEN / f"{profile}.yaml").read_text()


@pytest.mark.parametrize("profile", NAMES)
def test_nothing_bears_the_labels_by_which_kserve_deletes(profile: str) -> None:
    """Nor the chart's version, which would be a new pod template with every new chart."""
    for manifest in objects(profile):
        labels = manifest["metadata"].get("labels", {})

        assert not FOREIGN & labels.keys()
        assert "helm.sh/chart" not in labels


@pytest.mark.parametrize("profile", NAMES)
def test_nothing_takes_over_unjudged(profile: str) -> None:
    """No rollback window, no last step to 100, an analysis after each weight, and one beside all of them."""
    plan = canary(profile)
    rollout = one(objects(profile), "Rollout")["spec"]

    kinds = [next(iter(step)) for step in plan["steps"]]
    weights = [step["setWeight"] for step in plan["steps"] if "setWeight" in step]
    assert "rollbackWindow" not in dict(walk(rollout))
    assert kinds[0] == "setWeight"
    assert kinds[-1] == "analysis"
    assert kinds.count("setWeight") == kinds.count("analysis") == len(weights)
    assert max(weights) < 100
    assert plan["analysis"]["templates"] == [{"templateName": "flights-watch"}]
    assert rollout["progressDeadlineAbort"] is True


@pytest.mark.parametrize("profile", KSERVE)
def test_kserve_only_carries_the_template(profile: str) -> None:
    """Its Deployment stays at 0, no Ingress is made, and none of its own canaries is asked for."""
    service = one(objects(profile), "InferenceService")
    rollout = one(objects(profile), "Rollout")["spec"]
    predictor = service["spec"]["predictor"]

    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert predictor["minReplicas"] == 0
    assert not {"name", "canaryTrafficPercent", "canary"} & {*predictor, *service["spec"]}
    assert rollout["workloadRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "flights-predictor",
        "scaleDown": "never",
    }
    assert "template" not in rollout


def test_another_model_changes_its_digest_in_the_pod_and_nothing_else(tmp_path: Path) -> None:
    """Labels and annotations of an InferenceService reach the pods: a run's id there would be a canary of its own."""
    other = "f" * 64
    version = {
        "storageUri": f"models/flights/{other}",
        "model": {"name": "flights", "version": "2013-06-01-ffffffffffff", "sha256": other},
        "summary": "another",
        "run": "ct-flights-1",
        "commit": "a" * 40,
    }
    before = one(objects("kserve-traefik"), "InferenceService")

    after = one(rendered(edited(tmp_path, "kserve-traefik", {"version.yaml": version})), "InferenceService")

    old = before["spec"]["predictor"]["model"]["storageUri"].rpartition("/")[2].partition("?")[0]
    assert before != after
    assert yaml.safe_dump(before).replace(old, other) == yaml.safe_dump(after)


@pytest.mark.parametrize("profile", NAMES)
def test_the_rollout_says_what_it_was_rendered_from(profile: str) -> None:
    """The receiver finds the commit by these marks, on the Rollout and on each AnalysisRun."""
    folder = PROFILES / profile
    meta = one(objects(profile), "Rollout")["metadata"]
    marks = {key.removeprefix(MARKS): value for key, value in meta["annotations"].items() if key.startswith(MARKS)}
    revision = Revision(
        model=read(folder / "version.yaml", Version).model.sha256,
        settings=settings_digest(read(folder / "serving.yaml", Serving)),
        chart=chart(read(folder / "app.yaml", App)),
    )
    assert bears(Marks(**marks), revision)
    assert not bears(Marks(**marks), Revision(model=revision.model, settings=Digest("0" * 64), chart=revision.chart))
    assert meta["labels"][MARKS + "service"] == "flights"
    assert meta["labels"][MARKS + "environment"] == "prod"
    for part in ("watch", "step"):
        template = one(objects(profile), "AnalysisTemplate", f"flights-{part}")["spec"]
        assert {arg["name"]: arg["value"] for arg in template["args"] if "value" in arg} == marks


def test_another_model_leaves_the_rollout_s_spec_alone(tmp_path: Path) -> None:
    """Argo Rollouts may miss a Deployment that changes while it is busy with the Rollout: seen, one time in four."""
    other = "f" * 64
    pin = {"name": "flights", "version": "2", "sha256": other}
    changes = {"version.yaml": {"storageUri": f"models/flights/{other}", "model": pin}, "serving.yaml": {"threads": 2}}

    after = one(rendered(edited(tmp_path, "kserve-traefik", changes)), "Rollout")

    assert after["spec"] == one(objects("kserve-traefik"), "Rollout")["spec"]
    assert after != one(objects("kserve-traefik"), "Rollout")


@pytest.mark.parametrize("profile", NAMES)
def test_stable_and_canary_are_told_apart_by_the_rollout_alone(profile: str) -> None:
    """Both Kubernetes Services select every pod of the service; the Rollout adds the hash."""
    app = {"app": "isvc.flights-predictor"}

    assert one(objects(profile), "Service", "flights-stable")["spec"]["selector"] == app
    assert one(objects(profile), "Service", "flights-canary")["spec"]["selector"] == app
    assert one(objects(profile), "Rollout")["spec"]["selector"] == {"matchLabels": app}


def test_both_modes_run_the_server_alike() -> None:
    """The ServingRuntime's container and the chart's differ in their name, and in who mounts the model."""
    runtime = yaml.safe_load((ROOT / "serving" / "runtime.yaml").read_text())["spec"]["containers"][0]
    pod = one(objects("fastapi-traefik"), "Rollout")["spec"]["template"]["spec"]
    server = dict(pod["containers"][0])
    own = [
        word
        for word in server["args"]
        if word.startswith(("--sha256", "--threads", "--delay", "--fail", "--log-dir", "--log-limit-mib"))
    ]

    assert [*runtime["args"], *own] == server["args"]
    assert runtime["volumeMounts"] == [mount for mount in server["volumeMounts"] if mount["name"] == "tmp"]
    different = {"name", "image", "args", "volumeMounts", "resources"}
    assert {key: runtime[key] for key in runtime if key not in different} == {
        key: server[key] for key in server if key not in different
    }


def test_both_modes_fetch_alike() -> None:
    """KServe appends URI and folder to the storage container's command; the chart writes the same."""
    storage = yaml.safe_load((ROOT / "serving" / "storage-container.yaml").read_text())["spec"]["container"]
    fetching = dict(one(objects("fastapi-traefik"), "Rollout")["spec"]["template"]["spec"]["initContainers"][0])

    uri, folder = fetching.pop("args")
    assert folder == "/mnt/models"
    assert uri.startswith("s3://acme-models/prod/models/flights/")
    mounts = [mount for mount in fetching.pop("volumeMounts") if mount["name"] != "model"]
    assert storage.pop("volumeMounts") == mounts
    assert {**storage, "name": "fetch", "image": fetching["image"]} == fetching


@pytest.mark.parametrize("profile", NAMES)
def test_pods_keep_to_pod_security_restricted(profile: str) -> None:
    """Non-root, no privilege to gain, no capability, seccomp, a read-only root, no token."""
    for pod in pods(objects(profile)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert all("emptyDir" in volume for volume in pod.get("volumes", []))
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            restricted(container["securityContext"])


@pytest.mark.parametrize("file", ["runtime.yaml", "storage-container.yaml"])
def test_kserve_s_pods_keep_to_it_as_well(file: str) -> None:
    """KServe copies these into the pods it renders."""
    spec = yaml.safe_load((ROOT / "serving" / file).read_text())["spec"]

    for container in spec.get("containers", [spec.get("container")]):
        restricted(container["securityContext"])


def restricted(context: dict[str, Any]) -> None:
    assert context == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_an_autoscaler_scales_the_rollout_and_nobody_else_counts_pods() -> None:
    """A `replicas` beside it would be put back at every sync."""
    autoscaler = one(objects("fastapi-traefik"), "HorizontalPodAutoscaler")["spec"]

    assert autoscaler["scaleTargetRef"] == {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "flights"}
    assert "replicas" not in one(objects("fastapi-traefik"), "Rollout")["spec"]
    assert one(objects("kserve-istio"), "Rollout")["spec"]["replicas"] == 3


@pytest.mark.parametrize("profile", NAMES)
def test_a_single_pod_has_no_disruption_budget(profile: str) -> None:
    """It would only keep its node from being drained."""
    several = profile in {"fastapi-traefik", "kserve-istio"}

    assert ("PodDisruptionBudget" in [manifest["kind"] for manifest in objects(profile)]) is several


def test_scraped_series_bear_the_pod_hash() -> None:
    """Without it the questions ask of nobody."""
    endpoint = one(objects("kserve-traefik"), "PodMonitor")["spec"]

    assert endpoint["podTargetLabels"] == ["rollouts-pod-template-hash"]
    assert "PodMonitor" not in [manifest["kind"] for manifest in objects("kserve-istio")]


def test_without_surge_the_stable_pods_make_room() -> None:
    """Rollouts refuses a scale-down delay beside it."""
    assert canary("kserve-istio")["dynamicStableScale"] is True
    assert "scaleDownDelaySeconds" not in canary("kserve-istio")
    assert canary("fastapi-traefik")["scaleDownDelaySeconds"] == 3600


def test_gpus_are_asked_for_and_bounded_alike() -> None:
    """Kubernetes takes no GPU request that differs from its limit."""
    resources = one(objects("kserve-istio"), "InferenceService")["spec"]["predictor"]["model"]["resources"]

    assert resources["requests"]["nvidia.com/gpu"] == resources["limits"]["nvidia.com/gpu"] == "1"
    assert resources["limits"]["cpu"] == "4"


def test_each_router_is_where_the_rollout_writes_its_weights() -> None:
    """All of the traffic on stable at first."""
    traefik = one(objects("kserve-traefik"), "TraefikService")["spec"]["weighted"]["services"]
    istio = one(objects("kserve-istio"), "VirtualService")["spec"]["http"]
    gateway = one(objects("kserve-gateway"), "HTTPRoute")["spec"]["rules"][0]["backendRefs"]

    assert canary("kserve-traefik")["trafficRouting"] == {"traefik": {"weightedTraefikServiceName": "flights"}}
    assert {each["name"]: each["weight"] for each in traefik} == {"flights-stable": 100, "flights-canary": 0}
    assert canary("kserve-istio")["trafficRouting"] == {
        "istio": {"virtualService": {"name": "flights", "routes": ["primary"]}}
    }
    assert istio[0]["name"] == "primary"
    assert [each["weight"] for each in istio[0]["route"]] == [100, 0]
    assert {each["name"]: each["weight"] for each in gateway} == {"flights-stable": 100, "flights-canary": 0}
    plugin = canary("kserve-gateway")["trafficRouting"]["plugins"]["argoproj-labs/gatewayAPI"]
    assert plugin == {"httpRoute": "flights", "namespace": "models"}


def test_before_the_first_promotion_there_is_nothing(tmp_path: Path) -> None:
    """A folder that waits for its model is no error, and serves nobody."""
    folder = edited(tmp_path, "kserve-traefik", {})
    (folder / "version.yaml").unlink()

    assert rendered(folder) == []


def test_a_closed_network_lets_in_who_is_named_and_out_to_where_is_said() -> None:
    """Name resolution always."""
    policy = one(objects("fastapi-traefik"), "NetworkPolicy")["spec"]

    named = policy["ingress"][0]["from"][0]["namespaceSelector"]["matchExpressions"][0]
    assert named["values"] == ["traefik", "monitoring"]
    assert policy["egress"][0]["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert policy["egress"][1] == {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    assert "NetworkPolicy" not in [manifest["kind"] for manifest in objects("kserve-traefik")]


def test_both_modes_send_the_answers_to_the_store_alike(tmp_path: Path) -> None:
    """By a container that outlives the server in its pod; the environment and the store are this service's own."""
    logged = edited(tmp_path, "kserve-traefik", {"serving.yaml": {"log_every": "PT1M30S"}})
    (carried,) = one(rendered(logged), "InferenceService")["spec"]["predictor"]["initContainers"]
    pod = one(objects("fastapi-traefik"), "Rollout")["spec"]["template"]["spec"]
    own = pod["initContainers"][1]

    different = {"image", "args"}
    assert {key: carried[key] for key in carried if key not in different} == {
        key: own[key] for key in own if key not in different
    }
    assert carried["restartPolicy"] == "Always"
    whose = ["--name=flights", "--environment=prod", "--store=s3://headgate"]
    assert carried["args"] == ["--log-dir=/answers", *whose, "--every=90", "--delete"]
    assert "--log-dir=/answers" in pod["containers"][0]["args"]


def test_a_pods_log_is_bounded_and_its_volume_is_larger(tmp_path: Path) -> None:
    """So that the server drops rows before the kubelet ends the pod; of a share of the ids, where that is asked for."""
    settings = {"log_limit_mib": 1_048_576, "log_share": 0.1}
    few = edited(tmp_path, "kserve-traefik", {"serving.yaml": settings})
    carried = one(rendered(few), "InferenceService")["spec"]["predictor"]
    own = one(objects("fastapi-traefik"), "Rollout")["spec"]["template"]["spec"]

    assert {"name": "answers", "emptyDir": {"sizeLimit": "1049088Mi"}} in carried["volumes"]
    assert {"name": "answers", "emptyDir": {"sizeLimit": "1536Mi"}} in own["volumes"]
    assert {"--log-limit-mib=1048576", "--log-share=0.1"} <= {*carried["model"]["args"]}
    assert "--log-limit-mib=1024" in own["containers"][0]["args"]


def test_answers_that_nobody_wants_are_not_logged(tmp_path: Path) -> None:
    """No log, no container beside the server."""
    silent = edited(tmp_path, "kserve-traefik", {"serving.yaml": {"log_answers": False}})
    predictor = one(rendered(silent), "InferenceService")["spec"]["predictor"]

    assert "initContainers" not in predictor
    assert not [word for word in predictor["model"]["args"] if word.startswith("--log-dir")]
