"""headgate partition."""

import re
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.choosing import LiveIn, ModelDigest, ModelFolder, chosen
from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.errors import UsageError
from headgate.names import short
from headgate.records.scoring import Partitions
from headgate.score.batch import PART_ROWS
from headgate.score.partition import MOST, WANTED_ROWS, partition
from headgate.serve.door.admission import Door
from headgate.wording import counted

app = typer.Typer(add_completion=False)


@app.command(name="partition")
def command(
    rows: Annotated[Path, typer.Argument(help="A Parquet file of rows, or a folder of some.", metavar="IN")],
    scores: Annotated[Path, typer.Argument(help="Where the scores go; the shares are beside it.", metavar="OUT")],
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    source: FromFile = None,
    environment: LiveIn = None,
    model: ModelFolder = None,
    sha256: ModelDigest = None,
    partitions: Annotated[
        str | None, typer.Option("--partitions", help=f"So many, or fewer: at most {MOST:,}.", metavar="N")
    ] = None,
    rows_each: Annotated[
        str | None,
        typer.Option(
            "--rows-each", help=f"Of so many rows. Default, without --partitions: {WANTED_ROWS}.", metavar="N"
        ),
    ] = None,
    part_rows: Annotated[
        str | None,
        typer.Option(
            "--part-rows", help=f"Rows in memory at a time, and at stake in a kill. Default: {PART_ROWS}.", metavar="N"
        ),
    ] = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Divide an input among processes that score it: which model, which rows; each then runs `headgate score`."""
    project = open_project(service, workspace)
    loaded, trained, code = chosen(project, source, environment, model, sha256)
    made = partition(
        rows,
        scores,
        Door(trained.contract, trained.spec),
        model=loaded.sha256,
        code=code,
        part_rows=number("--part-rows", part_rows) or PART_ROWS,
        partitions=number("--partitions", partitions),
        rows_each=number("--rows-each", rows_each),
    )
    leave(made, out, output, project, summary(made), fields)


def number(option: str, text: str | None) -> int | None:
    """Return a count that was given; an empty text counts as not given, as engines cannot leave an option out.

    >>> number("--partitions", "12"), number("--partitions", "")
    (12, None)
    """
    if not text:
        return None
    if not re.fullmatch(r"[1-9]\d{0,11}", text):
        raise UsageError(f"{option} is {text[:40]!r}; expected a whole number from 1 on")
    return int(text)


def summary(made: Partitions) -> str:
    plan = made.plan
    return (
        f"{counted(plan.rows, 'row')} of {made.source} in {counted(len(made.shares), 'share')}, "
        f"for model {short(plan.model)}"
    )
