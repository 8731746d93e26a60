"""A tracker of plain files: one JSON document a run, one a model version."""

from pathlib import Path

import msgspec

from headgate.adapters.durable import replace_file
from headgate.errors import speaking
from headgate.ports import TrackedRun


class FileTracker:
    """Keeps what MLflow would, readable with any editor."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def record(self, run: TrackedRun) -> str:
        """Write the run and its model's version once; return the version, found again by digest."""
        self.write(self.root / "runs" / f"{run.run}.json", msgspec.json.encode(run, order="deterministic"))
        models = self.root / "models" / run.service
        models.mkdir(parents=True, exist_ok=True)
        for known in models.iterdir():
            if known.suffix == ".json" and msgspec.json.decode(known.read_bytes())["sha256"] == run.model_sha256:
                return known.stem
        version = str(1 + max((int(known.stem) for known in models.glob("*.json")), default=0))
        fields = {"sha256": run.model_sha256, "uri": run.model_uri, "run": run.run}
        self.write(models / f"{version}.json", msgspec.json.encode(fields, order="deterministic"))
        return version

    def write(self, path: Path, content: bytes) -> None:
        with speaking(f"write to tracker {str(self.root)!r}"):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, content)
