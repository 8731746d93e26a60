"""A second model in the pods, gRPC, price and rate: in both modes, and as the ring starts its servers."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.cli.serve import serve
from headgate.errors import PermanentError
from headgate.local import supervise
from headgate.names import Digest
from headgate.specs.environment import Serving, Version
from headgate.specs.reading import parse, read
from unit.chart.rendering import NAMES, PROFILES, edited, objects, one, rendered

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

SECOND = {"fastapi-shadow": "shadow", "kserve-experiment": "experiment"}
PLAIN = [name for name in NAMES if name not in SECOND]
CHAMPION = read(PROFILES / "kserve-traefik" / "version.yaml", Version)
OTHER = "5d2e8f0a1b3c5d7e9f1a2b4c6d8e0f129be2f7c7a1b04e4f6a7d0c1e5b8f3a2d"
SHADOW: dict[str, Any] = {"storageUri": f"models/flights/{OTHER}", "sha256": OTHER}
EXPERIMENT: dict[str, Any] = SHADOW | {
    "name": "colours",
    "key": "customer",
    "code": CHAMPION.code,
    "verdict": "8" * 63 + "a",
    "replaces": CHAMPION.model.sha256,
}


def pod(profile: str | Path) -> dict[str, Any]:
    """Return what both modes say of a pod: KServe's carrier and the chart's own template, in the same words."""
    made = list(objects(profile)) if isinstance(profile, str) else rendered(profile)
    if any(manifest["kind"] == "InferenceService" for manifest in made):
        predictor: dict[str, Any] = one(made, "InferenceService")["spec"]["predictor"]
        return {**predictor, "server": predictor["model"]}
    template: dict[str, Any] = one(made, "Rollout")["spec"]["template"]["spec"]
    return {**template, "server": template["containers"][0]}


def container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = [each for each in pod["initContainers"] if each["name"] == name]
    return dict(found)


@pytest.mark.parametrize(("profile", "second"), SECOND.items())
def test_a_second_model_comes_as_the_first_does(profile: str, second: str) -> None:
    """By the same program, from the same store, into a volume that the server only reads, verified by its digest."""
    made, first = pod(profile), container(pod("fastapi-traefik"), "fetch")
    fetch = container(made, f"fetch-{second}")

    uri, folder, *more = fetch.pop("args")
    store = {"shadow": "s3://acme-models/prod", "experiment": "s3://headgate"}[second]
    options = {"shadow": ["--optional"], "experiment": ["--verdict", "--champion"]}[second]
    assert uri.partition("?")[0] == f"{store}/models/flights/{OTHER}"
    assert {"name": second, "emptyDir": {}} in made["volumes"]
    assert {"name": second, "mountPath": folder} in fetch.pop("volumeMounts")
    assert {"name": second, "mountPath": folder, "readOnly": True} in made["server"]["volumeMounts"]
    assert {f"--{second}-model={folder}", f"--{second}-sha256={OTHER}"} <= set(made["server"]["args"])
    assert [word.partition("=")[0] for word in more] == options
    different = {"name", "image", "args", "volumeMounts"}
    assert {key: first[key] for key in first if key not in different} == {
        key: fetch[key] for key in fetch if key not in different
    }


@pytest.mark.parametrize("mode", ["kserve-traefik", "fastapi-traefik"])
def test_both_modes_have_a_second_model_alike(mode: str, tmp_path: Path) -> None:
    """And both at once, where both are asked for."""
    settings = {"shadow": SHADOW, "experiment": EXPERIMENT, "canary": None, "autoscaling": None}

    made = pod(edited(tmp_path, mode, {"serving.yaml": settings}))

    assert {"fetch-shadow", "fetch-experiment"} < {each["name"] for each in made["initContainers"]}
    assert f"--shadow-log=/answers/pairs/{CHAMPION.model.sha256[:12]}-{OTHER[:12]}" in made["server"]["args"]
    assert "--experiment-key=customer" in made["server"]["args"]


def test_pairs_are_kept_where_answers_are_or_not_at_all(tmp_path: Path) -> None:
    """`ship` sends both; without it a shadow is counted only."""
    silent = edited(tmp_path, "kserve-traefik", {"serving.yaml": {"shadow": SHADOW, "log_answers": False}})

    assert not [word for word in pod(silent)["server"]["args"] if "log" in word]


def test_a_treatment_is_not_in_a_pod_without_its_proof() -> None:
    """The container that brings it ends with an error otherwise, and the canary of such pods never starts."""
    uri, _, *proof = container(pod("kserve-experiment"), "fetch-experiment")["args"]
    asked = read(PROFILES / "kserve-experiment" / "serving.yaml", Serving).experiment

    assert asked is not None
    assert proof == [f"--verdict={asked.verdict}", f"--champion={asked.replaces}"]
    assert uri.endswith(f"?code={asked.code}")


def options(words: list[str]) -> dict[str, str]:
    """Return options by name; both ways to write one."""
    found, waiting = {}, list(words)
    while waiting:
        name, equals, value = waiting.pop(0).partition("=")
        if name.startswith("--"):
            found[name] = value if equals or not waiting or waiting[0].startswith("--") else waiting.pop(0)
    return found


def same(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return one == other


@pytest.mark.parametrize("profile", SECOND)
def test_the_ring_starts_its_server_with_the_chart_s_options(profile: str, tmp_path: Path) -> None:
    """But for gRPC's port, which is any free one where two servers share a machine."""
    serving = read(PROFILES / profile / "serving.yaml", Serving)
    ring = supervise.serve(
        "flights", tmp_path, model=tmp_path, sha256=Digest(OTHER), service_file=tmp_path, serving=serving
    )
    own = ("--price", "--client", "--flush", "--log-requests", "--traces")
    chart = {name: value for name, value in options(pod(profile)["server"]["args"]).items() if name.startswith(own)}

    found = options(list(ring.command))
    assert {name for name in found if name.startswith(own)} == set(chart)
    assert all(same(found[name], value) for name, value in chart.items())
    assert "0" == found["--grpc-port"]


@pytest.mark.parametrize("profile", SECOND)
def test_grpc_has_a_port_of_the_pods_and_of_both_services(profile: str) -> None:
    """By the name and the protocol that KServe and gateways know HTTP/2 without TLS by."""
    made = objects(profile)

    assert {"name": "h2c", "containerPort": 9000, "protocol": "TCP"} in pod(profile)["server"]["ports"]
    for track in ("stable", "canary"):
        http, grpc = one(made, "Service", f"flights-{track}")["spec"]["ports"]
        assert ("http", 80) == (http["name"], http["port"])
        assert grpc == {
            "name": "h2c", "port": 9000, "targetPort": 9000, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"
        }  # fmt: skip


def test_a_closed_network_lets_grpc_in_where_it_is_asked_for() -> None:
    """The same callers, one port more."""
    ports = {
        profile: [each["port"] for each in one(objects(profile), "NetworkPolicy")["spec"]["ingress"][0]["ports"]]
        for profile in ("fastapi-traefik", "fastapi-shadow")
    }

    assert {"fastapi-traefik": [8080], "fastapi-shadow": [8080, 9000]} == ports


@pytest.mark.parametrize("profile", PLAIN)
def test_nothing_of_it_is_there_unasked(profile: str) -> None:
    """No option, no port, no volume, no mark: who asks for nothing new has no new pods."""
    text = yaml.safe_dump(list(objects(profile)))

    words = ("shadow", "experiment", "grpc", "h2c", "price", "client-rate", "rate_limit", "flush")
    words += ("log-requests", "log_requests", "traces")
    assert [] == [word for word in words if word in text]


def test_a_price_and_a_wait_of_nothing_are_said_too() -> None:
    """Zero is a number: left out it would be another one."""
    words = pod("fastapi-shadow")["server"]["args"]

    assert {"--price-per-hour=0", "--flush-seconds=0"} <= set(words)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a shadow that is the champion": (
        {"shadow": {"storageUri": CHAMPION.storage_uri, "sha256": CHAMPION.model.sha256}},
        "which is the champion",
    ),
    "another service's shadow": ({"shadow": SHADOW | {"storageUri": f"models/rides/{OTHER}"}}, "models/flights/"),
    "a place of another digest": ({"shadow": SHADOW | {"sha256": "a" * 64}}, "of this service and of shadow.sha256"),
    "a treatment against another champion": (
        {"experiment": EXPERIMENT | {"replaces": "a" * 64}},
        '"colours" is beside champion aaaaaaaaaaaa, and version.yaml names 9be2f7c7a1b0',
    ),
    "a treatment of other code": ({"experiment": EXPERIMENT | {"code": "a" * 64}}, "would compute its features"),
    "an experiment of a share": ({"experiment": EXPERIMENT, "log_share": 0.5}, "with log_share"),
    "an unlogged experiment": ({"experiment": EXPERIMENT, "log_answers": False}, "without log_answers"),
    "HTTP's port": ({"grpc_port": 8080}, "where HTTP is answered"),
    "half a treatment": ({"experiment": SHADOW}, "/experiment"),
    "a digest that is none": ({"shadow": SHADOW | {"sha256": "latest"}}, "/shadow/sha256"),
    "too large a share": ({"shadow": SHADOW | {"share": 2}}, "/shadow/share"),
    "a misspelt word": ({"shadow": SHADOW | {"shar": 0.5}}, "'shar' not allowed"),
    "a collector with a password": ({"traces": "http://me:secret@collector:4318/v1/traces"}, "/traces"),
    "a collector with a key": ({"traces": "https://collector/v1/traces?key=secret"}, "/traces"),
    "a collector by gRPC": ({"traces": "collector:4317"}, "/traces"),
    "lines of some requests": ({"log_requests": 0.1}, "/log_requests"),
    "a rate of everybody": ({"rate_limit": {"per_second": 5}}, "/rate_limit"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_not_rendered(case: str, tmp_path: Path) -> None:
    """Also where nobody asked the lint."""
    values, reason = REFUSED[case]

    with pytest.raises(PermanentError) as refused:
        rendered(edited(tmp_path, "kserve-traefik", {"serving.yaml": values}))

    assert reason in refused.value.message.replace('\\"', '"')


def test_shares_that_are_not_said_are_the_same_here_and_there() -> None:
    """The chart leaves them to the server, the ring spells them out."""
    read_here = parse(yaml.safe_dump({"shadow": SHADOW, "experiment": EXPERIMENT}), Serving, "serving.yaml")
    assert read_here.shadow is not None
    assert read_here.experiment is not None

    assert (0.1, 0.5) == (read_here.shadow.share, read_here.experiment.share)
    assert (0.1, 0.5) == (default("shadow_share"), default("experiment_share"))


def default(option: str) -> Any:
    return inspect.signature(serve).parameters[option].default
