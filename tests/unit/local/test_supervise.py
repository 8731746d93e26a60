"""Server processes: ready or a clear error, stopped in good order, and gone when their parent is."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from headgate.errors import PermanentError, TransientError
from headgate.local import supervise
from headgate.local.supervise import Launch, Server
from headgate.names import Digest
from headgate.specs.environment import Faults, Serving
from unit.local.standin import StandIn

STAND_IN = Path(__file__).with_name("standin.py")


def launch(folder: Path, *more: str, code: str | None = None) -> Launch:
    ready_file = folder / "flights.ready.json"
    command = [sys.executable, "-c", code] if code else [sys.executable, str(STAND_IN), str(ready_file), *more]
    return Launch(name="flights", command=tuple(command), ready_file=ready_file, log=folder / "flights.log")


def test_a_command_that_does_not_exist_is_a_permanent_error(tmp_path: Path) -> None:
    """Retrying can't help."""
    missing = Launch(name="flights", command=("/no/such",), ready_file=tmp_path / "r", log=tmp_path / "l")

    with pytest.raises(PermanentError, match="server 'flights' cannot be started"):
        asyncio.run(supervise.start(missing))


@pytest.mark.parametrize(("code", "error"), [(1, PermanentError), (2, PermanentError), (75, TransientError)])
def test_a_server_that_ends_before_it_is_ready_says_why_in_its_log(
    tmp_path: Path, code: int, error: type[Exception]
) -> None:
    """The exit code decides whether a retry helps, the log's tail says what happened."""
    failing = launch(tmp_path, code=f"print('model is corrupt'); raise SystemExit({code})")

    with pytest.raises(error, match=f"server 'flights' ended with exit code {code}") as caught:
        asyncio.run(supervise.start(failing))

    assert caught.value.found == "model is corrupt"


def test_a_server_that_never_gets_ready_is_killed_at_the_deadline(tmp_path: Path) -> None:
    """No process is left behind."""
    hanging = launch(tmp_path, code="import os, time; print(os.getpid(), flush=True); time.sleep(60)")

    with pytest.raises(TransientError, match=r"was not ready within 0\.5 s") as caught:
        asyncio.run(supervise.start(hanging, deadline_seconds=0.5))

    assert not psutil.pid_exists(int(caught.value.found))


def test_a_ready_file_of_an_earlier_run_is_not_believed(tmp_path: Path) -> None:
    """Its port is another server's by now, which calls itself ready."""
    hanging = launch(tmp_path, code="import time; time.sleep(60)")

    async def main() -> None:
        other = StandIn("another00000")
        hanging.ready_file.write_text(f'{{"port": {await other.start()}, "pid": 1}}')
        try:
            await supervise.start(hanging, deadline_seconds=0.5)
        finally:
            other.server.close()

    with pytest.raises(TransientError, match="was not ready"):
        asyncio.run(main())


def test_a_started_server_is_ready_and_stops_on_sigterm(tmp_path: Path) -> None:
    """Started, asked, stopped; stopping twice is fine."""

    async def main() -> tuple[bool, int, int, bool]:
        server = await supervise.start(launch(tmp_path))
        ready = await server.ready()
        return ready, await server.stop(), await server.stop(), await server.ready()

    assert asyncio.run(main()) == (True, 0, 0, False)


def test_a_server_deaf_to_sigterm_is_killed_after_the_grace(tmp_path: Path) -> None:
    """Nothing survives a stop."""

    async def main() -> int:
        server = await supervise.start(launch(tmp_path, "deaf"))
        return await server.stop(grace_seconds=0.2)

    assert asyncio.run(main()) == -signal.SIGKILL


def test_a_killed_server_is_not_alive_and_its_error_names_the_signal(tmp_path: Path) -> None:
    """Who reads the message knows that it did not end by itself."""

    async def main() -> Server:
        server = await supervise.start(launch(tmp_path))
        os.kill(server.process.pid, signal.SIGKILL)
        await server.stop()
        return server

    server = asyncio.run(main())

    assert not server.alive
    assert server.why_dead().message == "server 'flights' was ended by SIGKILL"


def test_a_server_dies_with_its_killed_parent(tmp_path: Path) -> None:
    """SIGKILL of the parent closes the pipe; the child needs no one to tell it."""
    code = f"""
import asyncio, sys
from pathlib import Path
from headgate.local import supervise
folder = Path({str(tmp_path)!r})
command = (sys.executable, {str(STAND_IN)!r}, str(folder / "r"))
launch = supervise.Launch(name="a", command=command, ready_file=folder / "r", log=folder / "l")
async def main():
    server = await supervise.start(launch)
    print(server.process.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))

        parent.kill()
        deadline = time.monotonic() + 5
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.02)

        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_cancelled_start_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C while a server loads its model."""
    hanging = launch(tmp_path, code="import os, time; print(os.getpid(), flush=True); time.sleep(60)")

    async def main() -> None:
        start = asyncio.create_task(supervise.start(hanging))
        while not (hanging.log.exists() and hanging.log.read_text()):
            await asyncio.sleep(0.02)
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

    asyncio.run(main())

    assert not psutil.pid_exists(int(hanging.log.read_text()))


def test_the_serve_command_carries_the_environment_s_settings(tmp_path: Path) -> None:
    """What serving.yaml says reaches the process."""
    serving = Serving(threads=2, faults=Faults(delay_ms=80.0, fail_share=0.5))

    made = supervise.serve(
        "flights-canary",
        tmp_path,
        model=tmp_path / "m",
        sha256=Digest("a" * 64),
        service_file=tmp_path / "service.yaml",
        serving=serving,
    )

    text = " ".join(made.command)
    assert "--threads 2 --delay-ms 80.0 --fail-share 0.5 --exit-with-parent" in text
    assert f"--port 0 --ready-file {tmp_path}/flights-canary.ready.json" in text


def test_a_server_that_runs_for_a_body_is_stopped_when_the_body_fails(tmp_path: Path) -> None:
    """With the body's own error."""
    processes: list[int] = []

    async def fail() -> None:
        async with supervise.running(launch(tmp_path)) as server:
            processes.append(server.process.pid)
            raise ValueError("the body's own")

    with pytest.raises(ValueError, match="the body's own"):
        asyncio.run(fail())

    assert not psutil.pid_exists(processes[0])


def test_a_server_whose_end_nobody_waits_for_any_more_is_killed(tmp_path: Path) -> None:
    """A ring that is cancelled while an old server takes its time leaves no process behind."""

    async def main() -> int:
        server = await supervise.start(launch(tmp_path, "deaf"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await server.stop()
        return server.process.pid

    assert not psutil.pid_exists(asyncio.run(main()))
