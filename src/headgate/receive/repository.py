"""A service's model repo: its service.yaml, and which commit a run would use."""

from headgate.errors import PermanentError
from headgate.names import Commit
from headgate.ports import Forge
from headgate.specs.reading import parse
from headgate.specs.receiver import Trained
from headgate.specs.service import Service


class Repository:
    """Reads a model repo; a branch that has not moved is not read again."""

    def __init__(self, forge: Forge, trained: Trained) -> None:
        self.forge = forge
        self.trained = trained
        self._read: tuple[Commit, Service] | None = None
        self._codes: dict[Commit, Commit] = {}

    def spec(self) -> Service:
        """Return service.yaml at the branch's head."""
        head = self.head()
        if self._read is None or self._read[0] != head:
            path = "service.yaml" if self.trained.folder in {"", "."} else f"{self.trained.folder}/service.yaml"
            text = self.forge.read(path, head)
            if text is None:
                raise PermanentError(f"no {path!r} on {self.trained.branch!r} of {self.trained.repository!r}")
            self._read = head, parse(text, Service, path)
        return self._read[1]

    def code(self, at: Commit | None = None) -> Commit:
        """Return the last commit that changed the service's folder, up to `at`: itself, where it is there no more."""
        head = at or self.head()
        if self.trained.folder in {"", "."}:
            return head
        if head not in self._codes:
            try:
                log = self.forge.log(self.trained.folder, head, 1)
            except PermanentError:
                return head
            self._codes[head] = log[0].commit if log else head
        return self._codes[head]

    def head(self) -> Commit:
        head = self.forge.head(self.trained.branch)
        if head is None:
            raise PermanentError(f"{self.trained.repository!r} has no branch {self.trained.branch!r}")
        return head
