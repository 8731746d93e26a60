"""Reads the pages: main, history, tags, pull requests and statuses; what cannot change is read once."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from msgspec.structs import replace

from headgate.desired import Desired, history, live_tags
from headgate.errors import PermanentError
from headgate.names import Commit, name
from headgate.ports import Forge
from headgate.ports import Tag as ForgeTag
from headgate.receive.page import Named, Page
from headgate.receive.statuses import CONTEXT, LATE
from headgate.records.change import Edit, PullRequest, branch_parts
from headgate.records.live import LiveTag, Revision
from headgate.specs.environment import EnvironmentOrder

Place = tuple[str, str]
LOOK_BACK = 20
"""Commits of a service's folder: a revision is seldom touched that often without being changed."""

MOST_TEXTS = 4096
"""Services times commits whose files are kept in memory."""


class Books:
    """The env repo as one look after the other sees it."""

    def __init__(self, forge: Forge, cluster: str | None = None) -> None:
        """Read from `forge`; with `cluster` only the environments that name it are here."""
        self.forge = forge
        self.cluster = cluster
        self.head: Commit | None = None
        self.tags: dict[Place, list[ForgeTag]] = {}
        self.pulls: dict[Place, list[PullRequest]] = {}
        self._named: dict[Place, tuple[Commit, tuple[Named, ...]]] = {}
        self._revisions: dict[tuple[Place, Commit], Revision | None] = {}
        self._texts: dict[tuple[Place, Commit], dict[str, str]] = {}
        self._changes: dict[tuple[Commit, Commit], tuple[Edit, ...]] = {}
        self._statuses: dict[Commit, tuple[str, str] | None] = {}

    def look(self) -> None:
        """Read what may have changed: main's head, tags, pull requests."""
        self.head = self.forge.head()
        self.tags, self.pulls = {}, {}
        for tag in (*self.forge.tags("live/"), *self.forge.tags("aborted/")):
            if parts := branch_parts(tag.name):
                self.tags.setdefault((parts[1], parts[2]), []).append(tag)
        for pull in self.forge.pull_requests():
            if parts := branch_parts(pull.branch):
                self.pulls.setdefault((parts[1], parts[2]), []).append(pull)

    def forget_statuses(self) -> None:
        """Read the statuses anew: another replica, or a person, may have set them."""
        self._statuses.clear()

    def page(self, environment: str, service: str) -> Page:
        """Return one service's page; PermanentError when its files or tags are broken."""
        place = (environment, service)
        if self.head is None:
            raise PermanentError(
                "the env repo has no commit on main", next_step="`headgate init` writes its first files"
            )
        named = self.named(place, self.head)
        tags = tuple(self.records(place))
        pulls = tuple(self.pulls.get(place, ()))
        open_now = [pull for pull in pulls if pull.state == "open"]
        reverts = [pull for pull in open_now if pull.branch.startswith("revert/")]
        page = Page(
            environment=name(environment, "environment"),
            service=name(service, "service"),
            desired=Desired(texts=self.texts(place, self.head), commit=self.head),
            named=named,
            tags=tags,
            pulls=pulls,
            before={commit: self.texts(place, commit) for commit in restorable(tags)},
            changes={pull.number: self.changed(pull) for pull in reverts},
            bases={pull.number: self.texts(place, pull.base) for pull in reverts},
        )
        late = [commit for _, commits in page.runs[:LATE] for commit in {commits[0], commits[-1]}]
        return replace(page, statuses=dict(self.statuses([*late, *(pull.head for pull in open_now)])))

    def order(self) -> tuple[EnvironmentOrder, ...]:
        """Return the environments in promotion.yaml's order."""
        texts = dict(self.read(["promotion.yaml"], self.head)) if self.head else {}
        return Desired(texts=texts).order()

    def environments(self, namespace: str) -> list[str]:
        """Return the environments that are in a namespace; one whose file is broken is in none."""
        if self.head is None:
            return []
        paths = [path for path in self.forge.paths("env/", self.head) if path.endswith("/environment.yaml")]
        desired = Desired(texts=dict(self.read(paths, self.head)))
        found = []
        for path in paths:
            environment = path.split("/")[1]
            with suppress(PermanentError):
                where = desired.environment(environment)
                if where.namespace == namespace and self.cluster in {None, where.cluster}:
                    found.append(environment)
        return found

    def records(self, place: Place) -> list[LiveTag]:
        """Return what a service's tags say, oldest first; one that another hand made says nothing."""
        found: list[LiveTag] = []
        for tag in self.tags.get(place, ()):
            with suppress(PermanentError):
                found += live_tags([tag.message])
        return history(found, *place)

    def named(self, place: Place, head: Commit) -> tuple[Named, ...]:
        """Return what the last commits of a service's folder named, newest first."""
        known = self._named.get(place)
        if known is None or known[0] != head:
            log = self.forge.log(f"env/{place[0]}/{place[1]}", head, LOOK_BACK)
            known = head, tuple(Named(one.commit, one.at, self.revision(place, one.commit)) for one in log)
            self._named[place] = known
        return known[1]

    def revision(self, place: Place, commit: Commit) -> Revision | None:
        """Return what a commit named; what nobody could read named nothing."""
        key = (place, commit)
        if key not in self._revisions:
            self._revisions[key] = None
            with suppress(PermanentError):
                self._revisions[key] = Desired(texts=self.texts(place, commit), commit=commit).revision(*place)
        return self._revisions[key]

    def texts(self, place: Place, commit: Commit) -> dict[str, str]:
        """Return promotion.yaml, environment.yaml and a service's files at a commit."""
        key = (place, commit)
        if len(self._texts) > MOST_TEXTS:
            self._texts.clear()
        if key not in self._texts:
            environment, service = place
            own = self.forge.paths(f"env/{environment}/{service}/", commit)
            paths = ["promotion.yaml", f"env/{environment}/environment.yaml", *own]
            self._texts[key] = dict(self.read(paths, commit))
        return self._texts[key]

    def read(self, paths: Iterable[str], commit: Commit) -> Iterator[tuple[str, str]]:
        for path in paths:
            if (text := self.forge.read(path, commit)) is not None:
                yield path, text

    def changed(self, pull: PullRequest) -> tuple[Edit, ...]:
        """Return every file of the repository that a pull request's branch changes, as edits."""
        key = (pull.base, pull.head)
        if key not in self._changes:
            before, after = (dict(self.read(self.forge.paths("", at), at)) for at in key)
            paths = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
            self._changes[key] = tuple(Edit(path=path, text=after.get(path)) for path in paths)
        return self._changes[key]

    def statuses(self, commits: Iterable[Commit]) -> Iterator[tuple[Commit, tuple[str, str]]]:
        """Yield what `headgate/canary` says on each commit that bears it."""
        for commit in dict.fromkeys(commits):
            if commit not in self._statuses:
                self._statuses[commit] = self.forge.statuses(commit).get(CONTEXT)
            if status := self._statuses[commit]:
                yield commit, status

    def set_status(self, commit: Commit, state: str, detail: str) -> None:
        """Set a status and remember it."""
        self.forge.set_status(commit, CONTEXT, state, detail)
        self._statuses[commit] = (state, detail)


def restorable(tags: Iterable[LiveTag]) -> Iterator[Commit]:
    """Yield the commits a revert may go back to: the last live one, and the last live one of another revision."""
    live = sorted((tag for tag in tags if tag.outcome == "live"), key=lambda tag: tag.seq, reverse=True)
    for tag in live:
        if tag == live[0] or tag.revision != live[0].revision:
            yield tag.commit
            if tag != live[0]:
                return
