"""headgate stream."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headgate.cli.choosing import LiveIn, ModelDigest, ModelFolder, chosen
from headgate.cli.exchange import FromFile
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.specs.reading import read
from headgate.specs.stream import Streaming, checked

if TYPE_CHECKING:
    from headgate.ports import Stream
    from headgate.serve.logs.recorder import Recorder
    from headgate.serve.model.predictor import Predictor

app = typer.Typer(add_completion=False)


@app.command(name="stream")
def command(
    settings: Annotated[Path, typer.Option("--stream", help="stream.yaml.", metavar="FILE")] = Path("stream.yaml"),
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    source: FromFile = None,
    environment: LiveIn = None,
    model: ModelFolder = None,
    sha256: ModelDigest = None,
    log_dir: Annotated[Path | None, typer.Option("--log-dir", help="Where predictions are logged.")] = None,
    host: Annotated[str, typer.Option("--host", help="Address of the metrics.")] = "127.0.0.1",
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", min=0, help="Prometheus reads here; 0: any free one.", show_default="off"),
    ] = None,
    ready_file: Annotated[Path | None, typer.Option("--ready-file", help="Written once topics can be read.")] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="The model's threads.")] = 1,
) -> None:
    """Answer each message of a Kafka topic with the server's checks, features and numbers, at least once.

    Answers go to a second topic, and what cannot be answered to a third, with the reason. SIGTERM ends what is in hand.
    """
    from headgate.serve.door.admission import Door
    from headgate.serve.model.predictor import Predictor
    from headgate.stream.answering import Answering
    from headgate.stream.process import StreamOptions, run
    from headgate.stream.telling import Telling

    stream = checked(read(settings, Streaming))
    loaded, project, _ = chosen(open_project(service, workspace), source, environment, model, sha256, threads=threads)
    predictor = Predictor(loaded, project.spec, project.features, Door(project.contract, project.spec))
    answering = Answering(predictor, stream, recorder(predictor, log_dir))
    run(
        topics(stream, stream.group or f"headgate-{project.spec.service}"),
        answering,
        Telling(project.spec.service, answering.model, stream.requests),
        StreamOptions(host=host, metrics_port=metrics_port, ready_file=ready_file),
    )


def topics(stream: Streaming, group: str) -> "Stream":
    """Return Kafka's topics, or a folder's."""
    if stream.folder:
        from headgate.adapters.topics import FolderStream

        return FolderStream(stream, group)
    from headgate.adapters.kafka.stream import KafkaStream

    return KafkaStream(stream, group)


def recorder(predictor: "Predictor", log_dir: Path | None) -> "Recorder | None":
    """Return what writes the prediction log, where one is asked for."""
    if log_dir is None:
        return None
    from headgate.serve.logs.recorder import Recorder
    from headgate.serve.setup.preparing import segment_of

    return Recorder(log_dir, segment_of(predictor, predictor.door, predictor.loaded.sha256))
