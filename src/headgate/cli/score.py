"""headgate score."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from headgate.cli.choosing import LiveIn, ModelDigest, ModelFolder, chosen, planned
from headgate.cli.exchange import Fields, FromFile, OutFile, Output, OutputFormat, leave, say
from headgate.cli.wiring import DEFAULT_SERVICE_FILE, ServiceFile, WorkspaceFolder, open_project
from headgate.errors import UsageError
from headgate.models.loading import Loaded
from headgate.names import short
from headgate.records.codec import decode
from headgate.records.codec import digest as record_digest
from headgate.records.scoring import Partitions, Plan, ScoredShare
from headgate.score.batch import PART_ROWS, Scored, score
from headgate.score.parts import manifest_beside, rejects_beside
from headgate.score.plan import WHOLE, Share
from headgate.serve.door.admission import Door
from headgate.serve.model.predictor import Predictor

app = typer.Typer(add_completion=False)
SHOWN = 8
KIND = re.compile(rb'"kind": *"partitions/')


@app.command(name="score")
def command(
    rows: Annotated[
        Path | None,
        typer.Argument(help="A Parquet file of rows as requests carry them, or a folder of some.", metavar="IN"),
    ] = None,
    scores: Annotated[
        Path | None, typer.Argument(help="Where ids, scores and the model's digest go.", metavar="OUT")
    ] = None,
    service: ServiceFile = DEFAULT_SERVICE_FILE,
    workspace: WorkspaceFolder = None,
    source: FromFile = None,
    environment: LiveIn = None,
    model: ModelFolder = None,
    sha256: ModelDigest = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse the file at its first row that breaks the contract.")
    ] = False,
    part_rows: Annotated[
        int | None,
        typer.Option(
            "--part-rows", min=1, help=f"Rows in memory at a time, and at stake in a kill. Default: {PART_ROWS}."
        ),
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(
            "--share",
            help="Score these parts only: process K of N; then the same without it, or `headgate gather`.",
            metavar="K/N",
        ),
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="The model's threads.")] = 1,
    out: OutFile = None,
    fields: Fields = None,
    output: OutputFormat = Output.text,
) -> None:
    """Score a Parquet file with the server's checks, features and numbers; a killed run goes on where it ended.

    Rows that break the contract get no score: OUT's name with `.rejects` lists them, each with why. `--from` a record
    of `headgate partition`, with `--share`: IN, OUT and the model are the record's.
    """
    project = open_project(service, workspace)
    mine = share_of(share)
    divided = partitions_in(source)
    if divided is not None:
        given = {"IN": rows, "OUT": scores, "--environment": environment, "--part-rows": part_rows}
        refuse_beside(divided, share, given)
        taken = planned(project, divided.plan, model, sha256, threads=threads)
        rows, scores, part_rows = Path(divided.source), Path(divided.target), divided.plan.part_rows
    elif rows is None or scores is None or out:
        raise UsageError(
            "score needs IN and OUT; --out is for a share of a partition's record",
            found=f"--from {str(source)!r}, which is no partition's record" if source else None,
            next_step="headgate score --help",
        )
    else:
        taken = chosen(project, source, environment, model, sha256, threads=threads)
    loaded, project, code = taken
    predictor = Predictor(loaded, project.spec, project.features, Door(project.contract, project.spec))
    plan = divided.plan if divided else None
    with progress(scores.name) as advance:
        found = score(
            rows,
            scores,
            predictor,
            code,
            strict=strict,
            part_rows=part_rows or PART_ROWS,
            share=mine,
            planned=plan,
            advance=advance,
        )
    text = summary(found, loaded, scores, None if mine == WHOLE and plan is None else mine)
    if plan is not None:
        leave(record_of(found, plan, mine), out, output, project, text, fields)
    else:
        say(as_json(found, loaded) if output is Output.json else text)


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


def partitions_in(source: Path | None) -> Partitions | None:
    """Return what a record of `headgate partition` says; None where --from names a model, or nothing."""
    try:
        content = source.read_bytes() if source else b""
    except OSError:
        return None
    return decode(content, Partitions, str(source)) if KIND.search(content) else None


def refuse_beside(divided: Partitions, share: str | None, given: Mapping[str, object]) -> None:
    """Refuse what a partition's record says already, and a share that is none of it."""
    if twice := [name for name, value in given.items() if value is not None]:
        raise UsageError(
            f"{', '.join(twice)}: the partition's record says it, for all shares alike",
            next_step="leave it out; or partition anew with it",
        )
    if share not in divided.shares:
        what = f"--share is {share!r}, which is none" if share else "--share is not given; it is one"
        raise UsageError(
            f"{what} of the {len(divided.shares)} of the partition's record", found=", ".join(divided.shares[:8])
        )


def record_of(found: Scored, plan: Plan, share: Share) -> ScoredShare:
    return ScoredShare(
        plan=record_digest(plan),
        share=f"{share.number}/{share.among}",
        rows=found.rows,
        scored=found.scored,
        resumed=found.resumed,
        rejected=dict(found.rejected),
        noticed=dict(found.noticed),
    )


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


def summary(found: Scored, loaded: Loaded, scores: Path, share: Share | None) -> str:
    """Return what became of the rows, as a person reads it."""
    again = f", {found.resumed:,} of them by an earlier run" if found.resumed else ""
    if found.was_there:
        again = f": it is there already, whole; to score anew remove {manifest_beside(scores).name}"
    where = f"for share {share.number}/{share.among} of {scores}" if share else f"into {scores}"
    lines = [f"{found.scored:,} of {found.rows:,} rows scored by model {short(loaded.sha256)} {where}{again}"]
    if found.rejected:
        listed_in = "" if share else f": {rejects_beside(scores)}"
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
