"""What runs beside the served models, as an env repo has Argo CD deliver it: platform/<cluster>/."""

import re
from collections.abc import Mapping, Sequence

from headgate.scaffold.charts import PLATFORM, version
from headgate.scaffold.repository import Place, check, text

VALUES = """\
# Headgate's receiver, pipelines, accounts and rules on {cluster}: charts/headgate-platform/{version}/VALUES.md.
image: {image}
{store}
forge: {forge}
receiver:
  cluster: {cluster}
  namespaces: [{namespaces}]
  # Whose runs start by a push, an alert or a promotion.
  services: {{}}
"""
DESTINATIONS = "    # The receiver's Role, in each environment's namespace.\n"


def platforms(url: str, forge: str, places: Sequence[Place], image: str) -> Mapping[str, str]:
    """Return each cluster's Argo CD project, Application and values: path → text.

    url: what Argo CD clones. forge: the same repository as the receiver calls it, `gitea+https://host/owner/name`.
    """
    clusters = dict.fromkeys(place.environment.cluster for place in places)
    made: dict[str, str] = {}
    for cluster in clusters:
        here = [place for place in places if place.environment.cluster == cluster]
        folder = f"platform/{slug(cluster)}"
        made[f"{folder}/application.yaml"] = application(url, cluster, namespaces(here))
        made[f"{folder}/values.yaml"] = values(cluster, forge, here, image)
    return made


def application(url: str, cluster: str, spaces: Sequence[str]) -> str:
    """Return Argo CD's objects, of a project that reaches no other namespace."""
    words = {"REPOSITORY": url, "CLUSTER": cluster, "SLUG": slug(cluster), "VERSION": version(PLATFORM)}
    lines = "".join(f"    - {{name: {cluster}, namespace: {space}}}\n" for space in spaces)
    return text("platform/application.yaml", **words).replace(DESTINATIONS, DESTINATIONS + lines)


def values(cluster: str, forge: str, places: Sequence[Place], image: str) -> str:
    """Return the chart's first values; what is not known yet is left out, and the chart asks for it."""
    store = next((place.environment.store for place in places if place.environment.store), None)
    words = {"cluster": cluster, "version": version(PLATFORM), "image": image, "forge": forge}
    for word, value in words.items():
        check(word, value)
    told = f"store: {store}" if store else "# store: s3://models          # Secret headgate-store has its keys"
    return VALUES.format(**words, store=told, namespaces=", ".join(namespaces(places)))


def namespaces(places: Sequence[Place]) -> list[str]:
    """Return where the environments' services run, each once."""
    return list(dict.fromkeys(place.environment.namespace for place in places))


def slug(cluster: str) -> str:
    """Return a cluster's name as objects and folders may bear it."""
    return re.sub(r"[^a-z0-9]+", "-", cluster.lower()).strip("-")
