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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headgate.cli.live import Live
    from headgate.serve.mount import Mounted


def load(name: str, service: Path | str | None = None, workspace: Path | str | None = None) -> "Live":
    """Return the verified live model of `service@environment`, with `predict`; service.yaml is the folder's."""
    from headgate.cli.live import load as load_live  # noqa: PLC0415 - `import headgate` stays quick

    return load_live(name, service, workspace)


def asgi(
    name: str,
    service: Path | str | None = None,
    workspace: Path | str | None = None,
    *,
    log_dir: Path | str | None = None,
) -> "Mounted":
    """Return the verified live model of `service@environment` as an ASGI app: `app.mount("/", headgate.asgi(name))`.

    Doors, limits and metrics are those of `headgate serve`; answers are logged where `log_dir` says, else not.
    """
    from headgate.cli.live import mount  # noqa: PLC0415 - `import headgate` stays quick

    return mount(name, service, workspace, log_dir)


def kserve_model(
    name: str,
    service: Path | str | None = None,
    workspace: Path | str | None = None,
    *,
    log_dir: Path | str | None = None,
) -> Any:
    """Return the same as a `kserve.Model`: `kserve.ModelServer().start([headgate.kserve_model(name)])`."""
    from headgate.serve.kserve import model  # noqa: PLC0415 - needs kserve

    return model(asgi(name, service, workspace, log_dir=log_dir))
