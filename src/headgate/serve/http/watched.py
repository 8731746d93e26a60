"""An app that tells of each prediction it was asked for; one that is told of is not answered at once."""

from typing import Any

from headgate.serve.door.body import Receive, Scope, Send
from headgate.serve.door.limits import Limits
from headgate.serve.http.app import App
from headgate.serve.setup.served import Served
from headgate.serve.telemetry.watch import Asking, Ended, Watch


class WatchedApp(App):
    """Answers as App does, and tells of it."""

    def __init__(self, served: Served, limits: Limits, watch: Watch) -> None:
        super().__init__(served, limits)
        self.watch = watch

    def at_once(self, *_: Any) -> None:
        """Answer nothing before it can be told of."""
        return

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in self.dialects:
            await super().__call__(scope, receive, send)
            return
        path = scope["path"]
        words = {"http.request.method": scope["method"], "url.path": path}
        with self.watch.of(Asking(path, scope["headers"], words)) as tell:

            async def heard(message: Any) -> None:
                if "status" in message:
                    tell(Ended(message["status"]))
                await send(message)

            await super().__call__(scope, receive, heard)


def app_of(served: Served, limits: Limits, watch: Watch | None) -> App:
    """Return the app, watched where somebody wants to know."""
    return WatchedApp(served, limits, watch) if watch else App(served, limits)
