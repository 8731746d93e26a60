"""The words of Gitea and Forgejo."""

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

STATES = {"pending": "pending", "success": "success", "warning": "success", "skipped": "success"}
"""Every other state is a failure."""


class User(msgspec.Struct):
    login: str = ""


class Branch(msgspec.Struct):
    label: str
    """The branch, also where it is deleted: `ref` is then the pull request's own reference."""
    sha: str = ""
    repo_id: int = 0


class GiteaPull(msgspec.Struct):
    number: int
    state: str
    merged: bool
    title: str
    head: Branch
    base: Branch
    html_url: str
    user: User
    created_at: datetime
    updated_at: datetime
    body: str | None = ""
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: User | None = None
    merge_commit_sha: str | None = None
    merge_base: str = ""
    comments: int = 0


class GiteaComment(msgspec.Struct):
    body: str
    pull_request_url: str = ""
    issue_url: str = ""


class GiteaStatus(msgspec.Struct):
    id: int
    context: str
    status: str
    description: str = ""


@dataclass(frozen=True)
class Gitea(GitHubFamily):
    """`gitea+https://host/owner/repo`."""

    name: ClassVar[str] = "gitea"
    user: ClassVar[str] = "headgate"
    per_page: ClassVar[Mapping[str, str]] = {"limit": "50"}
    detail_limit: ClassVar[int] = 1000

    @property
    def api(self) -> str:
        return f"{self.root}/api/v1/repos/{quote(self.path)}"

    def headers(self, token: str) -> Mapping[str, str]:
        return {"Authorization": f"token {token}"}

    def pulls(self, branch: str | None = None) -> Request:
        """Gitea lists by base only: what a branch has is found in the whole list, newest change first."""
        params = {"state": "all", "sort": "oldest" if branch is None else "recentupdate", "base_branch": "main"}
        return Request("GET", "/pulls", params=params)

    def read_pulls(self, content: bytes) -> list[Pull]:
        found = parsed(content, list[GiteaPull], self.name)
        return [pull_of(one) for one in found if one.base.label == "main" and one.head.repo_id == one.base.repo_id]

    def read_pull(self, content: bytes) -> Pull:
        return pull_of(parsed(content, GiteaPull, self.name))

    def merge(self, pull: Pull, message: str, style: str) -> Request:
        body = {"Do": style, "MergeTitleField": message, "head_commit_id": pull.head}
        return Request("POST", f"/pulls/{pull.number}/merge", body)

    def every_comment(self) -> Request | None:
        return Request("GET", "/issues/comments")

    def read_comments(self, content: bytes) -> list[Comment]:
        found = parsed(content, list[GiteaComment], self.name)
        return [Comment(number_of(one.pull_request_url or one.issue_url), one.body) for one in found]

    def statuses(self, commit: Commit) -> Request:
        return Request("GET", f"/statuses/{commit}")

    def read_statuses(self, content: bytes) -> list[Status]:
        found = parsed(content, list[GiteaStatus], self.name)
        return [Status(one.context, STATES.get(one.status, "failure"), one.description, one.id) for one in found]

    def is_passing(self, refusal: RefusedError) -> bool:
        return "try again later" in refusal.said or "push out of date" in refusal.said

    def forbids_style(self, refusal: RefusedError) -> bool:
        return "merge style" in refusal.said


def pull_of(found: GiteaPull) -> Pull:
    return Pull(
        number=found.number,
        state="merged" if found.merged else "open" if found.state == "open" else "closed",
        title=found.title,
        body=found.body or "",
        branch=found.head.label,
        head=Commit(found.head.sha),
        base=Commit(found.merge_base or found.base.sha),
        url=found.html_url,
        author=found.user.login,
        opened_at=found.created_at,
        changed_at=found.updated_at,
        closed_at=found.merged_at or found.closed_at,
        merged_by=found.merged_by.login if found.merged_by else None,
        merge_commit=Commit(found.merge_commit_sha) if found.merged and found.merge_commit_sha else None,
        comments=found.comments,
    )


def number_of(url: str) -> int:
    """Return the number that ends a pull request's URL, 0 where there is none: an issue's comment."""
    last = url.rpartition("/")[2]
    return int(last) if last.isdecimal() else 0
