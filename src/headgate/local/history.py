"""What Git says to the ring, and what the ring says to Git."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from headgate.desired import Desired, history, live_tags
from headgate.errors import PermanentError
from headgate.names import Commit, Name
from headgate.ports import Forge
from headgate.records.codec import encode
from headgate.records.live import Analysis, LiveTag, Revision, Target
from headgate.specs.environment import Serving, Version

CONTEXT = "headgate/canary"
LOOK_BACK = 20
"""Commits of a service's folder; a revision is seldom touched that often without being changed."""


class History:
    """One service of one environment in the env repo; main is read again only when it moved."""

    def __init__(self, forge: Forge, environment: Name, service: Name) -> None:
        self.forge = forge
        self.environment = environment
        self.service = service
        self.head: Commit | None = None
        self.desired = Desired(texts={})
        self.target: Target | None = None
        self.unbroken: frozenset[Commit] = frozenset()
        """The commits up to the target's that name its revision without a pause."""
        self.banned = False
        """Main bans what it names."""
        self.tagged: list[LiveTag] | None = None

    def wanted(self) -> Target | None:
        """Return what main names now; while main cannot be read, what it named before stays known."""
        head = self.forge.head()
        if head is not None and head != self.head:
            self.take(head, self.read(head))
        return self.target

    def take(self, head: Commit, desired: Desired) -> None:
        """Take main's new head in, whole or not at all."""
        place = (self.environment, self.service)
        revision, _ = desired.revision(*place), desired.serving(*place)
        banned = revision is not None and desired.ban(*place, revision.model, revision.settings) is not None
        last = self.forge.log(self.folder, head, LOOK_BACK) if revision else []
        self.unbroken = frozenset(self.same(revision, [entry.commit for entry in last]))
        self.target = Target(commit=last[0].commit, revision=revision) if revision and last else None
        self.desired, self.banned, self.head = desired, banned, head

    def same(self, revision: Revision | None, newest_first: Iterable[Commit]) -> Iterator[Commit]:
        """Yield the commits that name a revision, as far back as they do without a pause."""
        for commit in newest_first:
            try:
                then = self.read(commit).revision(self.environment, self.service)
            except PermanentError:  # a file nobody could read named nothing
                return
            if then != revision:
                return
            yield commit

    @property
    def folder(self) -> str:
        return f"env/{self.environment}/{self.service}"

    def serving(self) -> Serving:
        """Return main's serving settings."""
        return self.desired.serving(self.environment, self.service)

    def at(self, commit: Commit) -> tuple[Version, Serving]:
        """Return what a commit named."""
        then = self.read(commit)
        version = then.version(self.environment, self.service)
        if version is None:
            raise PermanentError(f"commit {commit[:12]} names no version of {self.service!r} in {self.environment!r}")
        return version, then.serving(self.environment, self.service)

    def texts(self, commit: Commit) -> dict[str, str]:
        """Return the service's files at a commit, by path."""
        return dict(self.read(commit).texts)

    def read(self, commit: Commit) -> Desired:
        paths = ["promotion.yaml", *self.forge.paths(f"{self.folder}/", commit)]
        texts = {path: text for path in paths if (text := self.forge.read(path, commit)) is not None}
        return Desired(texts=texts, commit=commit)

    def live(self) -> list[Target]:
        """Return the revisions that reached Healthy, oldest first."""
        return [Target(commit=tag.commit, revision=tag.revision) for tag in self.tags() if tag.outcome == "live"]

    def tags(self) -> list[LiveTag]:
        """Return live and aborted tags, oldest first."""
        if self.tagged is None:
            kinds = ("live", "aborted")
            found = [tag for kind in kinds for tag in self.forge.tags(f"{kind}/{self.environment}/{self.service}/")]
            self.tagged = history(live_tags(tag.message for tag in found), self.environment, self.service)
        return self.tagged

    def tag(
        self, outcome: Literal["live", "aborted"], target: Target, at: datetime, analyses: tuple[Analysis, ...]
    ) -> None:
        """Tag a commit, unless the last tag of this kind says the same already."""
        past = [tag for tag in self.tags() if tag.outcome == outcome]
        if past and (past[-1].commit, past[-1].revision) == (target.commit, target.revision):
            return
        record = LiveTag(
            outcome=outcome,
            service=self.service,
            environment=self.environment,
            seq=1 + max((tag.seq for tag in past), default=0),
            commit=target.commit,
            revision=target.revision,
            at=at,
            analyses=analyses,
        )
        name = f"{outcome}/{self.environment}/{self.service}/{record.seq}"
        self.forge.tag(name, target.commit, encode(record).decode(), at)
        self.tagged = None

    def status(self, commit: Commit, state: str, detail: str) -> None:
        """Tell reviewers, on the commit, where its rollout is."""
        self.forge.set_status(commit, CONTEXT, state, detail)
