"""The words of GitHub, its Enterprise Server included."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

import msgspec

from headgate.adapters.forges.dialect import Comment, Pull, Status, parsed
from headgate.adapters.forges.family import GitHubFamily
from headgate.adapters.forges.rest import RefusedError, Request
from headgate.names import Commit

PUBLIC = "https://github.com"
STATES = {"pending": "pending", "success": "success"}
"""`failure` and `error` are failures."""
PASSING = "Base branch was modified"
NO_MERGES = "not allowed on this repository"


class User(msgspec.Struct):
    login: str = ""


class Repository(msgspec.Struct):
    full_name: str = ""


class Branch(msgspec.Struct):
    ref: str
    sha: str
    repo: Repository | None = None
    """None where a fork was deleted."""


class GitHubPull(msgspec.Struct):
    number: int
    state: str
    title: str
    head: Branch
    base: Branch
    html_url: str
    user: User | None
    created_at: datetime
    updated_at: datetime
    body: str | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merge_commit_sha: str | None = None
    """Of an open pull request a trial merge that no branch holds."""
    merged_by: User | None = None
    mergeable: bool | None = True
    """A single one's only: None while GitHub still looks."""
    comments: int | None = None


class GitHubComment(msgspec.Struct):
    body: str
    issue_url: str


class GitHubStatus(msgspec.Struct):
    id: int
    context: str
    state: str
    description: str | None = None


class Combined(msgspec.Struct):
    statuses: list[GitHubStatus]


@dataclass(frozen=True)
class GitHub(GitHubFamily):
    """`github+https://github.com/owner/repo`, or an Enterprise Server's host."""

    name: ClassVar[str] = "github"
    user: ClassVar[str] = "x-access-token"
    per_page: ClassVar[Mapping[str, str]] = {"per_page": "100"}
    detail_limit: ClassVar[int] = 140

    @property
    def server(self) -> str:
        """The API's root."""
        return "https://api.github.com" if self.root == PUBLIC else f"{self.root}/api/v3"

    @property
    def api(self) -> str:
        return f"{self.server}/repos/{quote(self.path)}"

    def headers(self, token: str) -> Mapping[str, str]:
        return {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def pulls(self, branch: str | None = None) -> Request:
        params = {"state": "all", "base": "main", "sort": "created", "direction": "asc"}
        head = {"head": f"{self.path.partition('/')[0]}:{branch}"} if branch else {}
        return Request("GET", "/pulls", params=params | head)

    def read_pulls(self, content: bytes) -> list[Pull]:
        return [pull_of(one) for one in parsed(content, list[GitHubPull], self.name) if is_own(one)]

    def read_pull(self, content: bytes) -> Pull:
        return pull_of(parsed(content, GitHubPull, self.name))

    def merge(self, pull: Pull, message: str, style: str) -> Request:
        body = {"commit_title": message, "commit_message": "", "sha": pull.head, "merge_method": style}
        return Request("PUT", f"/pulls/{pull.number}/merge", body)

    def every_comment(self) -> Request | None:
        return Request("GET", "/issues/comments", params={"sort": "created", "direction": "asc"})

    def read_comments(self, content: bytes) -> list[Comment]:
        found = parsed(content, list[GitHubComment], self.name)
        return [Comment(int(one.issue_url.rpartition("/")[2]), one.body) for one in found]

    def statuses(self, commit: Commit) -> Request:
        return Request("GET", f"/commits/{commit}/status")

    def read_statuses(self, content: bytes) -> list[Status]:
        found = parsed(content, Combined, self.name).statuses
        return [Status(one.context, STATES.get(one.state, "failure"), one.description or "", one.id) for one in found]

    def is_passing(self, refusal: RefusedError) -> bool:
        return PASSING in refusal.said

    def forbids_style(self, refusal: RefusedError) -> bool:
        return NO_MERGES in refusal.said


def is_own(found: GitHubPull) -> bool:
    """Say whether a pull request's branch is in the repository itself: anybody may name a fork's branch as ours."""
    own, other = found.base.repo, found.head.repo
    return found.base.ref == "main" and other is not None and own is not None and other.full_name == own.full_name


def pull_of(found: GitHubPull) -> Pull:
    merged = found.merged_at is not None
    return Pull(
        number=found.number,
        state="merged" if merged else "open" if found.state == "open" else "closed",
        title=found.title,
        body=found.body or "",
        branch=found.head.ref,
        head=Commit(found.head.sha),
        base=Commit(found.base.sha),
        url=found.html_url,
        author=found.user.login if found.user else "ghost",
        opened_at=found.created_at,
        changed_at=found.updated_at,
        closed_at=found.merged_at or found.closed_at,
        merged_by=found.merged_by.login if found.merged_by else None,
        merge_commit=Commit(found.merge_commit_sha) if merged and found.merge_commit_sha else None,
        comments=found.comments,
        checking=found.mergeable is None and found.state == "open",
    )
