"""`headgate env check`: what an env repo's CI asks before a merge."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from headgate.cli import env_check, env_rendered
from headgate.cli.env_changes import MOST, markdown
from unit.chart.rendering import PROFILES, helm
from unit.cli.terminal import Terminal

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

CHART = "charts/headgate-service/0.1.0"


@pytest.fixture
def repo(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A prompt in a checkout with two services, of which flights has a model."""
    monkeypatch.setenv("PATH", str(Path(helm()).parent), prepend=":")
    for service in ("flights", "orders"):
        terminal(
            *("env", "init", ".", "--url", "https://git.example.com/ml/env.git", "--environments", "prod"),
            *("--service", service, "--store", "s3://models", "--domain", "example.com"),
        )
    shutil.copy(PROFILES / "kserve-traefik" / "version.yaml", terminal.folder / "env/prod/flights/version.yaml")
    return terminal


def edit(repo: Terminal, path: str, **changes: object) -> None:
    """Change top keys of a YAML file."""
    place = repo.folder / path
    place.write_text(yaml.safe_dump((yaml.safe_load(place.read_text()) or {}) | changes))


def git(repo: Terminal, *words: str) -> str:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
    done = subprocess.run(["git", *who, *words], cwd=repo.folder, check=True, capture_output=True, text=True)
    return done.stdout


def test_without_helm_it_says_how_to_get_it(repo: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And which command needs none."""
    monkeypatch.setenv("PATH", str(repo.folder))

    said = repo("env", "check")

    assert said.code == 1
    assert "helm is not on the PATH" in said.err
    assert "helm.sh" in said.err


def test_a_folder_that_is_no_env_repo_is_refused(terminal: Terminal) -> None:
    """It names what it looked for."""
    said = terminal("env", "check")

    assert (2, True) == (said.code, "promotion.yaml" in said.err)


def test_a_sound_env_repo_has_no_problem(repo: Terminal) -> None:
    """A service without a model is rendered to nothing, and that is fine."""
    assert (0, "2 services rendered: no problem\n", "") == repo("env", "check")


WRONG = {
    "an unknown chart": ("app.yaml", {"chart": "0.9.0"}, "app.yaml: chart '0.9.0' is not under"),
    "a chart elsewhere": ("app.yaml", {"chart": "../../env"}, "app.yaml: chart '../../env' is not under"),
    "a setting nobody knows": ("serving.yaml", {"replica": 2}, "serving.yaml:1 has unknown key 'replica'"),
    "a limit that no bucket ends at": (
        "serving.yaml",
        {"canary": {"limits": {"p99_ms": 60}}},
        "serving.yaml: canary.limits.p99_ms is 60",
    ),
    "a uri that can change": ("version.yaml", {"storageUri": "models/flights/latest"}, "version.yaml: storageUri"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_work_is_a_line_and_ends_in_1(case: str, repo: Terminal) -> None:
    """File, reason, what next."""
    file, changes, reason = WRONG[case]
    edit(repo, f"env/prod/flights/{file}", **changes)

    said = repo("env", "check")

    assert said.code == 1
    [line] = said.out.splitlines()
    assert line.startswith(f"env/prod/flights/{reason}")
    assert "; next: " in line


def test_one_broken_service_hides_no_other(repo: Terminal) -> None:
    """Each problem is said, of each service."""
    (repo.folder / "env/prod/flights/app.yaml").write_text("chart: [")
    edit(repo, "env/prod/orders/app.yaml", chart="0.9.0")

    lines = repo("env", "check").out.splitlines()

    assert [line.split("/")[2] for line in lines] == ["flights", "orders"]


LABELLED = """\
apiVersion: v1
kind: Service
metadata:
  name: mine
  labels: {serving.kserve.io/inferenceservice: flights, component: predictor}
"""
NAMED = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: mine}
spec: {predictor: {name: mine, canaryTrafficPercent: 10, model: {storageUri: "s3://models/latest"}}}
"""
HARMS = {
    "KServe's own labels": (LABELLED, ["KServe would delete it"]),
    "a predictor of its own": (NAMED, ["predictor.name", "predictor.canaryTrafficPercent", "could change"]),
    "a secret": ("apiVersion: v1\nkind: Secret\nmetadata: {name: mine}\n", ["secrets are named in Git"]),
}


@pytest.mark.parametrize("case", HARMS)
def test_a_chart_that_makes_what_harms_is_refused(case: str, repo: Terminal) -> None:
    """A vendored chart is a file like any other, and can be edited."""
    text, reasons = HARMS[case]
    (repo.folder / CHART / "templates" / "mine.yaml").write_text(text)

    said = repo("env", "check")

    own = [line for line in said.out.splitlines() if "prod/flights" in line]
    assert said.code == 1
    assert len(own) == len(reasons)
    assert all(reason in line for reason, line in zip(reasons, own, strict=True))


def test_what_would_change_is_shown_since_the_branch_began(repo: Terminal) -> None:
    """Not what main gained meanwhile."""
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "one")
    git(repo, "switch", "-qc", "more")
    edit(repo, "env/prod/flights/serving.yaml", replicas=3)
    git(repo, "commit", "-qam", "three")
    git(repo, "switch", "-q", "main")
    edit(repo, "env/prod/flights/serving.yaml", threads=2)
    git(repo, "commit", "-qam", "meanwhile")
    git(repo, "switch", "-q", "more")

    said = repo("env", "check", "--base", "main")

    assert said.code == 0
    assert "1 of 2 services" in said.out
    assert "+  replicas: 3" in said.out
    assert "--threads" not in said.out


def test_a_base_that_is_not_there_is_named(repo: Terminal) -> None:
    """A shallow checkout is the usual reason."""
    git(repo, "init", "-q", "-b", "main")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "one")

    said = repo("env", "check", "--base", "origin/main")

    assert said.code == 1
    assert "'origin/main' names no commit here" in said.err
    assert "whole history" in said.err


def test_a_comment_needs_a_base(repo: Terminal) -> None:
    """There is nothing to say otherwise."""
    said = repo("env", "check", "--comment", 3)

    assert (2, True) == (said.code, "--base" in said.err)


def test_the_token_of_a_ci_is_a_file_for_as_long_as_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody else's to read."""
    monkeypatch.delenv("HEADGATE_FORGE_TOKEN_FILE", raising=False)
    monkeypatch.setenv("HEADGATE_FORGE_TOKEN", "s3cr3t")

    with env_check.token_file() as file:
        assert file is not None
        held = (file.read_text(), file.stat().st_mode & 0o777)

    assert held == ("s3cr3t", 0o600)
    assert not file.exists()


def test_a_comment_fits_into_a_forge_and_cannot_break_out_of_its_fence() -> None:
    """However much changes; a rendered text may hold a fence of its own."""
    many = {f"prod/s{number}": "```\n" + "x" * 9_000 for number in range(20)}

    text = markdown({}, many)

    assert len(text) < MOST + 200
    assert "more do not fit here" in text
    assert "````diff" in text


def test_the_same_change_is_told_in_the_same_words() -> None:
    """So that a forge's port says it once."""
    texts = {"prod/a": "one: 1\n", "dev/b": "two: 2\n"}

    assert markdown({}, texts) == markdown({}, dict(reversed(texts.items())))
    assert env_rendered.KSERVES == {"serving.kserve.io/inferenceservice", "component"}
