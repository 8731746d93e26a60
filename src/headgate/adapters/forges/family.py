"""The requests that Gitea and Forgejo took over from GitHub, word for word."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from headgate.adapters.forges.dialect import Status
from headgate.adapters.forges.rest import Request
from headgate.names import Commit


@dataclass(frozen=True)
class GitHubFamily:
    """A repository by its server and path, and how its pull requests are asked for."""

    root: str
    path: str
    heads: ClassVar[str] = "refs/pull/*/head"
    styles: ClassVar[tuple[str, ...]] = ("merge", "squash")

    @property
    def git(self) -> str:
        return f"{self.root}/{quote(self.path)}.git"

    def pull(self, number: int) -> Request:
        return Request("GET", f"/pulls/{number}")

    def open(self, branch: str, title: str, body: str) -> Request:
        return Request("POST", "/pulls", {"head": branch, "base": "main", "title": title, "body": body})

    def edit(self, number: int, title: str, body: str) -> Request:
        return Request("PATCH", f"/pulls/{number}", {"title": title, "body": body})

    def close(self, number: int) -> Request:
        return Request("PATCH", f"/pulls/{number}", {"state": "closed"})

    def comments(self, number: int) -> Request:
        return Request("GET", f"/issues/{number}/comments")

    def comment(self, number: int, text: str) -> Request:
        return Request("POST", f"/issues/{number}/comments", {"body": text})

    def set_status(self, commit: Commit, status: Status, before: Status | None) -> list[Request]:  # noqa: ARG002 - the newest wins
        body: Mapping[str, str] = {"context": status.context, "state": status.state, "description": status.detail}
        return [Request("POST", f"/statuses/{commit}", body)]
