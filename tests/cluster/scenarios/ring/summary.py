"""What the scenarios did, as e2e.json and as a table for people."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

WIDTH = 110


@dataclass
class Scenario:
    """One scenario's end, and what it measured."""

    name: str
    passed: bool = True
    seconds: float = 0.0
    measured: dict[str, object] = field(default_factory=dict)

    def add(self, outcome: str, seconds: float) -> None:
        """Count one phase: what was skipped has failed."""
        self.passed = self.passed and outcome == "passed"
        self.seconds = round(self.seconds + seconds, 1)


def document(
    scenarios: Sequence[Scenario], versions: Mapping[str, str], seconds: float, commit: str
) -> dict[str, object]:
    """Return e2e.json."""
    told = [asdict(one) for one in scenarios]
    return {"scenarios": told, "versions": dict(versions), "seconds": round(seconds, 1), "commit": commit}


def table(scenarios: Sequence[Scenario]) -> Iterator[str]:
    """Yield a line for each scenario, and below it what it measured."""
    yield f"{'result':6}  {'seconds':>7}  scenario"
    for one in scenarios:
        yield f"{'passed' if one.passed else 'FAILED':6}  {one.seconds:>7}  {one.name}"
        told = ", ".join(f"{key} {value}" for key, value in one.measured.items())
        yield from textwrap.wrap(told, WIDTH, initial_indent=" " * 17, subsequent_indent=" " * 17)
