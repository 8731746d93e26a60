"""Clients that never retry: requests at a steady pace, each answer kept with its moment, its code and its model."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 5.0
LEAST_PER_SECOND = 50


@dataclass(frozen=True)
class Answer:
    """One request's end: a code of 0 says that there was none."""

    at: float
    code: int
    model: str
    seconds: float
    said: str = ""


@dataclass
class Traffic:
    """Requests to one service through its router."""

    address: str
    host: str
    path: str
    body: bytes
    per_second: int = 60
    clients: int = 6
    answers: list[Answer] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self) -> Iterator["Traffic"]:
        """Send until the block ends; fewer requests than were promised are an error, for they would prove less."""
        threads = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(self.clients)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(TIMEOUT_SECONDS + 1)
        pace = len(self.answers) / (time.monotonic() - began)
        assert pace >= LEAST_PER_SECOND, f"{pace:.0f} requests a second"

    def _send(self, number: int) -> None:
        pause = self.clients / self.per_second
        due = time.monotonic() + pause * number / self.clients
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        while not self._stop.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due = max(due + pause, time.monotonic() - 1.0)
            answer = self._ask(connection)
            self.answers.append(answer)
            if answer.code == 0:
                connection.close()  # the next request opens another
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> Answer:
        began, at = time.monotonic(), time.time()
        try:
            connection.request("POST", self.path, self.body, {"Host": self.host, "Content-Type": "application/json"})
            response = connection.getresponse()
            said = response.read()
        except OSError as err:
            return Answer(at, 0, "", time.monotonic() - began, repr(err))
        except http.client.HTTPException as err:
            return Answer(at, 0, "", time.monotonic() - began, repr(err))
        model = response.headers.get("headgate-model", "")
        shown = "" if response.status == 200 else said[:200].decode(errors="replace")
        return Answer(at, response.status, model, time.monotonic() - began, shown)

    def between(self, start: float, end: float) -> list[Answer]:
        """Return the answers to requests that began in an interval of wall time."""
        return [answer for answer in self.answers if start <= answer.at < end]


def failed(answers: Sequence[Answer]) -> list[Answer]:
    """Return what a client would call a failure."""
    return [answer for answer in answers if answer.code != 200]


def share(answers: Sequence[Answer], model: str) -> float:
    """Return the share of good answers that a model gave."""
    counted = Counter(answer.model for answer in answers if answer.code == 200)
    return counted[model] / max(1, counted.total())


def rows(columns: dict[str, list[object]], kinds: dict[str, str]) -> bytes:
    """Return a V2 request of named columns."""
    inputs = [
        {"name": name, "shape": [len(values)], "datatype": kinds[name], "data": values}
        for name, values in columns.items()
    ]
    return json.dumps({"inputs": inputs}).encode()
