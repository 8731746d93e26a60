"""Gitea as the people of the ring use it: users, repositories, pushes, pull requests, hooks."""

import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from cluster.live import NAMES, Cluster
from cluster.scenarios.ring.waiting import wait

ORGANISATION = "ml"
IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.test")


@dataclass(frozen=True)
class Gitea:
    """The forge, by its administrator."""

    cluster: Cluster

    def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, allowed: tuple[int, ...] = ()
    ) -> Any:
        """Return the API's answer as JSON, None for one of the allowed refusals."""
        answer = httpx.request(
            method,
            f"{self.cluster.url('gitea')}/api/v1/{path}",
            json=body,
            auth=("admin", self.cluster.password("gitea")),
            timeout=30,
        )
        if answer.status_code in allowed:
            return None
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def organisation(self) -> None:
        """Make the organisation, unless it is there."""
        self.ask("POST", "orgs", {"username": ORGANISATION}, allowed=(422,))

    def repository(self, name: str) -> None:
        """Make an empty repository, unless it is there."""
        self.ask("POST", f"orgs/{ORGANISATION}/repos", {"name": name, "default_branch": "main"}, allowed=(409,))

    def user(self, name: str, permission: str, *repositories: str) -> str:
        """Make a user with a right on some repositories, and return a token of theirs."""
        password = f"{name}-{self.cluster.password('gitea')}"
        account = {
            "username": name,
            "email": f"{name}@example.test",
            "password": password,
            "must_change_password": False,
        }
        self.ask("POST", "admin/users", account, allowed=(422,))
        for repository in repositories:
            right = {"permission": permission}
            self.ask("PUT", f"repos/{ORGANISATION}/{repository}/collaborators/{name}", right)
        made = httpx.post(
            f"{self.cluster.url('gitea')}/api/v1/users/{name}/tokens",
            json={"name": f"e2e-{secrets.token_hex(4)}", "scopes": ["all"]},
            auth=(name, password),
            timeout=30,
        )
        made.raise_for_status()
        return str(made.json()["sha1"])

    def hook(self, repository: str, url: str, secret: str = "", authorization: str = "") -> None:
        """Tell a URL of each push and each change of a pull request."""
        wanted = {
            "type": "gitea",
            "active": True,
            "events": ["push", "pull_request"],
            "config": {"url": url, "content_type": "json", "secret": secret},
            "authorization_header": authorization,
        }
        there = self.ask("GET", f"repos/{ORGANISATION}/{repository}/hooks")
        for old in (one for one in there if one["config"]["url"] == url):  # its secret cannot be read back
            self.ask("DELETE", f"repos/{ORGANISATION}/{repository}/hooks/{old['id']}")
        self.ask("POST", f"repos/{ORGANISATION}/{repository}/hooks", wanted)

    def checkout(self, repository: str, folder: Path) -> Path:
        """Clone a repository, empty or not, or bring a clone up to date."""
        url = self.url(repository)
        if (folder / ".git").exists():
            git(folder, "pull", "--quiet", "--ff-only", url, "main")
            return folder
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--quiet", "--initial-branch=main")
        if git(folder, "ls-remote", "--heads", url, "main"):
            git(folder, "pull", "--quiet", url, "main")
        return folder

    def push(self, folder: Path, repository: str, message: str) -> str:
        """Commit a checkout as it is onto main, and return the commit."""
        git(folder, "add", "--all")
        git(folder, *IDENTITY, "commit", "--quiet", "--allow-empty", "--message", message)
        git(folder, "push", "--quiet", self.url(repository), "HEAD:main")
        return git(folder, "rev-parse", "HEAD").strip()

    def url(self, repository: str) -> str:
        """Return the URL by which this machine's Git reaches a repository as the administrator."""
        place = self.cluster.url("gitea").removeprefix("http://")
        return f"http://admin:{self.cluster.password('gitea')}@{place}/{ORGANISATION}/{repository}.git"

    def pulls(self, repository: str) -> list[dict[str, Any]]:
        """Return all pull requests, newest first."""
        return list(self.ask("GET", f"repos/{ORGANISATION}/{repository}/pulls?state=all&sort=newest&limit=50"))

    def merge(self, repository: str, number: int) -> None:
        """Merge as a reviewer does: again, while Gitea still looks whether it can be merged (405)."""
        pull = f"repos/{ORGANISATION}/{repository}/pulls/{number}"

        def merged() -> bool:
            self.ask("POST", f"{pull}/merge", {"Do": "merge"}, allowed=(405,))
            return bool(self.ask("GET", pull)["merged"])

        wait(merged, f"pull request {number} to be merged", 30)

    def tags(self, repository: str) -> list[str]:
        """Return the names of all tags."""
        listed = git(Path("/"), "ls-remote", "--refs", "--tags", self.url(repository))  # the API gives fifty at a time
        return [line.partition("refs/tags/")[2] for line in listed.splitlines()]

    def inside(self, repository: str) -> str:
        """Return the URL by which pods clone a repository."""
        return f"{NAMES['gitea']}/{ORGANISATION}/{repository}.git"


def git(folder: Path, *words: str) -> str:
    """Return what git printed."""
    return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True, timeout=120).stdout
