"""What the chart says it rendered is found again in Git, to the letter of the settings."""

from pathlib import Path

import msgspec
import pytest
import yaml

from headgate.desired import parse
from headgate.receive.marks import bears
from headgate.records.cluster import Marks
from headgate.records.live import Revision

ROOT = Path(__file__).parents[3]
PROFILES = sorted(path.name for path in (ROOT / "tests/unit/chart/profiles").iterdir())


def revision_of(profile: str) -> Revision:
    """Return what the profile's files name, as the env repo."""
    folder = ROOT / "tests/unit/chart/profiles" / profile
    texts = {f"env/prod/flights/{path.name}": path.read_text() for path in folder.iterdir()}
    found = parse(texts).revision("prod", "flights")
    assert found is not None
    return found


def marks_of(profile: str) -> Marks:
    """Return the marks of the Rollout that the chart made of it."""
    objects = yaml.safe_load_all((ROOT / f"tests/golden/chart/{profile}.yaml").read_text())
    rollout = next(one for one in objects if one and one["kind"] == "Rollout")
    said = rollout["metadata"]["annotations"]
    return Marks(**{mark: str(said[f"headgate.dev/{mark}"]) for mark in ("model", "serving", "chart")})


@pytest.mark.parametrize("profile", PROFILES)
def test_a_rendered_rollout_bears_what_git_names(profile: str) -> None:
    """Defaults that Helm spells out, and numbers that it writes its own way, change no digest."""
    assert bears(marks_of(profile), revision_of(profile))


@pytest.mark.parametrize("field", ["model", "chart", "serving"])
def test_another_mark_is_another_revision(field: str) -> None:
    """Each of the three alone."""
    other = {"model": "f" * 64, "chart": "9.9.9/0.1.0", "serving": '{"threads": 7}'}[field]

    changed = msgspec.structs.replace(marks_of("kserve-traefik"), **{field: other})

    assert not bears(changed, revision_of("kserve-traefik"))


def test_settings_nobody_can_read_leave_the_model_to_decide() -> None:
    """A chart of tomorrow may know settings that this receiver does not."""
    newer = msgspec.structs.replace(marks_of("kserve-traefik"), serving='{"of_tomorrow": 1}')

    assert bears(newer, revision_of("kserve-traefik"))
