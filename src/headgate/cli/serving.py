"""`headgate serve` as every manifest types it, read without typer, which takes a fifth of a server's start and memory.

What is not plain, help or a mistake or another spelling, is left to typer, so that it is told in the same words.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from headgate.errors import UsageError
from headgate.specs.environment import Faults

if TYPE_CHECKING:
    from headgate.serve.setup.options import ServeOptions

Share = Annotated[float, msgspec.Meta(ge=0.0001, le=1)]
Part = Annotated[float, msgspec.Meta(ge=0.0001, le=0.9999)]
Positive = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """The options of `headgate serve`; what they mean stands with typer's."""

    model: Path
    sha256: str
    service_file: Path
    host: str = "127.0.0.1"
    port: int = 8080
    grpc_port: int | None = None
    ready_file: Path | None = None
    log_dir: Path | None = None
    log_limit_mib: Count | None = None
    log_share: Share = 1.0
    reference: Path | None = None
    shadow_model: Path | None = None
    shadow_sha256: str = ""
    shadow_share: Share = 0.1
    shadow_log: Path | None = None
    experiment: str = ""
    experiment_model: Path | None = None
    experiment_sha256: str = ""
    experiment_share: Part = 0.5
    experiment_key: str = ""
    price_per_hour: Positive | None = None
    traces: str | None = None
    log_requests: bool = False
    predictor: str | None = None
    threads: int = 1
    delay_ms: float = 0.0
    fail_share: float = 0.0
    flush_seconds: Positive = 0.2
    client_rate: Positive = 0
    client_header: str = ""
    exit_with_parent: bool = False


TEXTS = {str, Path, str | None, Path | None}
NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
OPTIONS = {f"--{field.name.replace('_', '-')}": field for field in msgspec.structs.fields(Words)}


def plain(typed: list[str]) -> Words | None:
    """Return a line of options and their values, None where it is anything else.

    >>> plain("--model m --sha256 ab --service-file=s.yaml --port 0".split()).port
    0
    >>> plain(["--help"])
    """
    given: dict[str, object] = {}
    rest = iter(typed)
    for word in rest:
        name, equals, value = word.partition("=")
        option = OPTIONS.get(name)
        if option is None or option.name in given:
            return None
        if not equals:
            value = "true" if option.type is bool else next(rest, "-")
        if value.startswith("-") or not is_plain(value, option.type) or (equals and option.type is bool):
            return None
        given[option.name] = value
    try:
        return msgspec.convert(given, Words, strict=False, dec_hook=lambda kind, text: kind(text))
    except msgspec.ValidationError:
        return None


def is_plain(value: str, kind: Any) -> bool:
    """Say whether every reader reads a value alike."""
    return value.lower() not in {"", "null"} if kind in TEXTS else kind is bool or bool(NUMBER.fullmatch(value))


def serve(words: Words) -> None:
    """Serve one verified model until a signal ends it."""
    # Read when polars is first imported: requests are small, and more threads only wait for one another.
    os.environ.setdefault("POLARS_MAX_THREADS", str(words.threads))
    if words.predictor:
        os.environ["HEADGATE_PREDICTOR"] = words.predictor
    from headgate.serve.process import run

    run(options_of(words))


def options_of(words: Words) -> "ServeOptions":
    """Return how the server is run; UsageError where options need one another."""
    from headgate.serve.door.limits import Limits
    from headgate.serve.experiment.divided import ExperimentOptions
    from headgate.serve.setup.observers import ShadowOptions
    from headgate.serve.setup.options import ServeOptions

    if bool(words.experiment) != bool(words.experiment_model):
        raise UsageError("--experiment and --experiment-model need each other", next_step="headgate serve --help")
    if words.experiment and words.log_share < 1:
        raise UsageError("--experiment learns from every row: it goes without --log-share", next_step="leave it out")
    divided = (
        ExperimentOptions(
            name=words.experiment,
            model=words.experiment_model,
            sha256=words.experiment_sha256,
            key=words.experiment_key,
            share=words.experiment_share,
        )
        if words.experiment and words.experiment_model
        else None
    )
    shadow = (
        ShadowOptions(
            model=words.shadow_model, sha256=words.shadow_sha256, share=words.shadow_share, log=words.shadow_log
        )
        if words.shadow_model
        else None
    )
    return ServeOptions(
        model=words.model,
        sha256=words.sha256,
        service_file=words.service_file.resolve(),
        host=words.host,
        port=words.port,
        grpc_port=words.grpc_port,
        ready_file=words.ready_file,
        log_dir=words.log_dir,
        log_limit_mib=words.log_limit_mib,
        log_share=words.log_share,
        reference=words.reference,
        shadow=shadow,
        experiment=divided,
        price_per_hour=words.price_per_hour,
        traces=words.traces,
        log_requests=words.log_requests,
        threads=words.threads,
        faults=Faults(delay_ms=words.delay_ms, fail_share=words.fail_share),
        flush_seconds=words.flush_seconds,
        exit_with_parent=words.exit_with_parent,
        limits=Limits(client_rate=words.client_rate, client_header=words.client_header),
    )
