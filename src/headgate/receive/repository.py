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

    def code(self) -> Commit:
        """Return the last commit that changed the service's folder."""
        head = self.head()
        if self.trained.folder in {"", "."}:
            return head
        return next((entry.commit for entry in self.forge.log(self.trained.folder, head, 1)), head)

    def head(self) -> Commit:
        head = self.forge.head(self.trained.branch)
        if head is None:
            raise PermanentError(f"{self.trained.repository!r} has no branch {self.trained.branch!r}")
        return head
