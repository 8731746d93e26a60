"""How is the server of a target started? With the models and the settings that its commit names."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from headgate.errors import HeadgateError, PermanentError
from headgate.local import supervise
from headgate.local.history import History
from headgate.names import Digest, Uri
from headgate.ports import Store
from headgate.records.judgement import evidence_uri
from headgate.records.live import Target
from headgate.second_model import objections, pairs_of, proven
from headgate.specs.environment import Serving
from headgate.specs.second_model import Experiment, Shadow


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
        for objection in objections(serving, version, self.history.service):
            raise PermanentError(f"serving.yaml: {objection.message}", next_step=objection.next_step)
        return supervise.serve(
            f"{self.history.service}-{self.history.environment}-{version.model.sha256[:12]}-{next(self.numbers)}",
            self.folder,
            model=self.store.folder(Uri(version.storage_uri)),
            sha256=version.model.sha256,
            service_file=self.service_file,
            serving=serving,
            more=(
                "--log-dir",
                str(self.predictions),
                "--flush-seconds",
                "0",
                *self.beside(serving, version.model.sha256),
            ),
        )

    def beside(self, serving: Serving, champion: Digest) -> Iterator[str]:
        """Yield the options of the models beside the champion."""
        if serving.shadow:
            yield from self.shadow(serving.shadow, champion)
        if serving.experiment:
            yield from self.experiment(serving.experiment)

    def shadow(self, shadow: Shadow, champion: Digest) -> Iterator[str]:
        """Yield a shadow's options; one that is not in the store is left to the server, which says so and starts."""
        try:
            model = self.store.folder(Uri(shadow.storage_uri))
        except HeadgateError:
            model = self.folder / "no-shadow" / shadow.sha256
        yield from ("--shadow-model", str(model), "--shadow-sha256", shadow.sha256)
        pairs = self.predictions / pairs_of(champion, shadow.sha256)
        yield from ("--shadow-share", str(shadow.share), "--shadow-log", str(pairs))

    def experiment(self, experiment: Experiment) -> Iterator[str]:
        """Yield an experiment's options; PermanentError unless a passed verdict lets its model answer people."""
        proof = self.store.get(evidence_uri(experiment.verdict))
        proven(proof, experiment.verdict, experiment.sha256, experiment.code, experiment.replaces)
        yield from ("--experiment", experiment.name, f"--experiment-key={experiment.key}")
        yield from ("--experiment-share", str(experiment.share), "--experiment-sha256", experiment.sha256)
        yield from ("--experiment-model", str(self.store.folder(Uri(experiment.storage_uri))))
