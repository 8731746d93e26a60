"""`make bench-ring`: the joints' seconds as the last `make e2e` measured them, as a section of bench/RESULTS.md."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.results import Row, row, write

ROOT = Path(__file__).parent.parent
FIRST = "merge_to_first_weight_seconds"
OURS_SECONDS = 3
"""What may come on top of Argo CD's own way from a push to what it has applied."""
ASKED = {
    "abort_to_revert_seconds": ("ring: abort to revert pull request, told by webhook", 10),
    "abort_to_revert_seconds_by_watch_alone": ("ring: abort to revert pull request, by the watch alone", 60),
    "merge_to_all_back_seconds": ("ring: revert to the last live version, merge to all traffic back", 15),
}
"""What a scenario measures: the row it makes, and its limit in seconds."""
TEXT = """
One `make e2e`: real controllers, all of them and the pods on the same two cores. Where a row has a smallest and a
largest value, several scenarios measured it. "Peer" is the limit; that of the first row is what Argo CD itself took
from the merge to having applied it, and 3 s.

- **Merge to first weight**, in seconds after the merge: {stages}. Each container of a pod costs kubelet about a second,
  as it looks once a second at what has ended: one ships answers, one fetches and verifies the model, one serves. The
  rest is the server's start, a probe a second, and Rollouts' own step.
"""


def main(file: Path) -> None:
    """Write the section."""
    told = json.loads(file.read_text())
    scenarios: list[Mapping[str, Any]] = [one["measured"] for one in told["scenarios"] if one["passed"]]
    if missing := sorted({FIRST, *ASKED} - {key for one in scenarios for key in one}):
        sys.exit(f"error: {file} has no {', '.join(missing)}: its run played a part, or failed; next: make e2e")
    [first] = [one for one in scenarios if FIRST in one]
    stages = ", ".join(f"{stage.replace('_', ' ')} {seconds}" for stage, seconds in first["of_which_until"].items())
    names = ("argo-cd", "argo-rollouts", "argo-workflows", "kserve", "kubernetes", "traefik")
    versions = [f"{name} {told['versions'][name]}" for name in names]
    write(
        "ring",
        "The ring on real controllers",
        list(rows(first, scenarios)),
        versions,
        TEXT.format(stages=stages),
        at=told["commit"],
    )


def rows(first: Mapping[str, Any], scenarios: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield a row of each target that the scenarios measured."""
    limit = first["of_which_until"]["argo_cd_applied"] + OURS_SECONDS
    weight = (first[FIRST], limit)
    yield row("ring: merge to first canary weight, Argo CD's own and 3 s", "s", [weight], "<= 1")
    for key, (name, most) in ASKED.items():
        yield row(name, "s", [(float(one[key]), float(most)) for one in scenarios if key in one], "<= 1")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "e2e.json")
