"""Where is a model's drift reference? In the store by the settings it was made under, in a pod beside the model."""

import msgspec

from headgate.names import Digest, Uri, short
from headgate.records.codec import digest_of
from headgate.specs.reading import show_duration
from headgate.specs.service import Service

BESIDE = "drift-reference.json"
"""In the folder of a model that is served; `headgate fetch` brings it."""


def uri(spec: Service, model: Digest) -> Uri:
    """Return where the reference of a model is kept; under other settings that it depends on there is another one."""
    settings = {
        "window": show_duration(spec.drift.window),
        "min_rows": spec.drift.min_rows,
        "time": spec.data.time,
        "id": spec.data.id,
        "roles": spec.data.roles,
    }
    named = digest_of(msgspec.json.encode(settings, order="deterministic"))
    return Uri(f"drift-references/{spec.service}/{model}/{show_duration(spec.drift.window)}-{short(named)}.json")
