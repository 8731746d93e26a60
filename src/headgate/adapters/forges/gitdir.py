"""A forge in a folder: a bare Git repository whose pull requests and statuses are Git data."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from msgspec.structs import replace

from headgate.adapters.durable import sync
from headgate.adapters.forges.gitdata import contents, merging, opening, pulls, refs, statuses, trees
from headgate.adapters.forges.gitdata.access import held, opened, reading, translating, writing
from headgate.errors import PermanentError
from headgate.names import Commit
from headgate.ports import LogEntry, Tag
from headgate.records.change import Edit, Proposal, PullRequest


def now() -> datetime:
    return datetime.now(tz=UTC)


class GitDir:
    """`ports.Forge` on a bare repository; every call may be killed and made again."""

    def __init__(
        self,
        path: Path,
        author: str = "headgate",
        clock: Callable[[], datetime] = now,
        check: merging.Check | None = None,
    ) -> None:
        """Open what `create` made; `clock` gives event time where the ring replays, `check` may bar a merge."""
        self.path = path
        self.author = author
        self.clock = clock
        self.check = check
        opened(path)

    @classmethod
    def create(
        cls, path: Path, edits: Iterable[Edit], author: str = "headgate", clock: Callable[[], datetime] = now
    ) -> "GitDir":
        """Make the repository with its first commit, visible all at once; one that is there is opened as it is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with held(path.parent):
            if not path.exists():
                partial = path.with_name(f".{path.name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                with translating(path):
                    repo = pygit2.init_repository(str(partial), bare=True, initial_head="main")
                    repo.config["core.fsync"] = "all"
                cls(partial, author, clock).commit(edits, "Begin: what should run, and where\n", None)
                partial.rename(path)
                sync(path.parent)
        return cls(path, author, clock)

    def head(self, branch: str = "main") -> Commit | None:
        with reading(self.path) as repo:
            found = refs.target(repo, pulls.HEADS + branch)
            return None if found is None else refs.commit_oid(found)

    def read(self, path: str, at: Commit) -> str | None:
        with reading(self.path) as repo:
            return contents.text(repo, path, at)

    def texts(self, at: str) -> tuple[Commit, Mapping[str, str]]:
        """Return the commit that a branch, a tag or an id names, and the texts of it that say what should run."""
        with reading(self.path) as repo:
            commit = refs.named(repo, at)
            return refs.commit_oid(commit.id), trees.texts(commit.tree)

    def paths(self, prefix: str, at: Commit) -> list[str]:
        with reading(self.path) as repo:
            return contents.paths(repo, prefix, at)

    def log(self, path: str, at: Commit, limit: int = 50) -> list[LogEntry]:
        with reading(self.path) as repo:
            return contents.log(repo, path, at, limit)

    def commit(self, edits: Iterable[Edit], message: str, base: Commit | None, branch: str = "main") -> Commit:
        with writing(self.path) as repo:
            who = refs.signature(self.author, self.clock())
            return refs.commit_oid(refs.extend(repo, pulls.HEADS + branch, edits, message, base=base, who=who))

    def pull_requests(self, service: str | None = None) -> list[PullRequest]:
        with reading(self.path) as repo:
            found = pulls.load_all(repo) if service is None else pulls.of_service(repo, service)
            return [pulls.observed(repo, pull) for pull in found]

    def open(self, proposal: Proposal) -> PullRequest:
        with writing(self.path) as repo:
            return opening.open_proposal(repo, proposal, self.author, self.clock())

    def update(self, number: int, title: str, body: str) -> PullRequest:
        with self.pull(number) as (repo, pull):
            return self.save(repo, replace(pull, title=opening.one_line(title), body=body), "Update")

    def comment(self, number: int, text: str) -> None:
        with self.pull(number) as (repo, pull):
            if text not in pull.comments:
                self.save(repo, replace(pull, comments=(*pull.comments, text)), "Comment on")

    def close(self, number: int, by: str) -> PullRequest:
        with self.pull(number) as (repo, pull):
            if pull.state != "open":
                return pull
            closed = replace(pull, state="closed", closed_at=self.clock())
            return self.save(repo, closed, "Close", by)

    def merge(self, number: int, by: str, at: datetime | None = None) -> PullRequest:
        """Merge; each call stands alone, so a killed one leaves main merged or not, never half."""
        with self.pull(number) as (repo, pull):
            if pull.state == "closed":
                raise PermanentError(f"pull request #{number} is closed", next_step="propose the model again")
            if pull.state == "open":
                merging.join(repo, pull, by, at or self.clock(), self.check)
            return self.save(repo, pulls.observed(repo, pull), "Merge", by)

    def tags(self, prefix: str) -> list[Tag]:
        with reading(self.path) as repo:
            return refs.tags(repo, prefix)

    def tag(self, name: str, commit: Commit, message: str, at: datetime | None = None) -> None:
        with writing(self.path) as repo:
            refs.tag(repo, name, commit, message, refs.signature(self.author, at or self.clock()))

    def set_status(self, commit: Commit, context: str, state: str, detail: str) -> None:
        with writing(self.path) as repo:
            refs.commit_at(repo, commit)
            who = refs.signature(self.author, self.clock())
            statuses.save(repo, commit, context, (state, detail), who)

    def statuses(self, commit: Commit) -> Mapping[str, tuple[str, str]]:
        with reading(self.path) as repo:
            return statuses.load(repo, commit)

    @contextmanager
    def pull(self, number: int) -> Iterator[tuple[pygit2.Repository, PullRequest]]:
        with writing(self.path) as repo:
            yield repo, pulls.observed(repo, pulls.load(repo, number))

    def save(self, repo: pygit2.Repository, pull: PullRequest, what: str, by: str | None = None) -> PullRequest:
        return pulls.save(repo, pull, what, refs.signature(by or self.author, self.clock()))
