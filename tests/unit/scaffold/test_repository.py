"""The files of a new env repo."""

import pytest
import yaml

from headgate.errors import UsageError
from headgate.names import name
from headgate.scaffold.repository import Place, argo, repository
from headgate.specs.environment import Environment

URL = "https://git.example.com/ml/env.git"
PROD = Place(name=name("prod", "environment"), environment=Environment(cluster="in-cluster", namespace="models"))
DEV = Place(name=name("dev", "environment"), environment=Environment(cluster="west", namespace="models-dev"))


def objects(place: Place, url: str = URL) -> dict[str, dict]:
    return {one["kind"]: one for one in yaml.safe_load_all(argo(url, place))}


@pytest.mark.parametrize("url", ["", "https://x/'y", "https://x/\ny", "a b", "https://x/{{ .path }}"])
def test_an_address_that_yaml_could_misread_is_refused(url: str) -> None:
    """Nothing that ends a string or a line gets into Argo CD's objects."""
    with pytest.raises(UsageError, match="repository"):
        argo(url, PROD)


def test_a_folder_cannot_choose_its_cluster_namespace_or_project() -> None:
    """What bounds an application's rights holds no template value."""
    found = objects(PROD)["ApplicationSet"]["spec"]["template"]["spec"]

    assert "headgate-prod" == found["project"]
    assert {"name": "in-cluster", "namespace": "models"} == found["destination"]


def test_the_project_allows_one_namespace_of_one_cluster_and_no_secrets() -> None:
    """A chart in the env repo cannot leave its environment."""
    found = objects(DEV)["AppProject"]["spec"]

    assert [{"name": "west", "namespace": "models-dev"}] == found["destinations"]
    assert [URL] == found["sourceRepos"]
    assert [] == found["clusterResourceWhitelist"]
    assert {"group": "", "kind": "Secret"} in found["namespaceResourceBlacklist"]


def test_deletions_stop_nothing() -> None:
    """Neither a deleted folder nor a lost version.yaml takes away what serves."""
    found = objects(PROD)["ApplicationSet"]["spec"]

    assert {"preserveResourcesOnDeletion": True, "applicationsSync": "create-update"} == found["syncPolicy"]
    assert found["template"]["spec"]["syncPolicy"]["automated"]["allowEmpty"] is False


def test_a_new_folder_is_found_without_a_webhook() -> None:
    """Gitea's webhooks are not read by ApplicationSets: they look by themselves, at least once a minute."""
    [generator] = objects(PROD)["ApplicationSet"]["spec"]["generators"]

    assert generator["git"]["requeueAfterSeconds"] <= 60


def test_values_are_read_in_the_order_that_later_ones_win() -> None:
    """The environment's defaults come first, the model last."""
    found = objects(PROD)["ApplicationSet"]["spec"]["template"]["spec"]["source"]["helm"]["valueFiles"]

    assert ["environment.yaml", "app.yaml", "serving.yaml", "version.yaml"] == [one.split("/")[-1] for one in found]


def test_only_the_chosen_forges_get_their_ci() -> None:
    """A repository on one forge holds no workflow of another."""
    paths = {edit.path for edit in repository(URL, [DEV, PROD], ["gitea"], "headgate:0.1.0")}

    assert {
        "README.md",
        ".gitea/CODEOWNERS",
        ".gitea/workflows/env.yaml",
        "appsets/dev.yaml",
        "appsets/prod.yaml",
    } == paths


def test_the_ci_runs_in_the_image_it_is_given() -> None:
    """The image's name is the only thing the CI file takes."""
    [ci] = [
        edit for edit in repository(URL, [], ["gitlab"], "ghcr.io/x/headgate:0.1.0") if edit.path == ".gitlab-ci.yml"
    ]

    assert "ghcr.io/x/headgate:0.1.0" == yaml.safe_load(ci.text or "")["env"]["image"]["name"]
