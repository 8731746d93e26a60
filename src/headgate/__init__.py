"""Models reach production only through gates, and only through Git.

The journey, in order; every verb is a function from record to record.

| verb     | in                 | out               | next                          |
|----------|--------------------|-------------------|-------------------------------|
| collect  | Service            | DatasetRef        | validate                      |
| validate | DatasetRef         | ValidationReport  | train, unless it failed       |
| train    | ValidationReport   | Model             | evaluate                      |
| evaluate | Model              | Evaluation        | gate                          |
| gate     | Evaluation         | Verdict           | propose, if it passed; track  |
| propose  | Verdict            | PullRequest       | a merge, then the canary      |
| canary   | Count              | Analysis          | live, or propose a revert     |
| join     | predictions        | LabelledWindow    | drift, trigger                |
| drift    | Reference          | DriftReport       | trigger                       |
| trigger  | Signal             | Trigger           | collect                       |
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headgate.cli.live import Live


def load(name: str, service: Path | str | None = None, workspace: Path | str | None = None) -> "Live":
    """Return the verified live model of `service@environment`, with `predict`; service.yaml is the folder's."""
    from headgate.cli.live import load as load_live  # noqa: PLC0415 - `import headgate` stays quick

    return load_live(name, service, workspace)
