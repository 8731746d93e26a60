"""headgate serve."""

import os
from pathlib import Path
from typing import Annotated

import typer

from headgate.errors import UsageError
from headgate.specs.environment import Faults

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
    reference: Annotated[
        Path | None, typer.Option("--reference", help="The model's drift reference: /sketch counts in its bins.")
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
    # Read when polars is first imported: requests are small, and more threads only wait for one another.
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
    from headgate.serve.door.limits import Limits
    from headgate.serve.experiment.divided import ExperimentOptions
    from headgate.serve.process import run
    from headgate.serve.setup.observers import ShadowOptions
    from headgate.serve.setup.options import ServeOptions

    if bool(experiment) != bool(experiment_model):
        raise UsageError("--experiment and --experiment-model need each other", next_step="headgate serve --help")
    divided = (
        ExperimentOptions(
            name=experiment,
            model=experiment_model,
            sha256=experiment_sha256,
            key=experiment_key,
            share=experiment_share,
        )
        if experiment and experiment_model
        else None
    )
    shadow = (
        ShadowOptions(model=shadow_model, sha256=shadow_sha256, share=shadow_share, log=shadow_log)
        if shadow_model
        else None
    )
    run(
        ServeOptions(
            model=model,
            sha256=sha256,
            service_file=service_file.resolve(),
            host=host,
            port=port,
            grpc_port=grpc_port,
            ready_file=ready_file,
            log_dir=log_dir,
            reference=reference,
            shadow=shadow,
            experiment=divided,
            price_per_hour=price_per_hour,
            traces=traces,
            log_requests=log_requests,
            threads=threads,
            faults=Faults(delay_ms=delay_ms, fail_share=fail_share),
            flush_seconds=flush_seconds,
            exit_with_parent=exit_with_parent,
            limits=Limits(client_rate=client_rate, client_header=client_header),
        )
    )
