"""Git, a cluster and a receiver, small enough to lead by the hand."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fakes.cluster import MemoryCluster
from headgate.adapters.forges.gitdir import GitDir
from headgate.desired import Desired, initial
from headgate.names import Commit, Digest
from headgate.receive.books import Books
from headgate.receive.statuses import CONTEXT
from headgate.receive.watch import Looked, Watch
from headgate.records.change import Edit, PullRequest
from unit.propose.circumstances import version_text

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
ENVIRONMENT = "namespace: prod\n"
A, B, C = (Digest(letter * 64) for letter in "abc")
VERSION, SERVING = "env/prod/flights/version.yaml", "env/prod/flights/serving.yaml"


MEMORY = Path("/dev/shm")


@contextmanager
def room(otherwise: Path) -> Iterator[Path]:
    """Give a folder in memory, where there is such: Git waits for the disk at every object otherwise."""
    if not os.access(MEMORY, os.W_OK):
        yield otherwise
        return
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="headgate-") as folder:
        yield Path(folder)


class World:
    """One service, prod, on the forge in a folder."""

    def __init__(self, folder: Path, service: str = "flights") -> None:
        self.service = service
        self.now = START
        first = [edit for edit in initial(("prod",), service) if not edit.path.endswith("environment.yaml")]
        first.append(Edit(path="env/prod/environment.yaml", text=ENVIRONMENT))
        self.forge = GitDir.create(folder / "env.git", first, clock=lambda: self.now)
        self.cluster = MemoryCluster()
        self.watch = self.replica()
        self.other = self.replica()

    def replica(self) -> Watch:
        """Return a receiver that remembers nothing, as one that was just started."""
        return Watch(self.cluster, Books(self.forge), lambda: self.now)

    def look(self) -> Looked:
        """Look once, some seconds later."""
        self.now += timedelta(seconds=5)
        return self.watch.look()

    def later(self, **length: float) -> None:
        self.now += timedelta(**length)

    def write(self, path: str, text: str | None) -> Commit:
        """Put a file on main, as a merge by a person would."""
        self.now += timedelta(seconds=5)
        return self.forge.commit([Edit(path=path, text=text)], "Edit", self.forge.head())

    def name(self, model: Digest) -> Commit:
        """Let main name a model, and the cluster follow."""
        commit = self.write(
            VERSION.replace("flights", self.service), version_text(model).replace("flights", self.service)
        )
        self.sync()
        return commit

    def sync(self) -> None:
        self.cluster.sync(self.desired(), "prod", self.service, self.now)

    def desired(self) -> Desired:
        head = self.forge.head()
        assert head is not None
        texts = {path: self.forge.read(path, head) or "" for path in self.forge.paths("", head)}
        return Desired(texts=texts, commit=head)

    def examine(self, phase: str, **changes: int) -> None:
        self.now += timedelta(seconds=5)
        self.cluster.examine(self.service, phase, self.now, **changes)

    def go_live(self, model: Digest) -> Commit:
        """Let a model go all the way."""
        commit = self.name(model)
        if self.cluster.kept[self.service].current != self.cluster.kept[self.service].stable:
            self.examine("Successful")
            self.now += timedelta(seconds=5)
            self.cluster.promote_all(self.service, self.now)
        self.look()
        return commit

    def status(self, commit: str) -> tuple[str, str] | None:
        return self.forge.statuses(Commit(commit)).get(CONTEXT)

    def tags(self) -> list[str]:
        return [tag.name for kind in ("live/", "aborted/") for tag in self.forge.tags(kind)]

    def pulls(self, purpose: str = "revert") -> list[PullRequest]:
        return [pull for pull in self.forge.pull_requests() if pull.branch.startswith(f"{purpose}/")]


def details(found: Iterable[tuple[str, str] | None]) -> list[str]:
    return [one[1] if one else "" for one in found]
