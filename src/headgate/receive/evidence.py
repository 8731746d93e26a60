"""What the store keeps about runs: measured windows, heard signals, triggers; what a name holds never changes."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from headgate.errors import PermanentError
from headgate.names import Uri
from headgate.ports import Store
from headgate.receive.books import Place
from headgate.records.codec import R, decode, encode
from headgate.records.live import Heard, Observed, Signal, Trigger


class Evidence:
    """Reads and writes the store's documents about one service after the other; what was read is not read again."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._read: dict[Uri, Observed | Heard | Trigger | None] = {}

    def observed(self, place: Place) -> list[Observed]:
        """Return the measured windows of a service in an environment, oldest first."""
        environment, service = place
        found = list(self.documents(f"observations/{service}/{environment}/", Observed))
        return sorted(found, key=lambda one: (one.window.end, one.labelled.labelled))

    def heard(self, place: Place) -> list[Heard]:
        """Return the signals that were sent."""
        environment, service = place
        return list(self.documents(f"signals/{service}/{environment}/", Heard))

    def signals(self, place: Place, champion: str) -> list[Signal]:
        """Return every signal about a champion."""
        measured = [signal for one in self.observed(place) if one.champion == champion for signal in one.signals]
        return [*measured, *(one.signal for one in self.heard(place) if one.champion == champion)]

    def hear(self, heard: Heard) -> None:
        """Keep a signal; the same rule about the same window and champion is one signal, whatever its words."""
        signal = heard.signal
        words = (heard.champion, signal.cause, signal.rule, signal.window.end.isoformat(), str(signal.fired))
        own = (signal.detail,) if signal.cause == "person" else ()
        name = hashlib.sha256("\n".join((*words, *own)).encode()).hexdigest()
        self.keep(Uri(f"signals/{heard.service}/{heard.environment}/{name}.json"), encode(heard))

    def triggers(self, place: Place) -> list[Trigger]:
        """Return the triggers that were decided, oldest first."""
        environment, service = place
        found = list(self.documents(f"triggers/{service}/{environment}/", Trigger))
        return sorted(found, key=lambda one: (one.at, one.key))

    def decide(self, trigger: Trigger) -> None:
        """Keep a trigger, so that its run is started by whoever comes; the first one who decided it is right."""
        self.keep(Uri(f"triggers/{trigger.service}/{trigger.environment}/{trigger.key}.json"), encode(trigger))

    def keep(self, uri: Uri, content: bytes) -> None:
        """Keep a document unless one of its name is there: another replica's is as good."""
        if not self.store.has(uri):
            try:
                self.store.put(uri, content)
            except PermanentError:
                if not self.store.has(uri):
                    raise

    def documents(self, prefix: str, kind: type[R]) -> Iterator[R]:
        """Yield the documents under a prefix; one that nobody can read is left out."""
        for uri in self.store.uris(prefix):
            if uri not in self._read:
                found: object = None
                with suppress(PermanentError):
                    found = decode(self.store.get(uri), kind, uri)
                self._read[uri] = found  # type: ignore[assignment]  # what a prefix holds is of one kind
            one = self._read[uri]
            if isinstance(one, kind):
                yield one
