"""The same answers in somebody else's application: an ASGI app to mount under any path of FastAPI or Starlette."""

import msgspec

from headgate.names import digest
from headgate.serve.door.body import Receive, Scope, Send
from headgate.serve.http.app import App
from headgate.serve.setup.options import ServeOptions
from headgate.serve.setup.preparing import prepare


class Mounted:
    """One verified, warm model behind its door; it draws no path of its own and needs no lifespan."""

    def __init__(self, options: ServeOptions) -> None:
        # Nobody flushes beside a foreign server: what is answered is written first.
        served = prepare(msgspec.structs.replace(options, flush_seconds=0), digest(options.sha256))
        self.app = App(served, options.limits)

    @property
    def service(self) -> str:
        """Return the served model's name in every path."""
        return self.app.service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(below(scope) if scope["type"] == "http" else scope, receive, send)


def below(scope: Scope) -> Scope:
    """Return the scope as seen from where the app is mounted.

    >>> below({"path": "/models/v2/health/live", "root_path": "/models"})["path"]
    '/v2/health/live'
    """
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    inner = path[len(root) :] if root and path.startswith(root + "/") else path
    return {**scope, "path": inner, "root_path": ""}


async def ask(mounted: Mounted, path: str, body: bytes) -> tuple[int, bytes]:
    """Return status and body of one POST, asked within this process: no socket, the same door."""
    said: list[bytes] = []
    status = 500

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Scope) -> None:
        nonlocal status
        status = message.get("status", status)
        said.append(message.get("body", b""))

    scope: Scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await mounted(scope, receive, send)
    return status, b"".join(said)
