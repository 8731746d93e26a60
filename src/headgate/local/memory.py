"""What a ring must not forget when it is killed: where the rollout stands, and what it has not told yet."""

from pathlib import Path

from msgspec.structs import replace

from headgate.adapters.durable import replace_file
from headgate.errors import speaking
from headgate.records.codec import decode, encode
from headgate.records.live import RolloutState, Tally


class Memory:
    """One small file, whole or absent."""

    def __init__(self, folder: Path, initial: RolloutState) -> None:
        self.path = folder / "rollout.json"
        self.initial = initial
        with speaking(f"keep a rollout in {str(folder)!r}"):
            folder.mkdir(parents=True, exist_ok=True)

    def state(self) -> RolloutState:
        """Return where the rollout stood."""
        return decode(self.path.read_bytes(), RolloutState, str(self.path)) if self.path.exists() else self.initial

    def keep(self, state: RolloutState, counted: tuple[Tally, ...]) -> None:
        """Keep where the rollout stands, with the step's counts so far."""
        with speaking(f"keep the rollout in {str(self.path)!r}"):
            replace_file(self.path, encode(replace(state, tallies=counted)))
