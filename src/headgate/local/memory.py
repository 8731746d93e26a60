"""What a ring must not forget when it is killed: where the rollout stands, and aborts not yet told."""

import os
from pathlib import Path

from msgspec.structs import replace

from headgate.records.codec import Record, decode, encode
from headgate.records.live import Analysis, RolloutState, Tally


class Failed(Record, frozen=True, kw_only=True, tag="failed-canary/1"):
    """The analyses of an aborted canary, the failed one last."""

    analyses: tuple[Analysis, ...]


class Memory:
    """Small files in one folder, each whole or absent."""

    def __init__(self, folder: Path, initial: RolloutState) -> None:
        self.folder = folder
        self.initial = initial
        folder.mkdir(parents=True, exist_ok=True)
        for torn in folder.glob(".*.part"):
            torn.unlink()

    def state(self) -> RolloutState:
        """Return where the rollout stood."""
        path = self.folder / "rollout.json"
        return decode(path.read_bytes(), RolloutState, str(path)) if path.exists() else self.initial

    def keep(self, state: RolloutState, counted: tuple[Tally, ...]) -> None:
        """Keep where the rollout stands, with the step's counts so far."""
        self.write("rollout.json", encode(replace(state, tallies=counted)))

    def failed(self, analysis: Analysis, analyses: tuple[Analysis, ...]) -> None:
        """Keep an abort until it has been told."""
        self.write(f"failed-{analysis.commit}.json", encode(Failed(analyses=analyses)))

    def unfinished(self) -> list[tuple[Analysis, ...]]:
        """Return the aborts that have not been told."""
        return [decode(path.read_bytes(), Failed, str(path)).analyses for path in sorted(self.folder.glob("failed-*"))]

    def finished(self, analysis: Analysis) -> None:
        """Forget an abort that has been told."""
        (self.folder / f"failed-{analysis.commit}.json").unlink(missing_ok=True)

    def write(self, name: str, content: bytes) -> None:
        temporary = self.folder / f".{name}.part"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / name)
