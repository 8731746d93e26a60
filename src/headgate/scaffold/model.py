"""The files of a model repo that build its image and start its runs."""

from headgate.errors import UsageError
from headgate.records.change import Edit
from headgate.scaffold.repository import Dialect, text

CI: dict[Dialect, tuple[str, str]] = {
    "github": (".github/workflows/model.yaml", "actions.yaml"),
    "gitea": (".gitea/workflows/model.yaml", "actions.yaml"),
    "gitlab": (".gitlab-ci.yml", "gitlab.yml"),
}
"""Forge → where its CI is, and which of our files that is."""


def model(dialect: Dialect, folder: str, image: str, own: str) -> list[Edit]:
    """Return CI and Dockerfile of the service in `folder` of a repository.

    image: Headgate's own. own: what the service's image is called, with its registry and without a tag.
    """
    if "@" in own or ":" in own.rpartition("/")[2]:
        raise UsageError(f"{own!r} has a tag or a digest already", next_step="the CI adds the commit: leave it out")
    place, file = CI[dialect]
    words = {"BASE_IMAGE": image, "MODEL_IMAGE": own} | ({} if folder == "." else {"SERVICE_FOLDER": folder})
    here = "" if folder == "." else f"{folder}/"
    return [
        Edit(path=place, text=text(f"model/{file}", **words).replace("SERVICE_FOLDER", ".")),
        Edit(path=f"{here}.dockerignore", text=text("model/dockerignore")),
        Edit(path=f"{here}Dockerfile", text=text("model/Dockerfile", **words)),
    ]
