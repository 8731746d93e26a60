"""A latency that was measured on a busy machine does not condemn a model for good."""

import json
from pathlib import Path
from typing import Any

from unit.cli.terminal import Terminal


def told(terminal: Terminal, *words: object) -> dict[str, Any]:
    """Return the record a command prints."""
    said = terminal(*words, "--output", "json")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)
    return found


def timed(terminal: Terminal) -> list[Path]:
    return sorted((terminal.folder / ".headgate" / "store" / "latencies").glob("*/*/*.json"))


def slow(path: Path) -> None:
    """Write down what a machine under load would have measured."""
    record = json.loads(path.read_text())
    record["latency"] |= {"p50_ms": 90.0, "p99_ms": 900.0}
    path.write_text(json.dumps(record))


def latency_of(verdict: dict[str, Any]) -> str:
    return str(next(found["outcome"] for found in verdict["findings"] if found["rule"] == "latency"))


def test_an_evaluation_made_again_is_the_same(proposed: Terminal) -> None:
    """Clocks differ, records don't: latency is measured once unless it is asked for."""
    first, second = told(proposed, "evaluate"), told(proposed, "evaluate")

    assert first == second
    assert len(timed(proposed)) == 1


def test_a_slow_measurement_can_be_taken_anew(proposed: Terminal) -> None:
    """It fails the gate until somebody asks for another, which then stays."""
    slow(timed(proposed)[0])
    condemned = told(proposed, "evaluate")
    before = told(proposed, "gate")

    anew = told(proposed, "evaluate", "--time-again")
    after = told(proposed, "gate")

    assert (condemned["latency"]["p99_ms"], before["outcome"], latency_of(before)) == (900.0, "fail", "fail")
    assert (after["outcome"], latency_of(after)) == ("pass", "pass")
    assert anew == told(proposed, "evaluate")
    assert anew["look"] == condemned["look"]
    assert len(timed(proposed)) == 2
