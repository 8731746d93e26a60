"""The first files of an env repo for a cluster: what people then fill in, and a folder for each new service."""

from collections.abc import Mapping, Sequence

from headgate.desired import Desired, file_path
from headgate.names import Name
from headgate.records.change import Edit
from headgate.scaffold.platform import platforms
from headgate.scaffold.repository import Dialect, Place, repository
from headgate.specs.environment import Environment
from headgate.specs.reading import parse
from headgate.specs.writing import FIRST_APP, FIRST_SERVING, first_promotion, render_bans

ENVIRONMENT = """\
# Where {name} is. Nothing is rendered for a model before store and domain are said.
cluster: {cluster}
namespace: {namespace}
{store}
{domain}
"""


def whole(
    existing: Mapping[str, str],
    environments: Sequence[Name],
    dialects: Sequence[Dialect],
    url: str,
    image: str,
    *,
    service: Name | None = None,
    cluster: str = "in-cluster",
    store: str | None = None,
    domain: str | None = None,
) -> list[Edit]:
    """Return every file that an env repo of these environments should have; what exists decides what is said of it."""
    texts = {"promotion.yaml": first_promotion(environments)}
    places = []
    for name in environments:
        path = f"env/{name}/environment.yaml"
        texts[path] = existing.get(path) or environment(name, cluster, store, domain)
        places.append(Place(name=name, environment=parse(texts[path], Environment, path)))
        if service:
            texts |= folder(name, service)
    texts |= platforms(url, f"{dialects[0]}+{url.removesuffix('.git')}", places, image)
    return [Edit(path=path, text=text) for path, text in texts.items()] + repository(url, places, dialects, image)


def environment(name: Name, cluster: str, store: str | None, domain: str | None) -> str:
    """Return the first environment.yaml."""
    return ENVIRONMENT.format(
        name=name,
        cluster=cluster,
        namespace=f"models-{name}",
        store=f"store: {store}" if store else "# store: s3://models          # Secret headgate-store has its keys",
        domain=f"domain: {name}.{domain}"
        if domain
        else f"# domain: {name}.models.example   # a service is <service>.<domain>",
    )


def folder(environment: Name, service: Name) -> dict[str, str]:
    """Return a new service's files in one environment: path → text."""
    return {
        file_path(environment, service, "app.yaml"): FIRST_APP,
        file_path(environment, service, "serving.yaml"): FIRST_SERVING,
        file_path(environment, service, "bans.yaml"): render_bans(()),
    }


def known(existing: Mapping[str, str]) -> list[Name]:
    """Return the environments that promotion.yaml names, none where there is none."""
    return [one.name for one in Desired(texts=existing).order()] if "promotion.yaml" in existing else []
