"""Gathers the schemas of the kinds we render, from those who serve them: `python tests/manifests/harvest.py`.

Needs Go, for its module proxy. What comes out is kept here, so that the tests need neither Go nor a network.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KEPT = Path(__file__).with_name("schemas.json.gz")
SOURCES = {
    "github.com/kserve/kserve@v0.20.0": [
        "config/crd/full/serving*.yaml",
        "config/crd/full/clusterstoragecontainer/*.yaml",
    ],
    "github.com/argoproj/argo-rollouts@v1.9.2": ["manifests/crds/*-crd.yaml"],
    "github.com/argoproj/argo-workflows/v3@v3.7.18": ["manifests/base/crds/full/*.yaml"],
    "github.com/argoproj/argo-cd/v3@v3.2.11": ["manifests/crds/*-crd.yaml"],
    "github.com/traefik/traefik/v3@v3.6.0": [
        "docs/content/reference/dynamic-configuration/kubernetes-crd-definition-v1.yml"
    ],
    "istio.io/api@v1.27.0": ["kubernetes/customresourcedefinitions.gen.yaml"],
    "sigs.k8s.io/gateway-api@v1.3.0": ["config/crd/standard/*.yaml"],
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": ["example/prometheus-operator-crd/*.yaml"],
}
KUBERNETES = "k8s.io/kubernetes@v1.34.4"
KINDS = {
    "serving.kserve.io": ["InferenceService", "ServingRuntime", "ClusterStorageContainer"],
    "argoproj.io": [
        "Rollout",
        "AnalysisTemplate",
        "WorkflowTemplate",
        "ClusterWorkflowTemplate",
        "CronWorkflow",
        "Workflow",
        "Application",
        "ApplicationSet",
        "AppProject",
    ],
    "traefik.io": ["TraefikService", "IngressRoute", "Middleware"],
    "networking.istio.io": ["VirtualService"],
    "gateway.networking.k8s.io": ["HTTPRoute"],
    "monitoring.coreos.com": ["PodMonitor", "ServiceMonitor", "PrometheusRule"],
}
"""By group, the kinds that are kept."""
BUILT_IN = ["api__v1", "apis__apps__v1", "apis__autoscaling__v2", "apis__networking.k8s.io__v1", "apis__policy__v1"]
BUILT_IN += ["apis__rbac.authorization.k8s.io__v1", "apis__batch__v1"]
BUILT_IN_KINDS = ["ConfigMap", "Pod", "Secret", "Service", "ServiceAccount", "Deployment", "HorizontalPodAutoscaler"]
BUILT_IN_KINDS += ["NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
BUILT_IN_KINDS += ["CronJob", "Job", "Namespace", "PersistentVolumeClaim"]
NOT_OURS = {"description", "default", "example", "externalDocs", "x-kubernetes-validations", "x-kubernetes-list-type"}
NOT_OURS |= {"x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-patch-merge-key", "status"}
NOT_OURS |= {"x-kubernetes-patch-strategy", "x-kubernetes-group-version-kind", "x-kubernetes-unions"}
TEXT = {"type": "string"}
META = "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class Loader(yaml.CSafeLoader):
    """Reads `=` as the text that it is."""


Loader.add_constructor("tag:yaml.org,2002:value", Loader.construct_scalar)


def main() -> None:
    """Write every schema into one file, the same bytes for the same sources."""
    kinds, definitions = built_in()
    for module, patterns in SOURCES.items():
        for pattern in patterns:
            for path in sorted(folder(module).glob(pattern)):
                kinds |= dict(custom(path))
    text = json.dumps({"kinds": kinds, "$defs": definitions}, sort_keys=True, separators=(",", ":"))
    KEPT.write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.stdout.write(f"{len(kinds)} kinds, {len(text) >> 10} KiB, {KEPT.stat().st_size >> 10} KiB kept" + "\n")


def folder(module: str) -> Path:
    """Return where Go keeps a module's source."""
    told = subprocess.run(["go", "mod", "download", "-json", module], check=True, capture_output=True, text=True)
    return Path(json.loads(told.stdout)["Dir"])


def custom(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield `group/version/Kind` and the schema, for each served version that a CRD file has."""
    for crd in yaml.load_all(path.read_text(), Loader):
        if not crd or crd.get("kind") != "CustomResourceDefinition":
            continue
        spec = crd["spec"]
        kind = spec["names"]["kind"]
        if kind not in KINDS.get(spec["group"], []):
            continue
        for version in spec["versions"]:
            schema = closed(version["schema"]["openAPIV3Schema"])
            schema["properties"] |= {"metadata": {"$ref": META}, "apiVersion": TEXT, "kind": TEXT}
            yield f"{spec['group']}/{version['name']}/{kind}", schema


def built_in() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Kubernetes' own kinds, and the definitions they share."""
    kinds: dict[str, Any] = {}
    every: dict[str, Any] = {}
    for name in BUILT_IN:
        path = folder(KUBERNETES) / f"api/openapi-spec/v3/{name}_openapi.json"
        for defined, schema in json.loads(path.read_text())["components"]["schemas"].items():
            for found in schema.get("x-kubernetes-group-version-kind", []):
                if found["kind"] in BUILT_IN_KINDS and defined.endswith(f".{found['kind']}"):
                    kinds[key(found)] = {"$ref": f"#/$defs/{defined}"}
            every[defined] = closed(schema)
    return kinds, reachable(every, [*kinds.values(), {"$ref": META}])


def key(found: dict[str, str]) -> str:
    group = f"{found['group']}/" if found["group"] else ""
    return f"{group}{found['version']}/{found['kind']}"


def reachable(every: dict[str, Any], waiting: list[Any]) -> dict[str, Any]:
    """Return the definitions that some of the schemas need."""
    needed: dict[str, Any] = {}
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix("#/$defs/")
            if name in every and name not in needed:
                needed[name] = every[name]
                waiting.append(every[name])
        waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else []
    return needed


def closed(schema: Any) -> Any:
    """Return an OpenAPI schema as a JSON Schema that refuses what it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: inside(name, value) for name, value in schema.items() if name not in NOT_OURS}
    if made.pop("x-kubernetes-int-or-string", False) or made.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    open_ended = [made.pop(f"x-kubernetes-{word}", False) for word in ("preserve-unknown-fields", "embedded-resource")]
    if "properties" in made and not any(open_ended):
        made.setdefault("additionalProperties", False)
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    return made


def inside(name: str, value: Any) -> Any:
    """Return what a keyword holds."""
    if name == "properties":
        return {field: closed(inner) for field, inner in value.items() if field != "status"}
    if name == "$ref":
        return value.replace("#/components/schemas/", "#/$defs/")
    return closed(value)


if __name__ == "__main__":
    main()
