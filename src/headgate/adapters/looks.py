"""How many models have the same gate rows judged? Each look is kept, so that a holdout does not wear out unseen."""

import re
from collections.abc import Iterable

from headgate.errors import PermanentError
from headgate.names import DigestField, Uri
from headgate.ports import Store
from headgate.records.codec import Record, decode, encode
from headgate.records.dataset import Window
from headgate.records.model import Model


class Look(Record, frozen=True, kw_only=True, tag="look/1"):
    """One model judged on one holdout: gate rows that overlap in time are the same holdout."""

    model: DigestField
    gate: DigestField
    window: Window | None
    number: int

    def covers(self, model: Model) -> bool:
        """Say whether a model's gate rows are some of these."""
        other = model.dataset.parts["gate"]
        if self.window is None or other.window is None:
            return self.gate == other.sha256
        return self.window.start < other.window.end and other.window.start < self.window.end


def number(store: Store, model: Model) -> int:
    """Return how many models these gate rows have judged, this one included; judged again is no new look.

    A service's looks stand in a row, and each place is taken by one writer only: who finds the next one taken counts
    again, so no two runs at the same moment have the same number.
    """
    folder = f"looks/{model.service}/"
    while True:
        seen = {uri: decode(store.get(uri), Look, uri) for uri in store.uris(folder)}
        covering = [look for look in seen.values() if look.covers(model)]
        known = [look.number for look in covering if look.model == model.sha256]
        if known:
            return known[0]
        gate = model.dataset.parts["gate"]
        count = 1 + len({look.model for look in covering})
        made = Look(model=model.sha256, gate=gate.sha256, window=gate.window, number=count)
        if taken(store, Uri(f"{folder}{next_place(seen):06}.json"), encode(made)):
            return count


def next_place(seen: Iterable[Uri]) -> int:
    places = [int(found[1]) for uri in seen if (found := re.search(r"/(\d{6})\.json\Z", uri))]
    return 1 + max(places, default=0)


def taken(store: Store, place: Uri, look: bytes) -> bool:
    """Say whether a place is this look's; another's is left as it is."""
    try:
        store.put(place, look)
    except PermanentError:
        if not store.has(place):
            raise
        return store.get(place) == look
    return True
