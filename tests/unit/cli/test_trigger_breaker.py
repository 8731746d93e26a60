"""Runs that end at validation count as refusals: data that stay broken stop the retraining too."""

from datetime import timedelta

from msgspec.structs import replace

from headgate.cli.past import past_run
from headgate.cli.trigger import Decided
from headgate.cli.wiring import open_project
from headgate.names import Digest, Name
from headgate.records.codec import decode, encode
from headgate.records.dataset import Check, ValidationReport
from headgate.records.live import Signal
from headgate.specs.service import Retrain
from headgate.trigger import PastRun, Subject, decide
from unit.cli.terminal import Terminal

FAILED = Check(name="nulls", column="temp", severity="error", outcome="fail", detail="60 % are empty", rows=9)


def refused(live: Terminal, reason: str) -> PastRun:
    """Ask for a run, and let its data be refused."""
    said = live("trigger", "--person", reason, "--output", "json")
    made = decode(said.out.encode(), Decided).trigger
    assert made is not None, said
    project = open_project(live.folder / "service.yaml", None)
    validated = project.workspace.latest / "validation-report.json"
    report = decode(validated.read_bytes(), ValidationReport)
    folder = project.workspace.runs / f"ct-{made.service}-{made.key}"
    folder.mkdir(parents=True)
    broken = replace(report, checks=(FAILED,), outcome="fail")
    (folder / "validate.json").write_bytes(encode(broken))
    return past_run(made, folder, set())


def test_refused_data_count_toward_the_breaker(live: Terminal) -> None:
    """They have no model to tell their code by; the trigger told it."""
    first, second = refused(live, "one"), refused(live, "two")
    code = open_project(live.folder / "service.yaml", None).code
    subject = Subject(service=Name("orders"), environment=Name("prod"), champion=Digest("a" * 64), code=code)
    window = first.trigger.window
    drifted = Signal(cause="data", rule="new rows", window=window, fired=True, detail="rows came")
    again = Retrain(stop_after_refusals=1, cooldown=timedelta(0))

    decision = decide(subject, [drifted], [first, second], again, second.since + timedelta(days=9))

    assert (code, code) == (first.code, second.code)
    assert "stopped" == decision.decision
