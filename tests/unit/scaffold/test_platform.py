"""What an env repo says of the receiver and the pipelines."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from headgate.errors import UsageError
from headgate.names import name
from headgate.scaffold.charts import PLATFORM, source, version
from headgate.scaffold.platform import platforms
from headgate.scaffold.repository import Place
from headgate.specs.environment import Environment
from unit.chart.rendering import helm

pytestmark = pytest.mark.timeout(900)  # the first test may have to build Helm

URL, FORGE, IMAGE = "https://git.example.com/ml/env.git", "gitea+https://git.example.com/ml/env", "headgate:0.1.0"


def place(environment: str, cluster: str, namespace: str, store: str | None = "s3://models") -> Place:
    return Place(
        name=name(environment, "environment"),
        environment=Environment(cluster=cluster, namespace=namespace, store=store),
    )


def test_a_cluster_whose_name_yaml_could_misread_is_refused() -> None:
    """Nothing that ends a string or a line gets into Argo CD's objects."""
    with pytest.raises(UsageError, match="cluster"):
        platforms(URL, FORGE, [place("prod", "in 'cluster", "models")], IMAGE)


def test_each_cluster_has_one_of_its_own_with_the_environments_that_are_there() -> None:
    """A receiver watches the Rollouts of its own cluster, and its project reaches no other namespace."""
    found = platforms(
        URL,
        FORGE,
        [place("dev", "East_1", "ml"), place("qa", "East_1", "ml"), place("prod", "west", "models")],
        IMAGE,
    )

    project, application = yaml.safe_load_all(found["platform/east-1/application.yaml"])
    assert {"application.yaml", "values.yaml"} == {path.split("/")[-1] for path in found if "/west/" in path}
    assert ["headgate", "argo-rollouts", "ml"] == [one["namespace"] for one in project["spec"]["destinations"]]
    assert {"East_1"} == {one["name"] for one in project["spec"]["destinations"]}
    assert [] == project["spec"]["clusterResourceWhitelist"]
    assert project["metadata"]["name"] == application["spec"]["project"]
    assert "East_1" == yaml.safe_load(found["platform/east-1/values.yaml"])["receiver"]["cluster"]


def test_its_chart_is_the_one_that_is_vendored() -> None:
    """Argo CD finds it where `headgate env init` copies it, and sees a new one as a change."""
    _, application = yaml.safe_load_all(
        platforms(URL, FORGE, [place("prod", "west", "models")], IMAGE)["platform/west/application.yaml"]
    )

    folder = f"charts/headgate-platform/{version(PLATFORM)}"
    assert folder == application["spec"]["source"]["path"]
    watched = application["metadata"]["annotations"]["argocd.argoproj.io/manifest-generate-paths"].split(";")
    assert ["/platform/west", f"/{folder}"] == watched
    assert ["/platform/west/values.yaml"] == application["spec"]["source"]["helm"]["valueFiles"]


@pytest.mark.parametrize(("store", "code"), [("s3://models", 0), (None, 1)])
def test_its_values_are_enough_for_the_chart_once_the_store_is_known(
    store: str | None, code: int, tmp_path: Path
) -> None:
    """A store that nobody has named yet is asked for by name."""
    values = platforms(URL, FORGE, [place("prod", "west", "models", store)], IMAGE)["platform/west/values.yaml"]
    (tmp_path / "values.yaml").write_text(values)
    chart = shutil.copytree(source(PLATFORM), tmp_path / "chart")

    command = [helm(), "template", "headgate", chart, "--namespace=headgate", "-f", tmp_path / "values.yaml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert code == done.returncode, done.stderr
    assert store or "store is missing" in done.stderr
