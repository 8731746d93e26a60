"""A server small enough to read whole: ready file, health, an answer that says who gave it, faults on demand."""

import asyncio
import json
import os
import signal
import sys
import threading
from pathlib import Path


async def read(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    method, path, _ = head.split("\r\n", 1)[0].split(" ")
    lengths = [line.split(":")[1] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
    return method, path, await reader.readexactly(int(lengths[0]) if lengths else 0)


def answer(status: int, body: bytes, model: str) -> bytes:
    head = f"HTTP/1.1 {status} Said So\r\nheadgate-model: {model}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class StandIn:
    """Answers by path: /slow/<seconds>, /status/<code>, /die, /half, /stale, /once, /chunks/<n>; else it echoes."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.seen: list[str] = []

    async def start(self) -> int:
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0, limit=1 << 20)
        return self.server.sockets[0].getsockname()[1]

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            turns = 0
            while await self.turn(*await read(reader), writer, turns):
                turns += 1
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def turn(self, method: str, path: str, body: bytes, writer: asyncio.StreamWriter, turns: int) -> bool:
        self.seen.append(path)
        what, _, value = path.strip("/").partition("/")
        if what == "slow":
            await asyncio.sleep(float(value))
        if what == "die" or (what == "stale" and turns):
            return False
        if what == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
            return False
        if what == "chunks":
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            for _ in range(int(value)):
                writer.write(b"%x\r\n%s\r\n" % (65536, b"x" * 65536))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            return True
        if what == "once":
            writer.write(answer(200, b"", self.model))
            return False
        writer.write(answer(int(value) if what == "status" else 200, body, self.model))
        return True


async def main(ready_file: Path, *, deaf: bool) -> None:
    port = await StandIn(os.environ.get("MODEL", "0123456789ab")).start()
    ready_file.write_text(json.dumps({"port": port, "pid": os.getpid()}))  # noqa: ASYNC240 - nobody is served yet
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)
    await asyncio.Event().wait()


def end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(3)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(main(Path(sys.argv[1]), deaf="deaf" in sys.argv))
