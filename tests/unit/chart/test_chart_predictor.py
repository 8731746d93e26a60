"""The image that answers for a model stands beside the server: in both modes, and only where version.yaml names one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from headgate.desired import parse, settings_digest
from headgate.errors import PermanentError
from headgate.lint import lint
from headgate.second_model import objections
from headgate.specs.environment import Serving, Version
from headgate.specs.predictor import PredictorPod
from headgate.specs.reading import parse as parse_spec
from headgate.specs.reading import read
from manifests.validating import problems
from unit.chart.rendering import NAMES, PROFILES, edited, objects, one, rendered
from unit.chart.test_chart_second import container, pod

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

IMAGE = f"registry.acme.example/own@sha256:{'a' * 64}"
CHAMPION = read(PROFILES / "kserve-traefik" / "version.yaml", Version)
MODEL = {"name": "flights", "version": CHAMPION.model.version, "sha256": CHAMPION.model.sha256, "predictor": IMAGE}
MODES = ["kserve-traefik", "fastapi-traefik"]


def profile(folder: Path, mode: str, **predictor: Any) -> Path:
    serving = {"predictor": predictor} if predictor else {}
    return edited(folder, mode, {"version.yaml": {"model": MODEL}, "serving.yaml": serving})


@pytest.mark.parametrize("mode", MODES)
def test_the_image_runs_beside_the_server_which_is_told_where(mode: str, tmp_path: Path) -> None:
    """Started before it and ended after it, with the package's files, as unprivileged as all else."""
    made = pod(profile(tmp_path, mode, port=9100, args=["--http-port=9100"], memory="4Gi", gpu=1))

    own, ship = container(made, "predictor"), container(made, "ship")
    assert (IMAGE, "Always", ["--http-port=9100"]) == (own["image"], own["restartPolicy"], own["args"])
    assert "--predictor=http://127.0.0.1:9100" in made["server"]["args"]
    assert {"path": "/v2/health/ready", "port": 9100} == own["startupProbe"]["httpGet"]
    assert {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"} == own["resources"]["limits"]
    assert ship["securityContext"] == own["securityContext"]
    assert {"name": "predictor", "mountPath": "/mnt/models", "readOnly": True} in own["volumeMounts"]
    assert not [each for each in own["env"] if "HEADGATE" in each["name"]]
    assert "envFrom" not in own  # the store's keys are not its business


@pytest.mark.parametrize("mode", MODES)
def test_every_object_is_one_that_its_api_takes(mode: str, tmp_path: Path) -> None:
    """By the schemas of those who serve them."""
    assert [] == [problem for each in rendered(profile(tmp_path, mode, gpu=1)) for problem in problems(each)]


@pytest.mark.parametrize("mode", MODES)
def test_the_image_is_held_to_the_package_before_it_runs(mode: str, tmp_path: Path) -> None:
    """Containers before the server's start one after the other, and this one fails where Git and package differ."""
    made = pod(profile(tmp_path, mode))

    names = [each["name"] for each in made["initContainers"]]
    fetch = container(made, "fetch-predictor")
    assert names.index("fetch-predictor") < names.index("predictor")
    assert f"--predictor={IMAGE}" in fetch["args"]
    assert fetch["args"][0].endswith(f"/models/flights/{CHAMPION.model.sha256}")


def test_what_is_not_said_is_the_same_here_and_there(tmp_path: Path) -> None:
    """The chart's own words for defaults are the settings'."""
    own = container(pod(profile(tmp_path, "kserve-traefik")), "predictor")
    told = PredictorPod()

    assert {"cpu": told.cpu, "memory": told.memory} == own["resources"]["requests"]
    assert {"cpu": told.cpu_limit, "memory": told.memory} == own["resources"]["limits"]
    assert told.port == own["startupProbe"]["httpGet"]["port"]


def test_other_settings_of_it_are_another_revision(tmp_path: Path) -> None:
    """The receiver reads them from the mark, and knows by their digest what main names."""
    made = rendered(profile(tmp_path, "kserve-traefik", port=9100))
    mark = one(made, "Rollout")["metadata"]["annotations"]["headgate.dev/serving"]
    main = read(tmp_path / "kserve-traefik" / "serving.yaml", Serving)

    assert settings_digest(main) == settings_digest(parse_spec(mark, Serving, "mark"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_it_is_there_unasked(name: str) -> None:
    """Models that the server answers for itself have the pods that they had."""
    text = yaml.safe_dump(list(objects(name)))

    assert [] == [word for word in ("--predictor", "fetch-predictor", "/mnt/predictor") if word in text]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"version.yaml": {"model": MODEL | {"predictor": "registry.acme.example/own:latest"}}}, "/model/predictor"),
        ({"version.yaml": {"model": MODEL}, "serving.yaml": {"predictor": {"port": 8080}}}, "predictor.port is 8080"),
        (
            {"version.yaml": {"model": MODEL}, "serving.yaml": {"predictor": {"port": 9000}, "grpc_port": 9000}},
            "predictor.port is 9000",
        ),
        ({"serving.yaml": {"predictor": {"image": "own:latest"}}}, "'image' not allowed"),
        ({"serving.yaml": {"predictor": {"port": 80}}}, "/predictor/port"),
    ],
)
def test_what_cannot_work_is_not_rendered(files: dict[str, dict[str, Any]], reason: str, tmp_path: Path) -> None:
    """An image by tag above all: nobody would know which one was judged."""
    with pytest.raises(PermanentError) as refused:
        rendered(edited(tmp_path, "kserve-traefik", files))

    assert reason in refused.value.message.replace('\\"', '"')


def test_the_lint_says_the_same() -> None:
    """Before a pull request is merged."""
    text = (PROFILES / "kserve-traefik" / "version.yaml").read_text()
    tagged = text.replace("model:\n", "model:\n  predictor: registry.acme.example/own:latest\n")
    path = "env/prod/flights/version.yaml"

    (problem,) = [each for each in lint(parse({path: tagged})) if each.path == path]
    (objection,) = objections(Serving(predictor=PredictorPod(port=9000), grpc_port=9000), None, "flights")

    assert "model.predictor" in problem.message
    assert "predictor.port is 9000" in objection.message
