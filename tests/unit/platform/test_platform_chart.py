"""The chart of what runs beside the served models: its objects, its rights, and what it refuses."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from headgate.cli import installing
from headgate.cli.installing import CHART, GOLDEN, template
from headgate.cli.render import dashboards, graphs
from headgate.errors import PermanentError
from headgate.specs.platform import Platform
from headgate.specs.reading import parse, read
from headgate.specs.receiver import Receiver
from manifests.validating import problems, schemas
from unit.chart.rendering import helm

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("platform chart")]  # the first may have to build Helm

ROOT = Path(__file__).parents[3]
CHARTS = ROOT / CHART
PROFILES = Path(__file__).parent / "profiles"
NAMES = sorted(path.stem for path in PROFILES.iterdir())
SCHEMA: dict[str, Any] = json.loads((CHARTS / "values.schema.json").read_text())
UNKNOWN = {"argoproj.io/v1alpha1/Sensor", "argoproj.io/v1alpha1/WorkflowEventBinding"}
"""Argo Events' schema names nothing: it keeps whatever it is given."""
Manifest = dict[str, Any]


@cache
def objects(profile: str) -> tuple[Manifest, ...]:
    text = template(helm(), CHARTS, PROFILES / f"{profile}.yaml")
    return tuple(found for found in yaml.safe_load_all(text) if found)


def of(profile: str, kind: str) -> list[Manifest]:
    return [found for found in objects(profile) if found["kind"] == kind]


def one(profile: str, kind: str, name: str) -> Manifest:
    (found,) = [each for each in of(profile, kind) if each["metadata"]["name"] == name]
    return found


def refusal(tmp_path: Path, values: dict[str, Any]) -> str:
    """Return what Helm says of the least values with some of them changed."""
    least = yaml.safe_load((PROFILES / "small.yaml").read_text())
    (tmp_path / "values.yaml").write_text(
        yaml.safe_dump({key: value for key, value in (least | values).items() if value is not None})
    )
    with pytest.raises(PermanentError) as refused:
        template(helm(), CHARTS, tmp_path / "values.yaml")
    return refused.value.message.replace('\\"', '"')


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return installing.platform(ROOT, graphs(), dashboards())


def test_what_the_chart_carries_is_rendered_from_its_one_source(made: dict[str, str]) -> None:
    """Values from the specs, pipelines from the graph, rules from monitoring/: `make render` writes the copies."""
    stale = [path for path, text in made.items() if (ROOT / path).read_text() != text]

    assert stale == []


def test_the_chart_carries_nothing_whose_source_is_gone(made: dict[str, str]) -> None:
    """A deleted rule would go on alerting."""
    folders = [CHARTS / "files" / name for name in ("argo", "rules", "dashboards")]

    kept = {path.relative_to(ROOT).as_posix() for folder in folders for path in folder.iterdir()}

    assert kept <= made.keys()


@pytest.mark.parametrize("part", ["", *SCHEMA["$defs"]])
def test_every_setting_is_told_and_no_other_is_taken(part: str) -> None:
    """At every depth."""
    schema = SCHEMA["$defs"][part] if part else SCHEMA

    assert schema["additionalProperties"] is False
    assert [name for name, setting in schema["properties"].items() if not setting.get("description")] == []


@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_is_what_python_reads_too(profile: str) -> None:
    """The chart and the specs are one contract."""
    read(PROFILES / f"{profile}.yaml", Platform)

    values = yaml.safe_load((PROFILES / f"{profile}.yaml").read_text())
    assert list(Draft202012Validator(SCHEMA).iter_errors(values)) == []


@pytest.mark.parametrize("profile", NAMES)
def test_a_profile_renders_as_it_did(profile: str, made: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of what is rendered is seen in review; `make render` writes these anew."""
    monkeypatch.setenv("PATH", str(Path(helm()).parent), prepend=":")

    fresh = installing.goldens(ROOT, made)[f"{GOLDEN}/{profile}.yaml"]

    assert fresh == (ROOT / GOLDEN / f"{profile}.yaml").read_text()


@pytest.mark.parametrize("profile", NAMES)
def test_every_object_is_one_that_its_api_takes(profile: str) -> None:
    """By the schemas of those who serve them, which refuse what they do not name."""
    known = [one for one in objects(profile) if f"{one['apiVersion']}/{one['kind']}" in schemas()["kinds"]]
    others = {f"{one['apiVersion']}/{one['kind']}" for one in objects(profile) if one not in known}

    found = [problem for manifest in known for problem in problems(manifest)]

    assert found == []
    assert others <= UNKNOWN


@pytest.mark.parametrize("profile", NAMES)
def test_helm_finds_nothing_to_complain_of(profile: str) -> None:
    """`helm lint`."""
    command = [helm(), "lint", str(CHARTS), "--namespace", "headgate", "-f", str(PROFILES / f"{profile}.yaml")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", NAMES)
def test_no_role_holds_a_star(profile: str) -> None:
    """Not for groups, not for resources, not for verbs; and no right is given cluster-wide."""
    rules = [rule for role in of(profile, "Role") for rule in role["rules"]]

    words = {word for rule in rules for words in rule.values() for word in words}
    assert rules
    assert not [word for word in words if "*" in word]
    assert of(profile, "ClusterRole") == of(profile, "ClusterRoleBinding") == []


def rights(profile: str, account: str) -> set[tuple[str, str, str]]:
    """Return (namespace, resource, verb) of all that an account may do."""
    roles = {
        (role["metadata"].get("namespace", "headgate"), role["metadata"]["name"]): role for role in of(profile, "Role")
    }
    found = set()
    for binding in of(profile, "RoleBinding"):
        if {"kind": "ServiceAccount", "name": account, "namespace": "headgate"} in binding["subjects"]:
            namespace = binding["metadata"].get("namespace", "headgate")
            for rule in roles[namespace, binding["roleRef"]["name"]]["rules"]:
                found |= {(namespace, kind, verb) for kind in rule["resources"] for verb in rule["verbs"]}
    return found


def test_the_accounts_may_do_what_is_said_and_nothing_else() -> None:
    """Steps and the promoter nothing; the executor reports; the receiver starts runs and steers Rollouts."""
    runs = {("headgate", "workflows", verb) for verb in ("create", "get", "list", "watch")}
    looks = {
        (namespace, kind, verb)
        for namespace in ("models-dev", "models-staging", "models")
        for kind in ("rollouts", "analysisruns")
        for verb in ("get", "list", "watch")
    }
    steers = {(namespace, "rollouts/status", "patch") for namespace in ("models-dev", "models-staging", "models")}

    assert rights("whole", "headgate-step") == rights("whole", "headgate-promoter") == set()
    assert {("headgate", "workflowtaskresults", verb) for verb in ("create", "patch")} == rights(
        "whole", "headgate-executor"
    )
    assert runs | looks | steers == rights("whole", "headgate-receiver")


def pods(profile: str) -> Iterator[dict[str, Any]]:
    yield from (found["spec"] for found in of(profile, "Pod"))
    yield from (found["spec"]["template"]["spec"] for found in of(profile, "Deployment"))


@pytest.mark.parametrize("profile", NAMES)
def test_pods_pass_pod_security_restricted(profile: str) -> None:
    """And nobody but the receiver is given a token of the API server."""
    for pod in pods(profile):
        [container] = pod["containers"]
        context = container["securityContext"]

        assert pod["securityContext"]["runAsNonRoot"] is context["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert pod["automountServiceAccountToken"] is (pod["serviceAccountName"] == "headgate-receiver")


@pytest.mark.parametrize("profile", NAMES)
def test_the_chart_makes_no_secret(profile: str) -> None:
    """But the empty one that Kubernetes fills with the executor's token."""
    (made,) = of(profile, "Secret")

    assert made["type"] == "kubernetes.io/service-account-token"
    assert "data" not in made
    assert "stringData" not in made


@pytest.mark.parametrize("profile", NAMES)
def test_the_receiver_reads_the_settings_it_is_given(profile: str) -> None:
    """receive.yaml is read by the spec that the receiver itself reads it by."""
    text = one(profile, "ConfigMap", "headgate-receiver")["data"]["receive.yaml"]

    settings = parse(text, Receiver, "receive.yaml")

    assert settings == read(PROFILES / f"{profile}.yaml", Platform).receiver


def test_new_settings_restart_the_receiver(tmp_path: Path) -> None:
    """It reads them when it starts."""
    values = yaml.safe_load((PROFILES / "small.yaml").read_text())
    values["receiver"]["look"] = "PT20S"
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))

    changed = template(helm(), CHARTS, tmp_path / "values.yaml")

    before = one("small", "Deployment", "headgate-receiver")["spec"]["template"]["metadata"]["annotations"]
    after = next(found for found in yaml.safe_load_all(changed) if found and found["kind"] == "Deployment")
    assert before != after["spec"]["template"]["metadata"]["annotations"]


def test_what_is_measured_is_what_the_receiver_trains() -> None:
    """Repository, folder and memory are not written twice."""
    cron = one("whole", "CronWorkflow", "measure-flights-prod")["spec"]

    given = {pair["name"]: pair["value"] for pair in cron["workflowSpec"]["arguments"]["parameters"]}
    assert given["repo"] == "https://github.com/acme/flights.git"
    assert given["path"] == "examples/flights"
    assert given["memory"] == "4Gi"
    assert given["image"] == "registry.example.com/flights:1"
    assert cron["schedules"] == ["7 * * * *"]


def test_files_are_scored_by_what_the_receiver_trains() -> None:
    """Each by its own name; a champion's run is given what no default says."""
    crons = {found["metadata"]["name"]: found["spec"] for found in of("whole", "CronWorkflow")}
    given = {
        name: {pair["name"]: pair["value"] for pair in crons[name]["workflowSpec"]["arguments"]["parameters"]}
        for name in ("score-nightly", "score-backlog")
    }
    template = yaml.safe_load((ROOT / "pipelines/argo/headgate-score.yaml").read_text())["spec"]["arguments"][
        "parameters"
    ]
    needed = {one["name"] for one in template if "value" not in one}

    assert all(needed <= one.keys() <= {each["name"] for each in template} for one in given.values())
    assert (given["score-nightly"]["partitions"], given["score-nightly"]["claim"]) == ("12", "headgate-files")
    assert (given["score-backlog"]["memory"], given["score-backlog"]["claim"]) == ("4Gi", "archive")
    assert crons["score-nightly"]["schedules"] == ["17 3 * * *"]
    assert crons["score-nightly"]["concurrencyPolicy"] == "Forbid"


def test_every_switch_is_off_until_somebody_turns_it_on() -> None:
    """Nothing of another team's, no policy, no other way in."""
    names = {(found["kind"], found["metadata"]["name"]) for found in objects("small")}

    assert ("ConfigMap", "argo-rollouts-notification-configmap") not in names
    assert not {kind for kind, _ in names} & {"NetworkPolicy", "Sensor", "WorkflowEventBinding", "CronWorkflow"}


def test_a_rollout_knocks_by_the_triggers_that_the_service_chart_subscribes_to() -> None:
    """A trigger nobody defines is an error in Argo Rollouts' log, at each move."""
    subscribed = set()
    for line in (ROOT / "tests/golden/chart/kserve-traefik.yaml").read_text().splitlines():
        if "notifications.argoproj.io/subscribe." in line:
            subscribed.add(line.strip().split("subscribe.")[1].split(".")[0])

    data = one("whole", "ConfigMap", "argo-rollouts-notification-configmap")["data"]

    assert subscribed == {key.removeprefix("trigger.") for key in data if key.startswith("trigger.")}
    assert "http://headgate-receiver.headgate.svc:8080/rollouts" in data["service.webhook.headgate"]


NIGHTLY = {
    "name": "nightly",
    "service": "x",
    "environment": "prod",
    "input": "in.parquet",
    "output": "out.parquet",
    "schedule": "0 3 * * *",
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown setting": ({"replica": 2}, "'replica' not allowed"),
    "no store": ({"store": None}, "store is missing"),
    "no forge": ({"forge": None}, "forge is missing"),
    "a forge that is none": ({"forge": "https://git.example.com/ml/env"}, "/forge"),
    "no namespace": ({"receiver": {"namespaces": []}}, "receiver.namespaces is empty"),
    "a namespace twice": ({"receiver": {"namespaces": ["a", "a"]}}, "names one twice: a, a"),
    "a namespace that is none": ({"receiver": {"namespaces": ["*"]}}, '"*" is no namespace'),
    "runs elsewhere": ({"receiver": {"namespaces": ["a"], "runs": "ml"}}, 'receiver.runs is "ml"'),
    "an unknown setting of the receiver": ({"receiver": {"namespaces": ["a"], "loook": "PT1S"}}, "'loook' not allowed"),
    "a key among the variables": ({"variables": {"AWS_SECRET_ACCESS_KEY": "x"}}, "is a secret"),
    "a setting among the variables": ({"variables": {"HEADGATE_STORE": "x"}}, "has a setting of its own: store"),
    "a service that nobody trains": ({"measured": [{"service": "x", "environment": "prod"}]}, 'names service "x"'),
    "files of a service that nobody trains": ({"scored": [NIGHTLY]}, 'scored names service "x"'),
    "a file outside of the volume": ({"scored": [NIGHTLY | {"input": "../etc/passwd"}]}, "/scored/0/input"),
    "files by no schedule": ({"scored": [NIGHTLY | {"schedule": None}]}, "/scored/0/schedule"),
    "too many shares": ({"scored": [NIGHTLY | {"partitions": 5000}]}, "/scored/0/partitions"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_value_is_refused_with_its_name(case: str, tmp_path: Path) -> None:
    """Nothing is rendered."""
    values, reason = REFUSED[case]

    assert reason in refusal(tmp_path, values)


def test_an_image_for_each_commit_needs_one_to_be_measured_with(tmp_path: Path) -> None:
    """A schedule knows no commit."""
    values = yaml.safe_load((PROFILES / "whole.yaml").read_text())
    values["measured"] = [{"service": "flights", "environment": "prod"}]

    assert "has an image for each commit" in refusal(tmp_path, values)


@pytest.mark.parametrize(
    ("scored", "reason"),
    [
        ([{"image": None}], 'scored: service "flights" has an image for each commit'),
        ([{}, {"output": "other.parquet"}], 'scored names "nightly" twice'),
        ([{}, {"name": "weekly"}], 'scored "nightly" and "weekly" write the same files: outputs "out.parquet"'),
        ([{}, {"name": "weekly", "output": "out.pq"}], 'outputs "out.parquet" and "out.pq"'),
    ],
)
def test_a_schedule_of_scoring_must_be_one_that_can_run(
    tmp_path: Path, scored: list[dict[str, Any]], reason: str
) -> None:
    """Of two with a name or an output the second would take the first's place, without a word."""
    values = yaml.safe_load((PROFILES / "whole.yaml").read_text())
    made = [NIGHTLY | {"service": "flights", "image": "flights:1"} | one for one in scored]
    values["scored"] = [{key: value for key, value in one.items() if value is not None} for one in made]

    assert reason in refusal(tmp_path, values)


def test_equal_names_of_outputs_on_two_volumes_are_two_outputs(tmp_path: Path) -> None:
    """Only what one volume holds is written over."""
    values = yaml.safe_load((PROFILES / "whole.yaml").read_text())
    one = NIGHTLY | {"service": "flights", "image": "flights:1"}
    values["scored"] = [one, one | {"name": "weekly", "claim": "other"}, one | {"name": "b", "output": "b/out.parquet"}]
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))

    made = yaml.safe_load_all(template(helm(), CHARTS, tmp_path / "values.yaml"))

    names = {found["metadata"]["name"] for found in made if found and found["kind"] == "CronWorkflow"}
    assert {"score-nightly", "score-weekly", "score-b"} <= names


@pytest.fixture(scope="module")
def argocd() -> str:
    program = Path(helm()).parent / "argocd"
    if not program.exists():
        pytest.skip("needs argocd, which `make cluster` builds")
    return str(program)


CONDITIONS = [("True", "Healthy"), ("False", "Degraded"), ("Unknown", "Progressing")]


@pytest.mark.parametrize(("ready", "health"), CONDITIONS)
def test_argo_cd_judges_our_inference_services_by_ready(argocd: str, ready: str, health: str, tmp_path: Path) -> None:
    """Their modelStatus stays InProgress for ever, as nothing of theirs serves."""
    labels = {"app.kubernetes.io/part-of": "headgate"}

    assert health in judged(argocd, tmp_path, labels, ready)


def test_argo_cd_judges_everybody_elses_as_before(argocd: str, tmp_path: Path) -> None:
    """The override is for ours alone."""
    assert "Progressing" in judged(argocd, tmp_path, {}, "True")


def judged(argocd: str, folder: Path, labels: dict[str, str], ready: str) -> str:
    """Return what Argo CD says of an InferenceService with the override that the chart carries."""
    status = {
        "modelStatus": {"transitionStatus": "InProgress"},
        "conditions": [{"type": "Ready", "status": ready}],
    }
    service = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "flights", "labels": labels},
        "status": status,
    }
    override = yaml.safe_load((CHARTS / "files/argocd/health.yaml").read_text())
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}} | override
    (folder / "service.yaml").write_text(yaml.safe_dump(service))
    (folder / "argocd-cm.yaml").write_text(yaml.safe_dump(settings))
    command = [argocd, "admin", "settings", "resource-overrides", "health", str(folder / "service.yaml")]
    command += ["--argocd-cm-path", str(folder / "argocd-cm.yaml")]
    done = subprocess.run(
        command, env={"ARGOCD_BINARY_NAME": "argocd", "HOME": str(folder)}, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_what_people_do_next_is_said(tmp_path: Path) -> None:
    """NOTES.txt, which only an installation shows: rendered here as a ConfigMap of a copy."""
    copy = tmp_path / "chart"
    shutil.copytree(CHARTS, copy)
    notes = (copy / "templates" / "NOTES.txt").read_text()
    (copy / "templates" / "_notes.tpl").write_text('{{- define "notes" -}}\n' + notes + "{{- end }}\n")
    body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\ndata:\n  notes: {{ include "notes" . | quote }}\n'
    (copy / "templates" / "notes.yaml").write_text(body)

    text = template(helm(), copy, PROFILES / "small.yaml", "-s", "templates/notes.yaml")

    said = yaml.safe_load(text)["data"]["notes"]
    assert "http://headgate-receiver.headgate.svc:8080/alerts" in said
    assert "add this to ConfigMap argo-rollouts/argo-rollouts-notification-configmap" in said
    assert "trigger.on-rollout-aborted" in said
