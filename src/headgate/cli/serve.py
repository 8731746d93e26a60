"""headgate serve."""

from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.serving import Words
from headgate.cli.serving import serve as run

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    model: Annotated[Path, typer.Option("--model", help="The model package's folder.")],
    sha256: Annotated[str, typer.Option("--sha256", help="What Git says the package is; checked before it is read.")],
    service_file: Annotated[Path, typer.Option("--service-file", help="service.yaml; the contract is beside it.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0: any free one.")] = 8080,
    grpc_port: Annotated[
        int | None, typer.Option("--grpc-port", help="Answer gRPC here too; 0: any free one.", show_default="off")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option("--ready-file", help="Written once requests are answered.")] = None,
    log_dir: Annotated[Path | None, typer.Option("--log-dir", help="Where predictions are logged.")] = None,
    log_limit_mib: Annotated[
        int | None,
        typer.Option("--log-limit-mib", min=1, help="All its files; then rows wait for `ship --delete`, or are lost."),
    ] = None,
    log_share: Annotated[
        float, typer.Option("--log-share", min=0.0001, max=1, help="Share of the ids whose rows are logged.")
    ] = 1.0,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            help="The model's drift reference: /sketch counts in its bins.",
            show_default="drift-reference.json of its folder",
        ),
    ] = None,
    shadow_model: Annotated[
        Path | None, typer.Option("--shadow-model", help="A second package: sees requests, answers nobody.")
    ] = None,
    shadow_sha256: Annotated[str, typer.Option("--shadow-sha256", help="What that package is.")] = "",
    shadow_share: Annotated[
        float, typer.Option("--shadow-share", min=0.0001, max=1, help="Share of the requests that it sees.")
    ] = 0.1,
    shadow_log: Annotated[
        Path | None, typer.Option("--shadow-log", help="Where both answers are kept, for `headgate shadow`.")
    ] = None,
    experiment: Annotated[
        str, typer.Option("--experiment", help="Let a second package answer a part of the rows, under this name.")
    ] = "",
    experiment_model: Annotated[Path | None, typer.Option("--experiment-model", help="That package's folder.")] = None,
    experiment_sha256: Annotated[str, typer.Option("--experiment-sha256", help="What that package is.")] = "",
    experiment_share: Annotated[
        float, typer.Option("--experiment-share", min=0.0001, max=0.9999, help="Share of the keys that it answers.")
    ] = 0.5,
    experiment_key: Annotated[
        str, typer.Option("--experiment-key", help="The input whose values are divided: equal ones stay together.")
    ] = "",
    price_per_hour: Annotated[
        float | None,
        typer.Option("--price-per-hour", min=0, help="Of this server: metrics price 1,000 rows."),
    ] = None,
    traces: Annotated[
        str | None,
        typer.Option("--traces", help="Where spans are sent by OTLP over HTTP.", metavar="URL"),
    ] = None,
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="A line of JSON on stderr for each prediction; no payload.")
    ] = False,
    predictor: Annotated[
        str | None,
        typer.Option(
            "--predictor", help="Where the image answers that the model has; else HEADGATE_PREDICTOR.", metavar="URL"
        ),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", help="ONNX Runtime threads.")] = 1,
    delay_ms: Annotated[float, typer.Option("--delay-ms", help="A fault, to try canaries.")] = 0.0,
    fail_share: Annotated[float, typer.Option("--fail-share", help="A fault, to try canaries.")] = 0.0,
    flush_seconds: Annotated[
        float, typer.Option("--flush-seconds", min=0, help="0: what is answered is in the prediction log first.")
    ] = 0.2,
    client_rate: Annotated[
        float, typer.Option("--client-rate", min=0, help="Requests a second of one client; 0: as many as there come.")
    ] = 0,
    client_header: Annotated[
        str, typer.Option("--client-header", help="Tells clients apart behind a router; else their address does.")
    ] = "",
    exit_with_parent: Annotated[bool, typer.Option("--exit-with-parent", help="End when stdin does.")] = False,
) -> None:
    """Serve one verified model over the Open Inference Protocol V2."""
    words = Words(**locals())  # the same names; a test compares types and defaults
    run(words)
