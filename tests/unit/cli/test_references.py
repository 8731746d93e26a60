"""A drift reference that is not there is made again, and one made under other settings is not taken."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from headgate.cli import references
from headgate.cli.wiring import Project, open_project
from headgate.models.loading import Loaded, load
from headgate.records.model import Model
from unit.cli.terminal import Terminal


@pytest.fixture
def champion(live: Terminal) -> tuple[Project, Model, Loaded]:
    """Return an opened project, the model that is live in it, and that model ready to predict."""
    project = open_project(live.folder / "service.yaml", None)
    model = project.live(None).champion
    assert model is not None
    return project, model, load(project.store.folder(model.uri), model.sha256)


def files(project: Project) -> list[Path]:
    return sorted((project.workspace.store / "drift-references").glob("*/*/*.json"))


def test_a_reference_that_was_lost_is_made_again(champion: tuple[Project, Model, Loaded]) -> None:
    """From the rows the model learned from: the same bytes."""
    (kept,) = files(champion[0])
    before = kept.read_bytes()
    kept.unlink()

    references.kept(*champion)

    assert kept.read_bytes() == before


def test_a_role_that_is_declared_later_is_minded(champion: tuple[Project, Model, Loaded]) -> None:
    """A column that becomes a calendar column takes no part from now on, and back again it does."""
    project, model, loaded = champion
    data = msgspec.structs.replace(project.spec.data, roles={"weight": "calendar"})
    changed = replace(project, spec=msgspec.structs.replace(project.spec, data=data))

    expected = {
        name: {column.name: column.expected for column in references.kept(one, model, loaded).columns}["weight"]
        for name, one in {"changed": changed, "as it was": project}.items()
    }

    assert expected == {"changed": True, "as it was": False}
    assert len(files(project)) == 2
