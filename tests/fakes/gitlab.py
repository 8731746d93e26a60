"""GitLab's REST API as its description says, as far as a forge of ours asks: merge requests, notes, statuses."""

import json
import re
from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fakes.github import paged
from fakes.hosting import USER, Hosting, Pull, RefusedError, stamp

SAYS = {
    "closed": (405, "405 Method Not Allowed"),
    "looking": (405, "405 Method Not Allowed"),
    "conflict": (422, "Branch cannot be merged"),
    "head": (409, "SHA does not match HEAD of source branch"),
    "Not Found": (404, "404 Not found"),
}
STATES = {"open": "opened", "merged": "merged", "closed": "closed"}
LIVELY = {"pending", "running"}
ALLOWED = {"pending": {None}, "running": {None, "pending"}}
"""State → from which it can be reached; the others from all. A finished status is followed by a new one."""


class GitLabServer:
    """The API at /api/v4, with Git beside it."""

    def __init__(self, hosting: Hosting) -> None:
        self.hosting = hosting
        project = f"/api/v4/projects/{hosting.path}"  # the server decodes %2F before it routes
        routes: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "/merge_requests", self.list),
            ("POST", "/merge_requests", self.open),
            ("GET", "/merge_requests/{number:int}", self.get),
            ("PUT", "/merge_requests/{number:int}", self.edit),
            ("PUT", "/merge_requests/{number:int}/merge", self.merge),
            ("GET", "/merge_requests/{number:int}/notes", self.notes),
            ("POST", "/merge_requests/{number:int}/notes", self.note),
            ("GET", "/repository/commits/{commit}/statuses", self.statuses),
            ("POST", "/statuses/{commit}", self.set_status),
        ]
        self.app = Starlette(
            routes=[
                *(Route(project + path, self.guarded(answer), methods=[method]) for method, path, answer in routes),
                Route(f"/{hosting.path}.git/{{rest:path}}", hosting.git, methods=["GET", "POST"]),
            ]
        )

    def guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("private-token") not in self.hosting.tokens:
                return JSONResponse({"message": "401 Unauthorized"}, 401)
            assert b"%2F" in request.scope["raw_path"]
            body = await request.body()
            request.state.sent = json.loads(body) if body else {}
            try:
                done: Response = await run_in_threadpool(answer, request)
            except RefusedError as err:
                status, said = SAYS.get(err.said, (err.status, err.said))
                return JSONResponse({"message": said}, status)
            return done

        return endpoint

    def list(self, request: Request) -> Response:
        asked = request.query_params
        self.hosting.sync()
        pulls = sorted(self.hosting.pulls.values(), key=lambda pull: pull.number)
        if branch := asked.get("source_branch"):
            pulls = [pull for pull in pulls if pull.branch == branch]
        if asked.get("sort", "desc") == "desc":
            pulls.reverse()
        return paged(request, [self.shape(pull) for pull in pulls])

    def open(self, request: Request) -> Response:
        sent = request.state.sent
        try:
            pull = self.hosting.open(sent["source_branch"], sent["title"], sent["description"])
        except RefusedError as err:
            number = err.said.rpartition(" ")[2]
            said = f"Another open merge request already exists for this source branch: !{number}"
            return JSONResponse({"message": [said]}, 409)
        return JSONResponse(self.single(pull), 201)

    def get(self, request: Request) -> Response:
        return JSONResponse(self.single(self.hosting.pull(request.path_params["number"])))

    def edit(self, request: Request) -> Response:
        sent = request.state.sent
        number, close = request.path_params["number"], sent.get("state_event") == "close"
        pull = self.hosting.edit(number, sent.get("title"), sent.get("description"), close=close)
        return JSONResponse(self.single(pull))

    def merge(self, request: Request) -> Response:
        sent, number = request.state.sent, request.path_params["number"]
        pull = self.hosting.pulls.get(number)
        if pull is not None and pull.state == "open" and checking(pull):
            raise RefusedError(405, "looking")
        self.hosting.merge(number, sent.get("sha"), sent["merge_commit_message"], "merge")
        return JSONResponse(self.single(self.hosting.pull(number)))

    def notes(self, request: Request) -> Response:
        pull = self.hosting.pull(request.path_params["number"])
        found = [{"body": "opened this", "system": True}, *({"body": text, "system": False} for text in pull.comments)]
        return paged(request, found if request.query_params.get("sort", "desc") == "asc" else found[::-1])

    def note(self, request: Request) -> Response:
        """Keep a note without its commands: GitLab performs them and leaves them out."""
        number, text = request.path_params["number"], request.state.sent["body"]
        kept = re.sub(r"^/[a-z_]+.*\n?", "", text, flags=re.MULTILINE)
        if re.search(r"^/close\b", text, flags=re.MULTILINE):
            self.hosting.edit(number, None, None, close=True)
        if not kept.strip():
            return JSONResponse({"commands_changes": {}, "summary": ["Done."]}, 202)
        self.hosting.comment(number, kept)
        return JSONResponse({"body": kept, "system": False}, 201)

    def statuses(self, request: Request) -> Response:
        """Return the latest of each name, newest first."""
        kept = self.hosting.statuses.get(request.path_params["commit"], [])
        latest = {name: (number, state, detail) for number, (name, state, detail) in enumerate(kept)}
        found = [
            {"id": number, "name": name, "status": state, "description": detail}
            for name, (number, state, detail) in latest.items()
        ]
        return paged(request, sorted(found, key=lambda one: -one["id"]))

    def set_status(self, request: Request) -> Response:
        """Keep a status by GitLab's state machine: nothing can become what it already is."""
        sent, commit = request.state.sent, request.path_params["commit"]
        if not self.hosting.has(commit):
            return JSONResponse({"message": "404 Commit Not Found"}, 404)
        kept = self.hosting.statuses.setdefault(commit, [])
        places = [place for place, one in enumerate(kept) if one[0] == sent["name"] and one[1] in LIVELY]
        before = kept[places[-1]][1] if places else None
        state = sent["state"]
        if before not in ALLOWED.get(state, {None, "pending", "running"}):
            event = {"pending": "enqueue", "running": "run"}[state]
            said = f"Cannot transition status via :{event} from :{before}"
            return JSONResponse({"message": f'{said} (Reason(s): Status cannot transition via "{event}")'}, 400)
        one = (sent["name"], state, sent["description"])
        if places:
            kept[places[-1]] = one
        else:
            kept.append(one)
        return JSONResponse({"id": len(kept), "status": state, "name": sent["name"]}, 201)

    def shape(self, pull: Pull) -> dict[str, Any]:
        """Return a merge request as lists have it."""
        merged = pull.state == "merged"
        return {
            "iid": pull.number,
            "state": STATES[pull.state],
            "title": pull.title,
            "description": pull.body,
            "source_branch": pull.branch,
            "target_branch": "main",
            "source_project_id": 99 if pull.fork else 3,
            "target_project_id": 3,
            "web_url": f"https://gitlab.test/{self.hosting.path}/-/merge_requests/{pull.number}",
            "author": {"username": USER},
            "created_at": stamp(pull.opened_at),
            "updated_at": stamp(pull.changed_at),
            "closed_at": stamp(pull.closed_at) if pull.state == "closed" else None,
            "merged_at": stamp(pull.closed_at) if merged else None,
            "merge_user": {"username": pull.merged_by} if merged else None,
            "merged_by": {"username": pull.merged_by} if merged else None,
            "sha": pull.head,
            "merge_commit_sha": pull.merge_commit,
            "squash_commit_sha": None,
            "user_notes_count": len(pull.comments),
            "detailed_merge_status": "checking" if checking(pull) else "mergeable",
        }

    def single(self, pull: Pull) -> dict[str, Any]:
        """Return a merge request as it is told alone."""
        return self.shape(pull) | {"diff_refs": {"base_sha": pull.base, "head_sha": pull.head}}


def checking(pull: Pull) -> bool:
    """Say whether the server still looks at the branch: it does until it was asked twice."""
    return pull.state == "open" and pull.looks < 2
