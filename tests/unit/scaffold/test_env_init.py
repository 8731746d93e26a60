"""`headgate env init`: an env repo's first files, and no second thoughts about what exists."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from headgate.desired import parse
from headgate.lint import lint
from headgate.scaffold.charts import PLATFORM, source, vendored, version
from unit.cli.terminal import Terminal

URL = "https://git.example.com/ml/env.git"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """An empty folder."""
    return Terminal(tmp_path, monkeypatch, capsys)


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_without_an_address_is_refused(terminal: Terminal) -> None:
    """Argo CD could not clone it."""
    said = terminal("env", "init", "here")

    assert said.code == 2
    assert "--url" in said.err
    assert not (terminal.folder / "here").exists()


def test_a_new_env_repo_has_all_it_needs(terminal: Terminal) -> None:
    """Order, environments, Argo CD's objects, CI, owners, and the chart that app.yaml names."""
    said = terminal("env", "init", ".", "--url", URL, "--forge", "gitea", "--service", "flights", "--store", "s3://m")

    written = files(terminal.folder)
    assert said.code == 0, said.err
    assert {"promotion.yaml", "README.md", ".gitea/CODEOWNERS", ".gitea/workflows/env.yaml"} <= written.keys()
    assert {f"appsets/{name}.yaml" for name in ("dev", "staging", "prod")} <= written.keys()
    assert f"charts/headgate-service/{version()}/Chart.yaml" in written
    assert f"charts/headgate-platform/{version(PLATFORM)}/Chart.yaml" in written
    assert {f"platform/in-cluster/{file}.yaml" for file in ("application", "values")} <= written.keys()
    assert yaml.safe_load(written["env/prod/flights/app.yaml"])["chart"] == version()
    assert lint(parse(written)) == []


def test_what_exists_is_kept_and_named(terminal: Terminal) -> None:
    """A person's edit outlives every further init."""
    terminal("env", "init", ".", "--url", URL)
    (terminal.folder / "CODEOWNERS").write_text("* @me\n")
    before = files(terminal.folder)

    said = terminal("env", "init", ".", "--url", URL)

    assert before == files(terminal.folder)
    assert "kept     CODEOWNERS, which says something else" in said.out
    assert "written" not in said.out


def test_a_further_service_gets_a_folder_in_each_environment_that_is_there(terminal: Terminal) -> None:
    """promotion.yaml says which; its settings are not those of a new repository."""
    terminal("env", "init", ".", "--url", URL, "--environments", "qa,live")
    before = files(terminal.folder).keys()

    terminal("env", "init", ".", "--url", URL, "--service", "orders")

    added = files(terminal.folder).keys() - before
    assert {f"env/{name}/orders/{file}.yaml" for name in ("qa", "live") for file in ("app", "serving", "bans")} == added


def test_applications_go_where_environment_yaml_says(terminal: Terminal) -> None:
    """Also where it was there before the ApplicationSet."""
    path = terminal.folder / "env" / "prod" / "environment.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("cluster: west\nnamespace: ml\n")

    terminal("env", "init", ".", "--url", URL, "--environments", "prod")

    _, found = yaml.safe_load_all((terminal.folder / "appsets/prod.yaml").read_text())
    assert found["spec"]["template"]["spec"]["destination"] == {"name": "west", "namespace": "ml"}


@pytest.mark.parametrize("wrong", ["Prod", "a/b", "dev,,prod", ""])
def test_names_that_are_none_are_refused_before_anything_is_written(wrong: str, terminal: Terminal) -> None:
    """They would be folders and labels."""
    said = terminal("env", "init", "here", "--url", URL, "--service", "x", "--environments", wrong or "..")

    assert said.code in {1, 2}
    assert not (terminal.folder / "here").exists()


def test_the_vendored_chart_is_the_one_of_this_repository() -> None:
    """An editable install takes it from the checkout."""
    assert source() == ROOT / "charts" / "headgate-service"
    assert {"values.schema.json", "templates/rollout.yaml", "files/questions.yaml"} <= {
        edit.path.partition(f"{version()}/")[2] for edit in vendored()
    }


@pytest.mark.full
def test_the_wheel_has_the_charts(tmp_path: Path) -> None:
    """An installation without a checkout takes them from there."""
    subprocess.run([sys.executable, "-m", "uv", "build", "--wheel", "-q", "-o", tmp_path, ROOT], check=True)

    [wheel] = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    assert {f"headgate/charts/headgate-{chart}/Chart.yaml" for chart in ("service", "platform")} <= set(held)
