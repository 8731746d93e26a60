"""version.yaml names the image that answers for a model, where one does, as the model's record has it."""

import pytest
from msgspec.structs import replace

from headgate.propose.proposal import version_of
from headgate.records.judgement import Verdict
from headgate.specs.environment import Version
from headgate.specs.reading import parse
from headgate.specs.writing import render_version
from unit.propose.circumstances import CAUSE, evidence, verdict

IMAGE = f"registry.example/own@sha256:{'a' * 64}"


def text(found: Verdict) -> str:
    return render_version(version_of(found, evidence(), CAUSE, None, None))


@pytest.mark.parametrize("image", [IMAGE, None])
def test_the_image_stands_in_version_yaml(image: str | None) -> None:
    """And nothing does for a model that the server answers for."""
    judged = verdict(evidence())
    own = replace(judged, model=replace(judged.model, predictor=image)) if image else judged

    written = text(own)

    assert image == parse(written, Version, "version.yaml").model.predictor
    assert bool(image) == ("predictor" in written)
