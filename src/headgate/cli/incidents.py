"""What the demo lets go wrong: settings that make a good model slow, and rows that are poison."""

from pathlib import Path

import polars as pl

from headgate.cli.propose import Proposed, perform, situation
from headgate.cli.telling import Teller
from headgate.cli.wiring import Project
from headgate.desired import file_path
from headgate.errors import UsageError
from headgate.names import Name
from headgate.propose import settings

SLOW = "faults: {delay_ms: 400}\n"
OPERATOR = "operator"
POISON_SHARE = 0.6
SPOILED = {"distance": "a number", "temp": "a number", "pressure": "a number", "dest": "a string"}
"""Columns of the flights that poison is put in, and what they are before."""


def playable(project: Project) -> None:
    """Refuse a service that the demo cannot spoil: its incidents are written for the flights."""
    columns = project.contract.columns
    found = {name: "a number" if columns[name].type == "integer" else f"a {columns[name].type}" for name in columns}
    lacking = [f"{name} ({kind})" for name, kind in SPOILED.items() if found.get(name) != kind]
    if project.spec.data.time is None:
        lacking.append("an event time (data.time)")
    if lacking:
        raise UsageError(
            f"the demo plays the flights, not {project.spec.service!r}: what goes wrong in it is written for them",
            found=f"{project.service_file.name} lacks {', '.join(lacking)}",
            next_step="`headgate run` and `headgate up` take any service through the ring",
        )


def slow_settings(project: Project, environment: Name, teller: Teller) -> Proposed:
    """Ask for settings that answer late, and merge them as a hurried operator would."""
    done = ask(project, environment, "a tuning that was tried nowhere")
    if pull := done.pull_request:
        merged = project.forge.merge(pull.number, OPERATOR, project.clock())
        teller.tell("settings", "merged", f"#{merged.number} by {OPERATOR}: {SLOW.strip()}")
    else:
        refuse(done, teller)
    return done


def ask_again(project: Project, environment: Name, teller: Teller) -> Proposed:
    """Ask for the settings that failed once more; a pull request that opens all the same stays open."""
    done = ask(project, environment, "the same once more")
    if pull := done.pull_request:
        teller.tell("settings", "opened", f"#{pull.number} {pull.title}")
    else:
        refuse(done, teller)
    return done


def ask(project: Project, environment: Name, reason: str) -> Proposed:
    """Ask for main's settings with the delay in them."""
    here = situation(project, project.live(environment))
    path = file_path(environment, project.spec.service, "serving.yaml")
    text = here.desired.texts[path].removesuffix(SLOW) + SLOW
    return perform(settings.plan(here, project.spec.service, text, reason), project.forge)


def refuse(done: Proposed, teller: Teller) -> None:
    """Tell why settings were not proposed."""
    reason, next_step = done.reason or "", done.next_step or ""
    teller.refused(SLOW.strip(), "ban", "refused", reason, next_step=next_step)
    teller.tell("settings", "refused", f"{SLOW.strip()}: {reason}")


def poisoned(project: Project, rows: pl.DataFrame) -> Path:
    """Write rows in which a column is text, another is mostly null, a third is cut off; return the file."""
    now = pl.lit(project.clock().replace(tzinfo=None))
    path = project.workspace.root / "poisoned.parquet"
    bad = rows.filter(pl.col(str(project.spec.data.time)) < now).with_columns(
        pl.col("distance").cast(pl.String) + " miles",
        pl.when(pl.int_range(pl.len()) % 10 < POISON_SHARE * 10).then(None).otherwise(pl.col("temp")).alias("temp"),
        pl.col("dest").str.slice(0, 1),
    )
    bad.drop("pressure").write_parquet(path)
    return path
