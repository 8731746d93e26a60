"""What a hosted forge keeps behind its API: a real bare repository over smart HTTP, pull requests, statuses."""

import asyncio
import base64
import os
import subprocess
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pygit2
from starlette.requests import Request
from starlette.responses import Response

USER = "headgate"
TOKEN = "secret-for-tests-only"


@dataclass
class Pull:
    """A pull request as the server keeps it."""

    number: int
    branch: str
    title: str
    body: str
    head: str
    base: str
    """Main when it was opened."""
    opened_at: datetime
    changed_at: datetime
    state: str = "open"
    closed_at: datetime | None = None
    merged_by: str | None = None
    merge_commit: str | None = None
    comments: list[str] = field(default_factory=list)
    looks: int = 0
    """How often it was looked at: forges need a while before they know that it can be merged."""
    fork: bool = False


class RefusedError(Exception):
    """The server says no."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status
        self.said = said


class Hosting:
    """One repository with its pull requests; each dialect's fake says it in its own words."""

    def __init__(self, folder: Path, path: str, heads: str) -> None:
        """`heads` is like `refs/pull/{}/head`."""
        self.folder = folder
        self.path = path
        self.heads = heads
        self.repo = pygit2.init_repository(str(folder / f"{path}.git"), bare=True, initial_head="main")
        self.repo.config["http.receivepack"] = True
        self.pulls: dict[int, Pull] = {}
        self.statuses: dict[str, list[tuple[str, str, str]]] = {}
        self.tokens = {TOKEN}
        self.styles = {"merge", "squash"}
        self.lock = threading.RLock()

    def tip(self, branch: str) -> str | None:
        """Return a branch's commit."""
        found = self.repo.references.get(f"refs/heads/{branch}")
        return None if found is None else str(found.target)

    def sync(self) -> None:
        """Follow the branches of open pull requests, as forges do after each push."""
        for pull in self.pulls.values():
            tip = None if pull.fork else self.tip(pull.branch)
            if pull.state == "open" and tip is not None and tip != pull.head:
                pull.head, pull.changed_at, pull.looks = tip, now(), 0
            self.repo.references.create(self.heads.format(pull.number), pull.head, force=True)

    def open(self, branch: str, title: str, body: str) -> Pull:
        """Open a pull request onto main."""
        with self.lock:
            head, main = self.tip(branch), self.tip("main")
            if head is None or main is None:
                raise RefusedError(422, f"no branch {branch}")
            for pull in self.pulls.values():
                if (pull.branch, pull.state, pull.fork) == (branch, "open", False):
                    raise RefusedError(409, f"exists: {pull.number}")
            number = max(self.pulls, default=0) + 1
            at = now()
            self.pulls[number] = Pull(number, branch, title, body, head, main, at, at)
            self.sync()
            return self.pulls[number]

    def pull(self, number: int) -> Pull:
        """Return a pull request as its branch now is."""
        with self.lock:
            self.sync()
            if number not in self.pulls:
                raise RefusedError(404, "Not Found")
            found = self.pulls[number]
            found.looks += 1
            return found

    def edit(self, number: int, title: str | None, body: str | None, *, close: bool) -> Pull:
        """Change words or state."""
        with self.lock:
            pull = self.pull(number)
            pull.title = pull.title if title is None else title
            pull.body = pull.body if body is None else body
            pull.changed_at = now()
            if close and pull.state == "open":
                pull.state, pull.closed_at = "closed", now()
            return pull

    def comment(self, number: int, text: str) -> None:
        """Add a comment."""
        with self.lock:
            pull = self.pull(number)
            pull.comments.append(text)
            pull.changed_at = now()

    def merge(self, number: int, head: str | None, message: str, style: str) -> str:
        """Merge line by line, as Git does: what Headgate must never rely on."""
        with self.lock:
            pull = self.pull(number)
            if pull.state != "open" or style not in self.styles:
                raise RefusedError(405, "style" if pull.state == "open" else "closed")
            if head is not None and head != pull.head:
                raise RefusedError(409, "head")
            main = pygit2.Oid(hex=self.tip("main") or "")
            merged = self.repo.merge_commits(main, pygit2.Oid(hex=pull.head))
            if merged.conflicts:
                raise RefusedError(405, "conflict")
            who = pygit2.Signature(USER, f"{USER}@forge", int(now().timestamp()), 0)
            parents = [main, pygit2.Oid(hex=pull.head)] if style == "merge" else [main]
            tree = merged.write_tree(self.repo)
            commit = self.repo.create_commit("refs/heads/main", who, who, message, tree, parents)
            pull.state, pull.merge_commit, pull.merged_by = "merged", str(commit), USER
            pull.closed_at = pull.changed_at = now()
            return str(commit)

    def has(self, commit: str) -> bool:
        """Say whether there is such a commit."""
        return self.repo.get(commit) is not None

    def allows(self, request: Request) -> bool:
        """Say whether Git may come in: any user with a token as password."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        return base64.b64decode(text).decode().partition(":")[2] in self.tokens

    async def git(self, request: Request) -> Response:
        """Answer Git over smart HTTP by Git's own program."""
        if not self.allows(request):
            return Response("no", 401, {"WWW-Authenticate": 'Basic realm="tests"'})
        with self.lock:
            self.sync()
        body = await request.body()
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "HOME": str(self.folder),
            "REMOTE_USER": USER,
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.url.path,
            "QUERY_STRING": request.url.query,
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        }
        run = subprocess.run
        done = await asyncio.to_thread(run, ["git", "http-backend"], input=body, env=env, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        status = int(headers.pop("Status", "200 OK").split()[0])
        return Response(content, status, headers)


def now() -> datetime:
    """Return now, in whole seconds as the forges' answers have it."""
    return datetime.now(UTC).replace(microsecond=0)


def stamp(at: datetime | None) -> str | None:
    """Return a moment as the forges write it."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")
