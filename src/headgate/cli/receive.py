"""headgate receive."""

import asyncio
import os
import signal
import ssl
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.wiring import AUTHOR, wall_clock
from headgate.errors import PermanentError, UsageError, printable
from headgate.ports import Forge, Store
from headgate.specs.reading import read
from headgate.specs.receiver import Receiver as Settings

if TYPE_CHECKING:
    import uvicorn

    from headgate.receive.receiver import Receiver

app = typer.Typer(add_completion=False)
STOP_SECONDS = 20


@app.command()
def receive(
    config: Annotated[
        Path, typer.Option("--config", envvar="HEADGATE_RECEIVE_CONFIG", help="receive.yaml.", metavar="FILE")
    ] = Path("receive.yaml"),
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the webhooks, and of the probes.")] = 8080,
    probe_port: Annotated[
        int | None,
        typer.Option("--probe-port", min=0, max=65535, help="Another one for probes and metrics, always plain HTTP."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", envvar="HEADGATE_RECEIVE_TOKEN_FILE", help="Who bears it may alert.", metavar="FILE"
        ),
    ] = None,
    push_secret_file: Annotated[
        Path | None,
        typer.Option(
            "--push-secret-file",
            envvar="HEADGATE_RECEIVE_PUSH_SECRET_FILE",
            help="Forges sign with it.",
            metavar="FILE",
        ),
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option("--tls-cert", help="Serve HTTPS.", metavar="FILE")] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its key.", metavar="FILE")] = None,
    client_ca: Annotated[
        Path | None, typer.Option("--client-ca", help="Mutual TLS: let in whom it certifies.", metavar="FILE")
    ] = None,
    kubeconfig: Annotated[
        str | None, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="Default: the cluster it runs in.")
    ] = None,
    workspace: Annotated[
        Path, typer.Option("--workspace", "-w", envvar="HEADGATE_WORKSPACE", help="Mirrors and cache.", metavar="DIR")
    ] = Path(".headgate"),
) -> None:
    """Receive alerts, pushes and notifications in a cluster, and watch Rollouts: runs, statuses, tags, reverts."""
    if client_ca and not (tls_cert and tls_key and probe_port is not None):
        raise UsageError(
            "--client-ca needs --tls-cert, --tls-key and --probe-port", next_step="probes bear no certificate"
        )
    settings = read(config, Settings)
    from headgate.receive.app import application, probes
    from headgate.receive.doors import Door

    receiver = composed(settings, workspace, kubeconfig)
    whole = application(receiver, Door(token_file), Door(push_secret_file), mutual_tls=client_ca is not None)
    import uvicorn
    from fastapi import FastAPI

    limits = {"timeout_keep_alive": 30, "timeout_graceful_shutdown": STOP_SECONDS, "log_level": "warning"}
    tls = {
        "ssl_certfile": tls_cert,
        "ssl_keyfile": tls_key,
        "ssl_ca_certs": str(client_ca) if client_ca else None,
        "ssl_cert_reqs": ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE,
    }
    servers = [uvicorn.Server(uvicorn.Config(whole, host=host, port=port, **tls, **limits))]  # type: ignore[arg-type]
    if probe_port is not None:
        plain = probes(FastAPI(docs_url=None, redoc_url=None, openapi_url=None), receiver)
        servers.append(uvicorn.Server(uvicorn.Config(plain, host=host, port=probe_port, **limits)))  # type: ignore[arg-type]
    asyncio.run(serve(servers))


async def serve(servers: "list[uvicorn.Server]") -> None:
    """Serve until a signal; then answer what is in flight and end well, which uvicorn alone would not call well."""
    loop = asyncio.get_running_loop()
    for server in servers:
        server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]  # one handler for all

    def end() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    running = [asyncio.create_task(server.serve()) for server in servers]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    end()
    await asyncio.gather(*running)


def composed(settings: Settings, workspace: Path, kubeconfig: str | None) -> "Receiver":
    """Return the receiver with its adapters, as the environment's variables say where things are."""
    from headgate.adapters.kubernetes import KubernetesCluster, connect
    from headgate.receive.books import Books
    from headgate.receive.evidence import Evidence
    from headgate.receive.journal import Journal
    from headgate.receive.meters import Meters
    from headgate.receive.receiver import Receiver
    from headgate.receive.repository import Repository
    from headgate.receive.retraining import Retraining
    from headgate.receive.watch import Watch

    cluster = KubernetesCluster(connect(kubeconfig), settings.namespaces, settings.runs)
    books = Books(forge_at(named("HEADGATE_FORGE"), workspace), settings.cluster)
    repositories = {
        service: Repository(forge_at(trained.repository, workspace), trained)
        for service, trained in settings.services.items()
    }
    evidence = Evidence(store_at(named("HEADGATE_STORE"), workspace))
    retraining = Retraining(cluster, books, evidence, settings, repositories, wall_clock)
    return Receiver(Watch(cluster, books, wall_clock), retraining, settings, Meters(), wall_clock, Journal(tell))


def tell(line: str) -> None:
    """Print at once, also into a pipe."""
    print(f"{wall_clock():%Y-%m-%dT%H:%M:%SZ} {printable(line)}", flush=True)


def named(variable: str) -> str:
    """Return what a variable says, or refuse to guess."""
    value = os.environ.get(variable)
    if not value:
        raise PermanentError(
            f"{variable} is not set", next_step="name the forge by HEADGATE_FORGE, the store by HEADGATE_STORE"
        )
    return value


def forge_at(url: str, workspace: Path) -> Forge:
    """Return a hosted forge, or a repository in a folder."""
    if "://" not in url:
        from headgate.adapters.forges.gitdir import GitDir

        return GitDir(Path(url), AUTHOR)
    from headgate.adapters.forges.address import open_forge

    token = os.environ.get("HEADGATE_FORGE_TOKEN_FILE")
    app_id = os.environ.get("HEADGATE_FORGE_APP")
    return open_forge(url, Path(token) if token else None, workspace / "cache" / "forges", app=app_id, author=AUTHOR)


def store_at(url: str, workspace: Path) -> Store:
    """Return a bucket, or a folder."""
    if "://" not in url:
        from headgate.adapters.files import FileStore

        return FileStore(Path(url))
    from headgate.adapters.s3 import open_store

    return open_store(url, workspace / "cache" / "store")
