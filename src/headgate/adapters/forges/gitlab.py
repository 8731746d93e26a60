"""The words of GitLab."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal
from urllib.parse import quote

import msgspec

from headgate.adapters.forges.dialect import Comment, Pull, Status, parsed
from headgate.adapters.forges.rest import RefusedError, Request
from headgate.names import Commit

PULL_STATES: Mapping[str, Literal["open", "merged", "closed"]] = {
    "merged": "merged",
    "opened": "open",
    "locked": "open",
}
"""`locked` is a merge request in the middle of its merge."""
STATES = {"created": "pending", "pending": "pending", "running": "pending", "success": "success", "skipped": "success"}
WORDS = {"pending": "pending", "success": "success", "failure": "failed"}
LOOKING = {"unchecked", "checking", "preparing", "approvals_syncing"}
"""GitLab has not yet looked whether the branch can be merged, and refuses until it has."""


class User(msgspec.Struct):
    username: str = ""


class Ends(msgspec.Struct):
    base_sha: str | None = None


class GitLabPull(msgspec.Struct):
    iid: int
    state: str
    title: str
    source_branch: str
    target_branch: str
    source_project_id: int | None
    target_project_id: int
    web_url: str
    author: User
    created_at: datetime
    updated_at: datetime
    sha: str | None = None
    description: str | None = None
    closed_at: datetime | None = None
    merged_at: datetime | None = None
    merge_user: User | None = None
    merged_by: User | None = None
    """Before GitLab 14.7 the only one."""
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None
    diff_refs: Ends | None = None
    """A single one's only."""
    user_notes_count: int = 0
    detailed_merge_status: str = ""


class Note(msgspec.Struct):
    body: str
    system: bool = False


class GitLabStatus(msgspec.Struct):
    id: int
    name: str
    status: str
    description: str | None = None


@dataclass(frozen=True)
class GitLab:
    """`gitlab+https://gitlab.com/group/subgroup/project`."""

    root: str
    path: str
    name: ClassVar[str] = "gitlab"
    user: ClassVar[str] = "oauth2"
    heads: ClassVar[str] = "refs/merge-requests/*/head"
    per_page: ClassVar[Mapping[str, str]] = {"per_page": "100"}
    detail_limit: ClassVar[int] = 255
    styles: ClassVar[tuple[str, ...]] = ("merge",)
    """The project's settings say how: a merge commit, a squash, or a fast-forward."""

    @property
    def api(self) -> str:
        return f"{self.root}/api/v4/projects/{quote(self.path, safe='')}"

    @property
    def git(self) -> str:
        return f"{self.root}/{quote(self.path)}.git"

    def headers(self, token: str) -> Mapping[str, str]:
        return {"PRIVATE-TOKEN": token}

    def pulls(self, branch: str | None = None) -> Request:
        params = {"state": "all", "target_branch": "main", "order_by": "created_at", "sort": "asc"}
        return Request("GET", "/merge_requests", params=params | ({"source_branch": branch} if branch else {}))

    def read_pulls(self, content: bytes) -> list[Pull]:
        found = parsed(content, list[GitLabPull], self.name)
        own = [one for one in found if one.source_project_id == one.target_project_id]
        return [pull_of(one) for one in own if one.target_branch == "main"]

    def pull(self, number: int) -> Request:
        return Request("GET", f"/merge_requests/{number}")

    def read_pull(self, content: bytes) -> Pull:
        return pull_of(parsed(content, GitLabPull, self.name))

    def open(self, branch: str, title: str, body: str) -> Request:
        words = {"title": title, "description": inert(body), "remove_source_branch": False}
        return Request("POST", "/merge_requests", {"source_branch": branch, "target_branch": "main"} | words)

    def edit(self, number: int, title: str, body: str) -> Request:
        return Request("PUT", f"/merge_requests/{number}", {"title": title, "description": inert(body)})

    def close(self, number: int) -> Request:
        return Request("PUT", f"/merge_requests/{number}", {"state_event": "close"})

    def merge(self, pull: Pull, message: str, style: str) -> Request:  # noqa: ARG002 - the project's settings decide
        body = {"sha": pull.head, "merge_commit_message": message, "should_remove_source_branch": False}
        return Request("PUT", f"/merge_requests/{pull.number}/merge", body)

    def comments(self, number: int) -> Request:
        params = {"sort": "asc", "order_by": "created_at"}
        return Request("GET", f"/merge_requests/{number}/notes", params=params)

    def every_comment(self) -> Request | None:
        return None

    def read_comments(self, content: bytes) -> list[Comment]:
        return [Comment(0, written(one.body)) for one in parsed(content, list[Note], self.name) if not one.system]

    def comment(self, number: int, text: str) -> Request:
        return Request("POST", f"/merge_requests/{number}/notes", {"body": inert(text)})

    def statuses(self, commit: Commit) -> Request:
        return Request("GET", f"/repository/commits/{commit}/statuses")

    def read_statuses(self, content: bytes) -> list[Status]:
        found = parsed(content, list[GitLabStatus], self.name)
        return [
            Status(one.name, STATES.get(one.status, "failure"), one.description or "", one.id, one.status)
            for one in found
        ]

    def set_status(self, commit: Commit, status: Status, before: Status | None) -> list[Request]:
        """Ask for a status; a pending one takes no new words, so it becomes running, or begins anew."""
        words = [WORDS[status.state]]
        if status.state == "pending" and before is not None and before.state == "pending":
            words = ["canceled", "pending"] if before.native == "running" else ["running"]
        body = {"name": status.context, "description": status.detail}
        return [Request("POST", f"/statuses/{commit}", body | {"state": word}) for word in words]

    def is_passing(self, refusal: RefusedError) -> bool:  # noqa: ARG002 - its 405 has no words: the state tells
        return False

    def forbids_style(self, refusal: RefusedError) -> bool:  # noqa: ARG002 - there is one
        return False


def inert(text: str) -> str:
    r"""Return text whose lines are no commands: a line `/merge` would merge.

    >>> inert("/close\nwords")
    '\\/close\nwords'
    """
    return re.sub(r"^(\\*/)", r"\\\1", text, flags=re.MULTILINE)


def written(text: str) -> str:
    r"""Return text as it was before it was made inert.

    >>> written(inert("/close\n\\/x"))
    '/close\n\\/x'
    """
    return re.sub(r"^\\(\\*/)", r"\1", text, flags=re.MULTILINE)


def pull_of(found: GitLabPull) -> Pull:
    by = found.merge_user or found.merged_by
    base = found.diff_refs.base_sha if found.diff_refs else None
    landed = found.merge_commit_sha or found.squash_commit_sha
    return Pull(
        number=found.iid,
        state=PULL_STATES.get(found.state, "closed"),
        title=found.title,
        body=written(found.description or ""),
        branch=found.source_branch,
        head=Commit(found.sha or ""),
        base=Commit(base or ""),
        url=found.web_url,
        author=found.author.username,
        opened_at=found.created_at,
        changed_at=found.updated_at,
        closed_at=found.merged_at or found.closed_at,
        merged_by=by.username if by and found.state == "merged" else None,
        merge_commit=Commit(landed) if landed and found.state == "merged" else None,
        comments=found.user_notes_count,
        checking=found.detailed_merge_status in LOOKING and found.state == "opened",
    )
