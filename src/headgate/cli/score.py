"""headgate score."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.exchange import FromFile, Output, OutputFormat, say, take
from headgate.cli.wiring import (
    DEFAULT_SERVICE_FILE,
    Project,
    ServiceFile,
    WorkspaceFolder,
    open_project,
)
from headgate.errors import PermanentError, UsageError
from headgate.models.loading import Loaded, load
from headgate.names import digest, short
from headgate.records.model import Model
from headgate.score.batch import PART_ROWS, Scored, score
from headgate.score.parts import WHOLE, Share, rejects_beside
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor

app = typer.Typer(add_completion=False)
SHOWN = 8


@app.command(name="score")
def command(
    rows: Annotated[Path, typer.Argument(help="A Parquet file of rows as requests carry them.", metavar="IN")],
    scores: Annotated[Path, typer.Argument(help="Where ids, scores and the model's digest go.", metavar="OUT")],
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    source: FromFile = None,
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Score with what is live there.", metavar="NAME")
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Score with this model package's folder.", metavar="DIR")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", help="With --model: what Git says the package is.", metavar="DIGEST")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse the file at its first row that breaks the contract.")
    ] = False,
    part_rows: Annotated[
        int, typer.Option("--part-rows", min=1, help="Rows in memory at a time, and at stake in a kill.")
    ] = PART_ROWS,
    share: Annotated[
        str | None,
        typer.Option(
            "--share", help="Score these parts only: process K of N; then the same without it.", metavar="K/N"
        ),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="The model's threads.")] = 1,
    output: OutputFormat = Output.text,
) -> None:
    """Score a Parquet file with the server's checks, features and numbers; a killed run goes on where it ended.

    Rows that break the contract get no score: OUT's name with `.rejects` lists them, each with why.
    """
    project = open_project(service, workspace)
    loaded = chosen(project, source, environment, model, sha256, threads)
    predictor = Predictor(loaded, project.spec, project.features, Door(project.contract, project.spec))
    mine = share_of(share)
    with progress(scores.name) as advance:
        found = score(
            rows, scores, predictor, project.code, strict=strict, part_rows=part_rows, share=mine, advance=advance
        )
    say(as_json(found, loaded) if output is Output.json else summary(found, loaded, scores, mine))


def share_of(text: str | None) -> Share:
    """Return which parts are asked for.

    >>> share_of("2/8"), share_of(None) == WHOLE
    (Share(number=2, among=8), True)
    """
    if not text:
        return WHOLE
    found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
    if not found or int(found[1]) > int(found[2]):
        raise UsageError(f"--share is {text[:40]!r}; expected K/N, the first of four being 1/4")
    return Share(int(found[1]), int(found[2]))


def chosen(
    project: Project,
    source: Path | None,
    environment: str | None,
    folder: Path | None,
    sha256: str | None,
    threads: int,
) -> Loaded:
    """Return the model that is asked for, in one way of three; the latest one trained by default."""
    if sum(each is not None for each in (source, environment, folder)) > 1:
        raise UsageError("--from, --environment and --model each name a model", next_step="give one of them")
    if (folder is None) != (sha256 is None):
        raise UsageError("--model and --sha256 go together: the package is verified before it is read")
    if folder is not None:
        loaded = load(folder, digest(str(sha256)), threads)
    else:
        record = take(Model, source, project) if environment is None else champion(project, environment)
        loaded = load(project.store.folder(record.uri), record.sha256, threads)
    if loaded.signature.service != project.spec.service:
        raise PermanentError(
            f"the model is one of service {loaded.signature.service!r}, and {project.service_file.name} describes "
            f"{project.spec.service!r}",
            next_step="give its own service.yaml with --service",
        )
    return loaded


def champion(project: Project, environment: str) -> Model:
    standing = project.live(environment)
    if standing.champion is None:
        raise PermanentError(f"nothing is live in {standing.environment}", next_step="name a model with --from")
    return standing.champion


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Give what draws a bar on a terminal, and nothing anywhere else."""
    if not sys.stderr.isatty():
        yield lambda _rows, _done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda rows, done: bar.update(task, total=rows, advance=done)


def summary(found: Scored, loaded: Loaded, scores: Path, share: Share) -> str:
    """Return what became of the rows, as a person reads it."""
    again = f", {found.resumed:,} of them by an earlier run" if found.resumed else ""
    where = f"into {scores}" if share == WHOLE else f"for share {share.number}/{share.among} of {scores}"
    lines = [f"{found.scored:,} of {found.rows:,} rows scored by model {short(loaded.sha256)} {where}{again}"]
    if found.rejected:
        listed_in = f": {rejects_beside(scores)}" if share == WHOLE else ""
        lines.append(f"  {found.rejected.total():,} break the contract{listed_in}")
        lines += listed(found.rejected)
    if found.noticed:
        lines.append("  scored all the same:")
        lines += listed(found.noticed)
    return "\n".join(lines)


def listed(counts: Counter[str]) -> list[str]:
    most = [f"    {count:>9,}  {name}" for name, count in counts.most_common(SHOWN)]
    return [*most, f"    and {len(counts) - SHOWN} more"] if len(counts) > SHOWN else most


def as_json(found: Scored, loaded: Loaded) -> str:
    import json

    facts = {"rows": found.rows, "scored": found.scored, "resumed": found.resumed, "model": str(loaded.sha256)}
    return json.dumps({**facts, "rejected": dict(found.rejected), "noticed": dict(found.noticed)}, sort_keys=True)
