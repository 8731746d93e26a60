"""How many models have the same gate rows judged? Each look is kept, so that a holdout does not wear out unseen."""

from headgate.names import DigestField, Uri
from headgate.ports import Store
from headgate.records.codec import Record, decode, digest, encode
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
    """Return how many models these gate rows have judged, this one included; judged again is no new look."""
    folder = f"looks/{model.service}/"
    seen = [decode(store.get(uri), Look, uri) for uri in store.uris(folder)]
    known = [look.number for look in seen if look.model == model.sha256 and look.covers(model)]
    if known:
        return known[0]
    count = 1 + len({look.model for look in seen if look.covers(model)})
    gate = model.dataset.parts["gate"]
    made = Look(model=model.sha256, gate=gate.sha256, window=gate.window, number=count)
    store.put(Uri(f"{folder}{digest(made)}.json"), encode(made))
    return count
