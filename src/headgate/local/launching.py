"""How is the server of a target started? With the model and the settings that its commit names."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from headgate.local import supervise
from headgate.local.history import History
from headgate.names import Uri
from headgate.ports import Store
from headgate.records.live import Target


@dataclass(frozen=True)
class Servers:
    """Says how each server of one service in one environment is started; no two share a name."""

    service_file: Path
    folder: Path
    """Of their logs."""
    predictions: Path
    """Where they log what they answer."""
    history: History
    store: Store
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def launch(self, target: Target) -> supervise.Launch:
        """Return how the server of a target is started."""
        version, serving = self.history.at(target.commit)
        return supervise.serve(
            f"{self.history.service}-{self.history.environment}-{version.model.sha256[:12]}-{next(self.numbers)}",
            self.folder,
            model=self.store.folder(Uri(version.storage_uri)),
            sha256=version.model.sha256,
            service_file=self.service_file,
            serving=serving,
            more=("--log-dir", str(self.predictions), "--flush-seconds", "0"),
        )
