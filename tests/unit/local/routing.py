"""A router in front of stand-ins of two tracks, and a client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from headgate.local.route import Router
from headgate.local.wire import Limits
from unit.local.standin import StandIn


@dataclass
class Ring:
    router: Router
    port: int
    client: aiohttp.ClientSession
    servers: dict[str, tuple[StandIn, int]]

    async def ask(self, path: str = "/v2/x", body: bytes = b"{}", **more: object) -> tuple[int, bytes]:
        async with self.client.post(f"http://127.0.0.1:{self.port}{path}", data=body, **more) as answer:
            return answer.status, await answer.read()

    async def raw(self, *pieces: bytes, pause: float = 0.0) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()


@asynccontextmanager
async def ring(*, canary: bool = True, **limits: float) -> AsyncIterator[Ring]:
    router = Router(Limits(**limits))
    servers = {}
    for track in ("stable", "canary")[: 1 + canary]:
        server = StandIn(model=f"{track:0<12}")
        servers[track] = (server, await server.start())
        router.point(track, [("127.0.0.1", servers[track][1])])
    port = await router.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as client:
            yield Ring(router, port, client, servers)
    finally:
        await router.close(1.0)
        for server, _ in servers.values():
            server.server.close()


def run(body: Callable[[Ring], Awaitable[None]], **options: float) -> None:
    async def main() -> None:
        async with ring(**options) as here:
            await body(here)

    asyncio.run(main())
