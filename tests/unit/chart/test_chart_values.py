"""What the chart takes: the env repo's own files, each setting told, and nothing else."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from headgate.cli.charting import FILES, chart, keys
from headgate.errors import PermanentError
from headgate.measures import BUCKETS_SECONDS
from headgate.specs.environment import Environment, Serving
from headgate.specs.reading import Spec, parse, read
from headgate.specs.writing import FIRST_APP, FIRST_ENVIRONMENT, FIRST_SERVING
from unit.chart.rendering import CHARTS, NAMES, PROFILES, edited, helm, one, rendered

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

SCHEMA: dict[str, Any] = json.loads((CHARTS / "values.schema.json").read_text())
PARTS = {"": SCHEMA, **SCHEMA["$defs"]}
SHA = "9be2f7c7a1b04e4f6a7d0c1e5b8f3a2d4c6e8f0a1b3c5d7e9f1a2b4c6d8e0f12"


@pytest.mark.parametrize("path", sorted(chart()))
def test_what_the_chart_takes_is_what_the_specs_say(path: str) -> None:
    """`make render` writes these from the specs."""
    assert chart()[path] == (CHARTS.parents[1] / path).read_text()


@pytest.mark.parametrize("part", PARTS)
def test_every_setting_is_told_and_no_other_is_taken(part: str) -> None:
    """At every depth."""
    for name, setting in PARTS[part].get("properties", {}).items():
        assert setting.get("description"), f"{part}.{name} is not told: it has no string under it in the specs"
    if PARTS[part].get("type") == "object":
        assert PARTS[part]["additionalProperties"] is False


def test_no_two_files_have_a_setting_of_one_name() -> None:
    """Later files win over earlier ones, so a setting of another file's name would be lost."""
    every = [name for file in FILES for name in keys(file)]

    assert len(every) == len(set(every))


@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_is_what_python_reads_too(profile: str) -> None:
    """One contract: whatever the chart renders, the ring on one machine can read."""
    for file, spec in FILES.items():
        read(PROFILES / profile / file, spec)


def test_the_first_files_of_an_env_repo_are_taken() -> None:
    """`headgate init` writes no value that the chart refuses."""
    texts = {"environment.yaml": FIRST_ENVIRONMENT, "app.yaml": FIRST_APP, "serving.yaml": FIRST_SERVING}
    values = {key: value for text in texts.values() for key, value in (yaml.safe_load(text) or {}).items()}

    assert list(Draft202012Validator(SCHEMA).iter_errors(values)) == []


WORDS = st.sampled_from([*Serving.__struct_fields__, "x"])
LEAVES = st.one_of(st.integers(-1, 200), st.text("aP1DT5M", max_size=4), st.booleans(), st.floats(0, 2))
INNER = st.sampled_from([
    "delay_ms", "fail_share", "steps", "pause", "cpu", "gpu", "min", "max", "cpu_percent", "surge",
    "share", "key", "sha256", "per_second", "header",
])  # fmt: skip
SETTINGS = st.dictionaries(WORDS, st.one_of(LEAVES, st.dictionaries(INNER, st.one_of(LEAVES, st.lists(LEAVES)))))


@given(SETTINGS)
def test_python_and_the_schema_take_the_same(settings: dict[str, Any]) -> None:
    """Whatever somebody writes into serving.yaml; but of the ways to write a length the chart takes fewer."""
    wrong = list(Draft202012Validator(SCHEMA).iter_errors(settings))

    if python_takes(settings, Serving):
        assert [found.message for found in wrong if found.schema.get("format") != "duration"] == []
    else:
        assert wrong != []


def python_takes(settings: dict[str, Any], spec: type[Spec]) -> bool:
    try:
        parse(yaml.safe_dump(settings), spec, "serving.yaml")
    except PermanentError:
        return False
    return True


BY_SCHEMA: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown setting": ({"replica": 2}, "$"),
    "an unknown setting inside": ({"canary": {"step": [10]}}, "$.canary"),
    "predictor.name": ({"predictor": {"name": "other"}}, "$.predictor"),
    "no pods": ({"replicas": 0}, "$.replicas"),
    "a mode nobody knows": ({"mode": "knative"}, "$.mode"),
    "a router nobody knows": ({"router": "nginx"}, "$.router"),
    "a store that is a folder": ({"store": "/tmp/store"}, "$.store"),
    "a pause that is no length": ({"canary": {"pause": "5m"}}, "$.canary.pause"),
    "a last step to all": ({"canary": {"steps": [50, 100]}}, "$.canary.steps[1]"),
    "no step": ({"canary": {"steps": []}}, "$.canary.steps"),
    "memory that is no quantity": ({"resources": {"memory": "lots"}}, "$.resources.memory"),
    "half an autoscaler": ({"autoscaling": {"min": 1, "max": 3}}, "$.autoscaling"),
}


@pytest.mark.parametrize("case", BY_SCHEMA)
def test_the_schema_refuses_what_cannot_be(case: str) -> None:
    """And names where."""
    values, path = BY_SCHEMA[case]

    (found,) = Draft202012Validator(SCHEMA).iter_errors(values)

    assert found.json_path == path


REFUSED: dict[str, tuple[str, dict[str, dict[str, Any]], str]] = {
    "what the schema refuses": ("kserve-traefik", {"serving.yaml": {"canary": {"step": [10]}}}, "'step' not allowed"),
    "a word for a number": ("kserve-traefik", {"serving.yaml": {"replicas": "two"}}, "/replicas"),
    "another chart": ("kserve-traefik", {"app.yaml": {"chart": "0.2.0"}}, 'chart is "0.2.0"'),
    "a uri that can change": (
        "kserve-traefik",
        {"version.yaml": {"storageUri": "models/flights/latest"}},
        'storageUri is "models/flights/latest", which could change',
    ),
    "an absolute uri": (
        "kserve-traefik",
        {"version.yaml": {"storageUri": f"s3://elsewhere/models/flights/{SHA}"}},
        "which could change",
    ),
    "another service's model": (
        "kserve-traefik",
        {"version.yaml": {"storageUri": f"models/orders/{SHA}"}},
        'is not a model of service "flights"',
    ),
    "a uri and a model that differ": (
        "kserve-traefik",
        {"version.yaml": {"storageUri": "models/flights/" + "0" * 64}},
        "is not of the model that `model` names",
    ),
    "no code": ("kserve-traefik", {"version.yaml": {"code": "main"}}, 'code is "main"'),
    "no store": ("kserve-traefik", {"environment.yaml": {"store": None}}, "environment.yaml: store is missing"),
    "no domain": ("kserve-traefik", {"environment.yaml": {"domain": None}}, "environment.yaml: domain is missing"),
    "a domain that is none": ("kserve-traefik", {"environment.yaml": {"domain": "a`b"}}, "is no domain"),
    "no name of its own": ("kserve-traefik", {"environment.yaml": {"environment": None}}, "environment is missing"),
    "no gateway": ("kserve-istio", {"environment.yaml": {"gateway": None}}, "router istio needs <namespace>/<name>"),
    "a length of nothing": ("kserve-traefik", {"serving.yaml": {"canary": {"pause": "PT"}}}, 'canary.pause is "PT"'),
    "answers sent without a pause": ("kserve-traefik", {"serving.yaml": {"log_every": "PT0S"}}, 'log_every is "PT0S"'),
    "a deadline of nothing": (
        "kserve-traefik",
        {"serving.yaml": {"canary": {"deadline": "PT0S"}}},
        'canary.deadline is "PT0S"',
    ),
    "a question nobody knows": (
        "kserve-traefik",
        {"serving.yaml": {"canary": {"questions": ["error"]}}},
        'canary.questions names "error"; known: errors, p99',
    ),
    "no question": ("kserve-traefik", {"serving.yaml": {"canary": {"questions": []}}}, "questions is empty"),
    "a question asked twice": (
        "kserve-traefik",
        {"serving.yaml": {"canary": {"questions": ["p99", "p99"]}}},
        "names one twice",
    ),
    "a limit that no bucket ends at": (
        "kserve-traefik",
        {"serving.yaml": {"canary": {"limits": {"p99_ms": 60}}}},
        "canary.limits.p99_ms is 60, which no bucket",
    ),
    "more at least than at most": (
        "fastapi-traefik",
        {"serving.yaml": {"autoscaling": {"min": 5, "max": 2, "cpu_percent": 60}}},
        "autoscaling.min 5 is more than autoscaling.max 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_with_its_name(case: str, tmp_path: Path) -> None:
    """Nothing is rendered, and the reason says which setting of which file."""
    profile, changes, reason = REFUSED[case]

    with pytest.raises(PermanentError) as refused:
        rendered(edited(tmp_path, profile, changes))

    assert reason in refused.value.message.replace('\\"', '"')


@pytest.mark.parametrize("release", ["Flights", "1flights", "flights.", "f" * 41])
def test_a_release_that_is_no_name_of_a_service_is_refused(release: str) -> None:
    """Its pods' label would not fit, or KServe would refuse it after the merge."""
    with pytest.raises(PermanentError, match="name"):
        rendered("kserve-traefik", release=release)


LENGTHS = {"PT1S": 1, "PT5M": 300, "PT1M30S": 90, "PT2H": 7200, "P1D": 86_400, "P1DT1H1M1S": 90_061, "PT90M": 5400}


@pytest.mark.parametrize("length", LENGTHS)
def test_a_length_is_turned_into_its_seconds(length: str, tmp_path: Path) -> None:
    """As Python reads it."""
    changes = {"serving.yaml": {"canary": {"pause": length}}}
    python = parse(yaml.safe_dump(changes["serving.yaml"]), Serving, "serving.yaml").canary

    rollout = one(rendered(edited(tmp_path, "kserve-traefik", changes)), "Rollout")

    pause = rollout["spec"]["strategy"]["canary"]["steps"][1]["pause"]["duration"]
    assert pause == f"{LENGTHS[length]}s"
    assert python is not None
    assert python.pause.total_seconds() == LENGTHS[length]


@pytest.mark.parametrize("bound", BUCKETS_SECONDS)
def test_every_bucket_may_be_a_limit(bound: float) -> None:
    """The label's value is the server's own."""
    known = yaml.safe_load((CHARTS / "files" / "questions.yaml").read_text())

    assert known["bounds"][f"{bound * 1000:g}"] == str(float(bound))


def test_what_people_do_next_is_said(tmp_path: Path) -> None:
    """NOTES.txt, which only an installation shows: rendered here as a ConfigMap of a copy."""
    copy = tmp_path / "chart"
    shutil.copytree(CHARTS, copy)
    notes = (copy / "templates" / "NOTES.txt").read_text()
    (copy / "templates" / "_notes.tpl").write_text('{{- define "notes" -}}\n' + notes + "{{- end }}\n")
    body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  notes: {{ include "notes" . | quote }}\n'
    (copy / "templates" / "notes.yaml").write_text(body)

    def said(*files: Path) -> str:
        values = [word for file in files for word in ("--values", str(file))]
        command = [helm(), "template", "flights", str(copy), "--namespace", "models", *values]
        done = subprocess.run([*command, "-s", "templates/notes.yaml"], capture_output=True, text=True, check=True)
        text: str = yaml.safe_load(done.stdout)["data"]["notes"]
        return text

    gpu = said(*(PROFILES / "kserve-istio" / file for file in FILES))
    assert "kubectl -n models get rollout flights --watch" in gpu
    assert "helm -n models test flights" in gpu
    assert "GPUs: 3, and about as many while a canary runs" in gpu
    assert "Nothing scrapes the pods" in gpu
    assert "has no model here yet" in said()


def test_the_environment_says_whatever_a_cluster_needs() -> None:
    """And a laptop needs none of it."""
    assert parse("", Environment, "environment.yaml") == Environment()
