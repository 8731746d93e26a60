"""A forge that somebody hosts: Git by a mirror, pull requests by its REST API, one dialect a vendor."""

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import pygit2

from headgate.adapters.forges.dialect import Dialect, Pull, Status
from headgate.adapters.forges.gitdata import contents, history, merging, opening, refs
from headgate.adapters.forges.gitdata.statuses import STATES
from headgate.adapters.forges.mirror import HEADS, Mirror
from headgate.adapters.forges.once import once
from headgate.adapters.forges.pullrequests import PullRequests, record
from headgate.adapters.forges.rest import RefusedError, Request, Rest, UnknownError
from headgate.errors import MovedError, PermanentError, TransientError
from headgate.names import Commit
from headgate.ports import LogEntry, Tag
from headgate.records.change import Edit, Proposal, PullRequest

POLL_SECONDS = 0.5
MAKERS_SECONDS = 3.0
"""How long who made a branch has to open its pull request, before others think that it died."""
LOOKING_SECONDS = 20.0
"""How long a forge may look at a branch before it knows whether it can be merged."""


def now() -> datetime:
    return datetime.now(tz=UTC)


class Hosted:
    """`ports.Forge` on a hosted repository; every call may be killed and made again."""

    def __init__(
        self,
        dialect: Dialect,
        rest: Rest,
        mirror: Mirror,
        author: str = "headgate",
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`author` signs commits and tags; the forge's own acts bear the name of the token's user."""
        self.dialect = dialect
        self.rest = rest
        self.mirror = mirror
        self.author = author
        self.clock = clock
        self.pulls = PullRequests(dialect, rest, mirror)

    def head(self, branch: str = "main") -> Commit | None:
        with self.mirror.reading() as repo:
            found = refs.target(repo, HEADS + branch)
            return None if found is None else refs.commit_oid(found)

    def read(self, path: str, at: Commit) -> str | None:
        with self.mirror.holding([at]) as repo:
            return contents.text(repo, path, at)

    def paths(self, prefix: str, at: Commit) -> list[str]:
        with self.mirror.holding([at]) as repo:
            return contents.paths(repo, prefix, at)

    def log(self, path: str, at: Commit, limit: int = 50) -> list[LogEntry]:
        with self.mirror.holding([at]) as repo:
            return contents.log(repo, path, at, limit)

    def commit(self, edits: Iterable[Edit], message: str, base: Commit | None, branch: str = "main") -> Commit:
        with self.mirror.reading() as repo:
            return self.mirror.extend(
                repo, branch, edits, message, base=base, who=refs.signature(self.author, self.clock())
            )

    def pull_requests(self, service: str | None = None) -> list[PullRequest]:
        return self.pulls.of_service(service)

    def open(self, proposal: Proposal) -> PullRequest:
        opening.check_branch(proposal)
        return once(lambda: self.adopted(proposal), lambda: self.opened(proposal))

    def update(self, number: int, title: str, body: str) -> PullRequest:
        line = opening.one_line(title)

        def as_wanted() -> PullRequest | None:
            pull = self.pulls.seen(number)
            return self.pulls.whole(pull) if (pull.title, pull.body) == (line, body) else None

        return once(as_wanted, lambda: self.answered(self.dialect.edit(number, line, body)))

    def comment(self, number: int, text: str) -> None:
        def there() -> bool | None:
            return (
                any(text.strip() == one.strip() for one in self.pulls.comments([self.pulls.seen(number)])[number])
                or None
            )

        once(there, lambda: bool(self.rest.ask(self.dialect.comment(number, text))) or True)

    def close(self, number: int, by: str) -> PullRequest:  # noqa: ARG002 - the forge knows the token's user only
        return once(lambda: self.decided(number), lambda: self.answered(self.dialect.close(number)))

    def merge(self, number: int, by: str, at: datetime | None = None) -> PullRequest:  # noqa: ARG002 - as above
        """Merge what is the head now, whole files only; the forge keeps its own time and the token's user."""
        return once(lambda: self.merged(number), lambda: self.joined(number))

    def tags(self, prefix: str) -> list[Tag]:
        with self.mirror.reading() as repo:
            return refs.tags(repo, prefix)

    def tag(self, name: str, commit: Commit, message: str, at: datetime | None = None) -> None:
        with self.mirror.reading() as repo:
            self.mirror.tag(repo, name, commit, message, refs.signature(self.author, at or self.clock()))

    def set_status(self, commit: Commit, context: str, state: str, detail: str) -> None:
        if state not in STATES:
            raise PermanentError(f"{state!r} is not a status", found=f"known: {', '.join(STATES)}")
        with self.mirror.holding([commit]) as repo:
            refs.commit_at(repo, commit)
        wanted = Status(context, state, detail[: self.dialect.detail_limit])

        def there() -> bool | None:
            now = self.pulls.statuses(commit).get(context)
            return (now is not None and (now.state, now.detail) == (state, wanted.detail)) or None

        def sent() -> bool:
            for request in self.dialect.set_status(commit, wanted, self.pulls.statuses(commit).get(context)):
                self.rest.ask(request)
            return True

        once(there, sent)

    def statuses(self, commit: Commit) -> Mapping[str, tuple[str, str]]:
        return {context: (one.state, one.detail) for context, one in self.pulls.statuses(commit).items()}

    def adopted(self, proposal: Proposal) -> PullRequest | None:
        """Return the pull request of the proposal's branch, None when there is none; of open ones the first stays."""
        found = self.pulls.of_branch(proposal.branch)
        if not found:
            return None
        for other in found[1:]:
            if other.state == "open":
                self.close(other.number, self.author)
        whole = self.pulls.whole(self.pulls.detailed(found[0]))
        with self.mirror.holding([whole.head]) as repo:
            return opening.adopted(repo, whole, proposal)

    def opened(self, proposal: Proposal) -> PullRequest:
        """Push the branch and open its pull request; who finds the branch made lets its maker open it first.

        Gitea opens as many for one branch as are asked for at one moment, so that afterwards there may be two.
        """
        with self.mirror.reading() as repo:
            made = self.push_branch(repo, proposal)
        deadline = time.monotonic() + (0 if made else MAKERS_SECONDS)
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            if (there := self.adopted(proposal)) is not None:
                return there
        own = self.answered(self.dialect.open(proposal.branch, opening.one_line(proposal.title), proposal.body))
        return self.adopted(proposal) or own

    def push_branch(self, repo: pygit2.Repository, proposal: Proposal) -> bool:
        """Make the proposal's branch; say whether it was this call that did."""
        base = refs.commit_at(repo, proposal.base)
        main = refs.target(repo, "refs/heads/main")
        if main is None or not history.reaches(repo, main, base.id):
            raise MovedError(f"base {proposal.base[:12]} is not on main", next_step="read main again, then propose")
        who = refs.signature(self.author, self.clock())
        left = refs.target(repo, HEADS + proposal.branch)
        new = opening.branch_commit(repo, proposal, base, who, left)
        return new != left and self.mirror.push(repo, HEADS + proposal.branch, new, left)

    def joined(self, number: int) -> PullRequest:
        """Merge a pull request that nothing bars, pinned to its head."""
        pull = self.pulls.seen(number)
        if pull.state == "closed":
            raise PermanentError(f"pull request #{number} is closed", next_step="propose the model again")
        self.check_merge(pull)
        styles = iter(self.dialect.styles)
        request = self.merge_request(pull, next(styles))
        deadline = time.monotonic() + LOOKING_SECONDS
        while True:
            try:
                self.rest.ask(request)
                return self.until_merged(number, deadline)
            except RefusedError as refusal:
                if self.dialect.forbids_style(refusal) and (style := next(styles, None)):
                    request = self.merge_request(pull, style)
                    continue
                self.may_try_again(pull, refusal, deadline)
            time.sleep(POLL_SECONDS)

    def merge_request(self, pull: Pull, style: str) -> Request:
        return self.dialect.merge(pull, f"Merge #{pull.number}: {opening.one_line(pull.title)}", style)

    def may_try_again(self, pull: Pull, refusal: RefusedError, deadline: float) -> None:
        """Raise why the forge did not merge, unless it was only not ready to."""
        seen = self.pulls.seen(pull.number)
        if seen.head != pull.head:
            raise MovedError(f"pull request #{pull.number} has new commits", next_step="review them, then merge")
        if seen.checking or self.dialect.is_passing(refusal):
            if time.monotonic() < deadline:
                return
            raise TransientError(f"the forge still looks at pull request #{pull.number}", next_step="try again")
        raise RefusedError(
            f"the forge does not merge pull request #{pull.number}",
            refusal.status,
            refusal.said,
            found=refusal.said,
            next_step="it may wait for checks or reviews, or the token may not merge",
        ) from refusal

    def until_merged(self, number: int, deadline: float) -> PullRequest:
        while (merged := self.merged(number)) is None:
            if time.monotonic() > deadline:
                raise UnknownError(f"the forge accepted the merge of #{number} and has not finished it")
            time.sleep(POLL_SECONDS)
        self.mirror.forget()
        return merged

    def check_merge(self, pull: Pull) -> None:
        """Refuse what would mix files line by line, and what a running canary bars."""
        with self.mirror.reading([pull.head]) as repo:
            main = refs.commit_at(repo, str(refs.target(repo, "refs/heads/main")))
            asked = record(repo, pull, ())
            merging.bar(asked, main, self.statuses)
            merging.merged_tree(repo, asked, main, refs.commit_at(repo, pull.head))

    def decided(self, number: int) -> PullRequest | None:
        pull = self.pulls.seen(number)
        return self.pulls.whole(pull) if pull.state != "open" else None

    def merged(self, number: int) -> PullRequest | None:
        pull = self.pulls.seen(number)
        return self.pulls.whole(pull) if pull.state == "merged" else None

    def answered(self, request: Request) -> PullRequest:
        return self.pulls.whole(self.dialect.read_pull(self.rest.ask(request)))
