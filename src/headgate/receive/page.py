"""What Git says of one service in one environment, as values to plan with."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from headgate.desired import Desired
from headgate.names import Commit, Name
from headgate.propose.actions import Situation
from headgate.receive.marks import bears
from headgate.records.change import Edit, PullRequest
from headgate.records.cluster import Marks
from headgate.records.live import LiveTag, Revision, Target


class Named(msgspec.Struct, frozen=True):
    """What one commit of a service's folder names; None where it names nothing that can be read."""

    commit: Commit
    at: datetime
    revision: Revision | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One service in one environment."""

    environment: Name
    service: Name
    desired: Desired
    """main: promotion.yaml and this service's files."""
    named: tuple[Named, ...] = ()
    """The commits of its folder, newest first."""
    tags: tuple[LiveTag, ...] = ()
    """Oldest first."""
    pulls: tuple[PullRequest, ...] = ()
    before: Mapping[Commit, Mapping[str, str]] = msgspec.field(default_factory=dict)
    """The service's files at the commits that a revert may go back to."""
    statuses: Mapping[Commit, tuple[str, str]] = msgspec.field(default_factory=dict)
    """What `headgate/canary` says on commits of late and on the heads of open pull requests."""
    changes: Mapping[int, tuple[Edit, ...]] = msgspec.field(default_factory=dict)
    """What the branch of each open revert changes."""
    bases: Mapping[int, Mapping[str, str]] = msgspec.field(default_factory=dict)
    """The service's files where each open revert began."""

    @property
    def live(self) -> list[LiveTag]:
        """The live tags, by number."""
        return sorted((tag for tag in self.tags if tag.outcome == "live"), key=lambda tag: tag.seq)

    def situation(self, *, without: str = "") -> Situation:
        """Return what a proposal is planned in; `without` leaves the pull request of one branch out."""
        pulls = tuple(pull for pull in self.pulls if pull.branch != without)
        return Situation(
            environment=self.environment,
            desired=self.desired,
            tags=self.tags,
            pull_requests=pulls,
            conflicting=tuple(number for number in self.changes if self.conflicts(number)),
        )

    def conflicts(self, number: int) -> bool:
        """Say whether main changed a file that an open revert changes, each in its own way."""
        before, main = self.bases.get(number, {}), self.desired.texts
        return any(main.get(edit.path) not in {before.get(edit.path), edit.text} for edit in self.changes[number])

    @property
    def runs(self) -> list[tuple[Revision | None, tuple[Commit, ...]]]:
        """What main named one after the other, newest first, each with its commits, newest first."""
        found: list[tuple[Revision | None, tuple[Commit, ...]]] = []
        for one in self.named:
            if found and found[-1][0] == one.revision:
                found[-1] = (one.revision, (*found[-1][1], one.commit))
            else:
                found.append((one.revision, (one.commit,)))
        return found

    def target(self, marks: Marks) -> Target | None:
        """Return what an object with these marks was rendered from: the last time main named it, its first commit."""
        for revision, commits in self.runs:
            if revision is not None and bears(marks, revision):
                return Target(commit=commits[-1], revision=revision)
        return None

    @property
    def newest(self) -> Target | None:
        """What main names, and the first commit since which it does."""
        if not self.runs or self.runs[0][0] is None:
            return None
        return Target(commit=self.runs[0][1][-1], revision=self.runs[0][0])

    def since(self, target: Target) -> datetime:
        """Return when main came to name a target."""
        return next(one.at for one in self.named if one.commit == target.commit)

    def with_tags(self, *tags: LiveTag) -> "Page":
        """Return the page as it is once these are tagged."""
        return replace(self, tags=(*self.tags, *tags))
