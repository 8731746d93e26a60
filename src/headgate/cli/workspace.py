"""Where does one machine keep what it makes? A workspace's folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headgate.adapters.durable import clean, temporary
from headgate.errors import speaking


@dataclass(frozen=True)
class Workspace:
    """One machine's working folder: store, env repo, runs, logs, tracker."""

    root: Path

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def env(self) -> Path:
        return self.root / "env.git"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def latest(self) -> Path:
        """The last record of each verb, so that verbs by hand follow one another."""
        return self.root / "latest"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def tracker(self) -> Path:
        return self.root / "mlflow"

    @property
    def demo(self) -> Path:
        """Lies in a demo's workspace: its clock ran through a year in a minute, and stopped there."""
        return self.root / ".demo"

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a folder that is gone afterwards; those of killed processes are removed first."""
        temps = self.root / ".temps"
        with speaking(f"write to workspace {str(self.root)!r}"):
            clean(temps)
            with temporary(temps, folder=True) as (folder, _):
                yield folder
