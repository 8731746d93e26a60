"""headgate gather."""

import typer

from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, take
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.names import short
from headgate.records.scoring import Partitions, Scores
from headgate.score.gather import gather
from headgate.wording import counted

app = typer.Typer(add_completion=False)


@app.command(name="gather")
def command(
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    source: FromFile = None,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Make the scored shares of `headgate partition` one file, once all are there; its manifest is written last."""
    project = open_project(service, workspace)
    partitions = take(Partitions, source, project)
    made = gather(partitions)
    leave(made, out, output, project, summary(made, partitions), fields)


def summary(made: Scores, partitions: Partitions) -> str:
    """Return what the file holds, as a person reads it."""
    by = f"by model {short(made.plan.model)}, in {counted(made.shares, 'share')}"
    lines = [f"{made.scored:,} of {made.plan.rows:,} rows scored {by}: {partitions.target}"]
    if made.rejects is not None:
        lines.append(f"  {sum(made.rejected.values()):,} break the contract: {made.rejects.name}")
    return "\n".join(lines)
