"""HTTP connections: a small prediction that came whole is answered where it is read; all else is uvicorn's.

A task, an event and three messages make an ASGI call. They cost more than most predictions do, and one that waits for
nothing needs none of them. What it does need is the same as everywhere: one door, one model, one way to count.
"""

import asyncio
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from headgate.serve.http.answer import Answer
from headgate.serve.http.app import App
from headgate.serve.protocols.dialect import Dialect

AT_ONCE_BYTES = 16 << 10
"""Longer bodies may hold many rows, for which nobody else shall wait."""


class Held:
    """Stands where uvicorn looks for the request before the next one, while its answer is awaited."""

    def __init__(self, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.response_complete = False
        self.disconnected = False
        self.message_event = asyncio.Event()


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, config: Config, *args: Any, **named: Any) -> None:
        super().__init__(config, *args, **named)
        self.predictions: App = config.loaded_app  # the server is given no other
        self.dialect: Dialect | None = None
        """Set while a request is held that may be answered at once."""
        self.held: list[bytes] = []
        self.had_turn = False
        """One answer at once for what is read at once: who sends many requests together waits among the others."""
        self.awaited: Held | None = None
        """Whose answer comes at the end of this turn of the loop."""
        self.asked: list[RequestResponseCycle] = []
        """What uvicorn was handed and has not answered yet."""
        self.broken: str | None = None
        """What uvicorn has to say of bytes that came after it."""

    def on_message_begin(self) -> None:
        """Keep a request's head; uvicorn's own view of it is made when it is asked."""
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self.dialect = None

    def on_headers_complete(self) -> None:
        """Hold a prediction's request, hand over any other."""
        self.held = []
        self.dialect = self.predictions.at_once(self.url, self.headers) if self.may_hold() else None
        if self.dialect is None:
            self.hand_over()

    def may_hold(self) -> bool:
        """Say whether an answer may be written as soon as it is there."""
        parser, before = self.parser, self.cycle
        return (
            not self.had_turn
            and (before is None or before.response_complete)
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not (self.flow.write_paused or self.expect_100_continue or parser.should_upgrade())
        )

    def hand_over(self) -> None:
        """Let uvicorn go on with the request as if it had had it from the beginning."""
        url, headers, expected, held = self.url, self.headers, self.expect_100_continue, self.held
        super().on_message_begin()
        self.url, self.expect_100_continue, self.held, self.dialect = url, expected, [], None
        self.headers.extend(headers)
        super().on_headers_complete()
        self.asked = [*(one for one in self.asked if not one.response_complete), self.cycle]
        for piece in held:
            super().on_body(piece)

    def on_body(self, body: bytes) -> None:
        """Hold what is short."""
        if self.dialect is None:
            super().on_body(body)
            return
        self.held.append(body)
        if sum(map(len, self.held)) > AT_ONCE_BYTES:
            self.hand_over()

    def on_message_complete(self) -> None:
        """Answer a request that came whole."""
        if self.dialect is None:
            super().on_message_complete()
            return
        dialect, self.dialect, self.had_turn = self.dialect, None, True
        answer = self.predictions.respond_at_once(b"".join(self.held), dialect, self.write_awaited)
        keep_alive = self.parser.should_keep_alive()
        if answer is None:
            self.awaited = Held(keep_alive=keep_alive)
            self.cycle = self.awaited  # type: ignore[assignment]  # as much of one as uvicorn asks for
            return
        self.write(answer, keep_alive=keep_alive)
        self.on_response_complete()

    def write_awaited(self, answer: Answer) -> None:
        """Write what was not there at once; whoever is gone gets nothing."""
        held, self.awaited = self.awaited, None
        if held is None or self.transport.is_closing():
            return
        held.response_complete = True
        self.write(answer, keep_alive=held.keep_alive)
        self.on_response_complete()
        if self.broken is not None and not self.transport.is_closing():
            super().send_400_response(self.broken)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, after what was asked before it is answered."""
        if self.awaited is None:
            super().send_400_response(msg)
        else:
            self.broken = msg

    def data_received(self, data: bytes) -> None:
        """Read on; a request that did not come whole is waited for by uvicorn, within the deadline."""
        self.had_turn = False
        super().data_received(data)
        if self.dialect is not None and not self.transport.is_closing():
            self.hand_over()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let nobody write to who is gone; uvicorn itself tells the last of several requests alone."""
        for one in self.asked:
            one.disconnected = not one.response_complete
            one.message_event.set()
        super().connection_lost(exc)

    def write(self, answer: Answer, *, keep_alive: bool) -> None:
        code, content, headers = answer
        lines = [b"%b: %b\r\n" % header for header in (*self.server_state.default_headers, *headers)]
        is_told = (b"connection", b"close") in headers
        if not keep_alive and not is_told:
            lines.append(b"connection: close\r\n")
        self.transport.write(b"".join([STATUS_LINE[code], *lines, b"\r\n", content]))
        if is_told or not keep_alive:
            self.transport.close()
