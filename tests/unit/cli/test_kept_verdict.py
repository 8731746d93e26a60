"""The verdict that version.yaml names is kept where a pod finds it: what answers people is proven by it."""

import pytest

from headgate.cli.wiring import open_project
from headgate.errors import PermanentError
from headgate.names import Digest, Uri
from headgate.records.codec import decode
from headgate.records.judgement import Verdict
from headgate.second_model import proven
from unit.cli.terminal import Terminal


def test_a_promoted_model_s_verdict_is_in_the_store(live: Terminal) -> None:
    """Under the digest in Git; the very first model was compared with none, so it stands in no experiment."""
    project = open_project(live.folder / "service.yaml", None)
    standing = project.live(None)
    version = standing.desired.version(standing.environment, project.spec.service)
    assert version is not None

    kept = project.store.get(Uri(f"evidence/{version.verdict}.json"))

    verdict = decode(kept, Verdict)
    assert ("pass", version.model.sha256) == (verdict.outcome, verdict.model.sha256)
    with pytest.raises(PermanentError, match="against no champion"):
        proven(kept, version.verdict, version.model.sha256, Digest(version.code), version.model.sha256)
