"""Which pull requests does a forge know, whole? Reads only: REST tells of them, Git of their base."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import pygit2

from headgate.adapters.forges.dialect import Dialect, Pull, Status
from headgate.adapters.forges.gitdata import history, refs
from headgate.adapters.forges.mirror import Mirror
from headgate.adapters.forges.rest import RefusedError, Request, Rest
from headgate.errors import PermanentError
from headgate.names import Commit
from headgate.records.change import PullRequest, branch_parts

FEW = 3
"""More pull requests than these have their comments asked for at once, where the forge can."""
NOT_FOUND = 404

Found = TypeVar("Found")


class PullRequests:
    """A repository's pull requests as records; one that did not change is not put together again."""

    def __init__(self, dialect: Dialect, rest: Rest, mirror: Mirror) -> None:
        self.dialect = dialect
        self.rest = rest
        self.mirror = mirror
        self.known: dict[int, tuple[Pull, PullRequest]] = {}

    def of_service(self, service: str | None) -> list[PullRequest]:
        """Return the pull requests of branches that Headgate names, oldest first; a branch has one."""
        found = [pull for pull in self.listed_pulls(None) if is_of(pull.branch, service)]
        pulls = sorted(first_of_each_branch(found), key=lambda pull: pull.number)
        fresh = [pull for pull in pulls if not self.remembered(pull)]
        comments = self.comments(fresh)
        with self.mirror.holding(commits_of(fresh)) as repo:
            for pull in fresh:
                self.known[pull.number] = (pull, record(repo, self.detailed(pull), comments[pull.number]))
        return [self.known[pull.number][1] for pull in pulls]

    def of_branch(self, branch: str) -> list[Pull]:
        """Return the pull requests of a branch, the one that counts first."""
        return sorted((pull for pull in self.listed_pulls(branch) if pull.branch == branch), key=precedence)

    def detailed(self, pull: Pull) -> Pull:
        """Return a pull request with who merged it: GitHub's lists don't tell."""
        return self.seen(pull.number) if pull.state == "merged" and pull.merged_by is None else pull

    def statuses(self, commit: Commit) -> Mapping[str, Status]:
        """Return the status that counts of each context."""
        found = self.listed(self.dialect.statuses(commit), self.dialect.read_statuses)
        return {one.context: one for one in sorted(found, key=lambda one: one.serial)}

    def listed_pulls(self, branch: str | None) -> Iterator[Pull]:
        return self.listed(self.dialect.pulls(branch), self.dialect.read_pulls)

    def listed(self, request: Request, read: Callable[[bytes], list[Found]]) -> Iterator[Found]:
        for page in self.rest.pages(request, self.dialect.per_page):
            yield from read(page)

    def seen(self, number: int) -> Pull:
        try:
            return self.dialect.read_pull(self.rest.ask(self.dialect.pull(number)))
        except RefusedError as err:
            if err.status != NOT_FOUND:
                raise
            raise PermanentError(f"no pull request #{number}", next_step="`headgate pr list` shows them") from err

    def whole(self, pull: Pull) -> PullRequest:
        """Return a pull request with its comments, and the base that Git knows."""
        comments = self.comments([pull])[pull.number]
        with self.mirror.holding(commits_of([pull])) as repo:
            return record(repo, pull, comments)

    def comments(self, pulls: list[Pull]) -> dict[int, tuple[str, ...]]:
        """Return number → comments, oldest first; pull requests that have none are not asked for them."""
        asked = [pull.number for pull in pulls if pull.comments != 0]
        every = self.dialect.every_comment() if len(asked) > FEW else None
        requests = [(0, every)] if every else [(number, self.dialect.comments(number)) for number in asked]
        found: dict[int, list[str]] = {pull.number: [] for pull in pulls}
        for number, request in requests:
            for one in self.listed(request, self.dialect.read_comments):
                found.get(one.pull or number, []).append(one.text)
        return {number: tuple(texts) for number, texts in found.items()}

    def remembered(self, pull: Pull) -> bool:
        """Say whether a pull request is as it was last seen; its time has seconds only, and may hide a comment."""
        seen = self.known.get(pull.number)
        return seen is not None and seen[0] == pull and (pull.comments is not None or pull.state != "open")


def record(repo: pygit2.Repository, pull: Pull, comments: tuple[str, ...]) -> PullRequest:
    return PullRequest(
        number=pull.number,
        state=pull.state,
        title=pull.title,
        body=pull.body,
        branch=pull.branch,
        base=base_of(repo, pull),
        head=pull.head,
        url=pull.url,
        author=pull.author,
        opened_at=pull.opened_at,
        closed_at=pull.closed_at,
        merged_by=pull.merged_by,
        merge_commit=pull.merge_commit,
        comments=comments,
    )


def base_of(repo: pygit2.Repository, pull: Pull) -> Commit:
    """Return where a branch left main: forges name main's tip of some moment instead."""
    landed = refs.commit_or_none(repo, pull.merge_commit)
    main = landed.parents[0].id if landed and landed.parents else refs.target(repo, "refs/heads/main")
    head = refs.commit_or_none(repo, pull.head)
    fork = history.fork(repo, main, head.id) if main and head else None
    return refs.commit_oid(fork.id) if fork else pull.base


def commits_of(pulls: list[Pull]) -> list[Commit]:
    return [commit for pull in pulls for commit in (pull.head, pull.merge_commit) if commit]


def precedence(pull: Pull) -> tuple[int, int]:
    """Order the pull requests of one branch: the first open one counts, else the newest merged, else the newest."""
    if pull.state == "open":
        return 0, pull.number
    return 1 if pull.state == "merged" else 2, -pull.number


def first_of_each_branch(pulls: Iterable[Pull]) -> list[Pull]:
    """Return one pull request a branch: a second one that two writers opened at once is closed, and no rejection."""
    return list({pull.branch: pull for pull in sorted(pulls, key=precedence, reverse=True)}.values())


def is_of(branch: str, service: str | None) -> bool:
    """Say whether a branch is one that Headgate names, for a service where one is asked for."""
    parts = branch_parts(branch)
    return parts is not None and service in {None, parts[2]}
