"""What was an object of the cluster rendered from? Its marks against what Git named."""

from functools import lru_cache

import msgspec

from headgate.desired import settings_digest
from headgate.names import Digest
from headgate.records.cluster import Marks
from headgate.records.live import Revision
from headgate.specs.environment import Serving


def bears(marks: Marks, revision: Revision) -> bool:
    """Say whether a revision is what the marks name; what they leave out is not compared."""
    if marks.model != revision.model or marks.chart not in (None, revision.chart):
        return False
    settings = digest(marks.serving) if marks.serving else None
    return settings in (None, revision.settings)


@lru_cache(maxsize=256)
def digest(serving: str) -> Digest | None:
    """Return the digest of the settings in a mark; None where they are no settings of ours: the model then decides."""
    try:
        return settings_digest(msgspec.json.decode(serving, type=Serving))
    except msgspec.DecodeError:
        return None
