"""The servers of the two tracks, the router before them and the metrics beside them, always about the same servers."""

import asyncio

from headgate.adapters.metrics_local import LocalMetrics
from headgate.local import supervise
from headgate.local.route import Router
from headgate.local.supervise import Server
from headgate.records.live import Track

TRACKS: tuple[Track, Track] = ("canary", "stable")


class Tracks:
    """Which server is stable, which is canary; its methods belong to the router's loop."""

    def __init__(self) -> None:
        self.router = Router()
        self.metrics = LocalMetrics()
        self.servers: dict[Track, Server] = {}

    async def bring_up(self, track: Track, launch: supervise.Launch) -> None:
        """Start a server and point a track at it once it is ready."""
        self.point(track, await supervise.start(launch))

    def point(self, track: Track, server: Server) -> None:
        """Make a server a track's."""
        self.servers[track] = server
        self.router.point(track, [server.address])
        self.watch()

    def lost(self, track: Track) -> Server | None:
        """Return the server of a track if it died, and send it nothing more."""
        server = self.servers.get(track)
        if server is None or server.alive:
            return None
        del self.servers[track]
        self.router.point(track, [])
        self.watch()
        return server

    def weigh(self, canary: int) -> None:
        """Send the canary its percentage; the same once more does not disturb the split."""
        if self.router.weight != canary:
            self.router.weigh(canary)

    async def succeed(self) -> None:
        """Let the canary's server be the stable one with all traffic; the old one ends when its last request has."""
        old = self.servers.pop("stable", None)
        self.servers["stable"] = self.servers.pop("canary")
        await self.router.promote()
        self.watch()
        if old:
            await old.stop()

    async def end(self, track: Track) -> None:
        """End a track's server once its last request has ended; none is fine."""
        server = self.servers.pop(track, None)
        await self.router.drain(track)
        self.watch()
        if server:
            await server.stop()

    async def stop(self) -> None:
        """End the router, then every server, in good order."""
        await self.router.close()
        await asyncio.gather(*(server.stop() for server in self.servers.values()))
        self.servers.clear()

    def watch(self) -> None:
        """Let the metrics know which servers are which track's."""
        for track in TRACKS:
            self.metrics.watch(track, [self.servers[track].url] if track in self.servers else [])
