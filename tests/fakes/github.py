"""GitHub's REST API as its description says, as far as a forge of ours asks: pulls, comments, statuses, Apps."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fakes.hosting import USER, Hosting, Pull, RefusedError, now, stamp

SAYS = {
    "style": (405, "Merge commits are not allowed on this repository."),
    "closed": (405, "Pull Request is not mergeable"),
    "conflict": (405, "Pull Request is not mergeable"),
    "head": (409, "Head branch was modified. Review and try the merge again."),
    "Not Found": (404, "Not Found"),
}


class GitHubServer:
    """The API of an Enterprise Server at /api/v3, with Git beside it."""

    def __init__(self, hosting: Hosting, app_key: rsa.RSAPublicKey | None = None) -> None:
        self.hosting = hosting
        self.app_key = app_key
        self.granted: list[str] = []
        """Installation tokens that were given out, oldest first."""
        self.lifetime = timedelta(hours=1)
        repo = f"/api/v3/repos/{hosting.path}"
        routes: list[tuple[str, str, Callable[[Request], Any]]] = [
            ("GET", "/pulls", self.list),
            ("POST", "/pulls", self.open),
            ("GET", "/pulls/{number:int}", self.get),
            ("PATCH", "/pulls/{number:int}", self.edit),
            ("PUT", "/pulls/{number:int}/merge", self.merge),
            ("GET", "/issues/comments", self.every_comment),
            ("GET", "/issues/{number:int}/comments", self.comments),
            ("POST", "/issues/{number:int}/comments", self.comment),
            ("GET", "/commits/{commit}/status", self.status),
            ("POST", "/statuses/{commit}", self.set_status),
        ]
        self.app = Starlette(
            routes=[
                *(Route(repo + path, self.guarded(answer), methods=[method]) for method, path, answer in routes),
                Route(f"{repo}/installation", self.installation),
                Route("/api/v3/app/installations/7/access_tokens", self.grant, methods=["POST"]),
                Route(f"/{hosting.path}.git/{{rest:path}}", hosting.git, methods=["GET", "POST"]),
            ]
        )

    def guarded(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme not in {"Bearer", "token"} or token not in self.hosting.tokens:
                return JSONResponse({"message": "Bad credentials", "status": "401"}, 401)
            body = await request.body()
            request.state.sent = json.loads(body) if body else {}
            try:
                done: Response = await run_in_threadpool(answer, request)
            except RefusedError as err:
                status, said = SAYS.get(err.said, (err.status, err.said))
                return JSONResponse({"message": said, "documentation_url": "https://docs.github.com/rest"}, status)
            return done

        return endpoint

    def list(self, request: Request) -> Response:
        asked = request.query_params
        self.hosting.sync()
        pulls = sorted(self.hosting.pulls.values(), key=lambda pull: pull.number)
        if head := asked.get("head"):
            owner, _, branch = head.partition(":")
            assert owner == self.hosting.path.split("/")[0]
            pulls = [pull for pull in pulls if pull.branch == branch and not pull.fork]
        if asked.get("state", "open") == "open":
            pulls = [pull for pull in pulls if pull.state == "open"]
        if asked.get("direction", "desc") == "desc":
            pulls.reverse()
        return paged(request, [self.shape(pull) for pull in pulls])

    def open(self, request: Request) -> Response:
        sent = request.state.sent
        try:
            pull = self.hosting.open(sent["head"], sent["title"], sent["body"])
        except RefusedError as err:
            said = f"A pull request already exists for {self.hosting.path.split('/')[0]}:{sent['head']}."
            errors = [{"resource": "PullRequest", "code": "custom", "message": said if err.status == 409 else err.said}]
            return JSONResponse({"message": "Validation Failed", "errors": errors, "status": "422"}, 422)
        return JSONResponse(self.single(pull), 201)

    def get(self, request: Request) -> Response:
        return JSONResponse(self.single(self.hosting.pull(request.path_params["number"])))

    def edit(self, request: Request) -> Response:
        sent = request.state.sent
        number, close = request.path_params["number"], sent.get("state") == "closed"
        return JSONResponse(self.single(self.hosting.edit(number, sent.get("title"), sent.get("body"), close=close)))

    def merge(self, request: Request) -> Response:
        sent = request.state.sent
        method = sent.get("merge_method", "merge")
        message = "\n\n".join(filter(None, (sent.get("commit_title"), sent.get("commit_message"))))
        commit = self.hosting.merge(request.path_params["number"], sent.get("sha"), message, method)
        return JSONResponse({"sha": commit, "merged": True, "message": "Pull Request successfully merged"})

    def comments(self, request: Request) -> Response:
        pull = self.hosting.pull(request.path_params["number"])
        return paged(request, [self.remark(pull, text) for text in pull.comments])

    def every_comment(self, request: Request) -> Response:
        pulls = self.hosting.pulls.values()
        return paged(request, [self.remark(pull, text) for pull in pulls for text in pull.comments])

    def comment(self, request: Request) -> Response:
        number, text = request.path_params["number"], request.state.sent["body"]
        self.hosting.comment(number, text)
        return JSONResponse(self.remark(self.hosting.pull(number), text), 201)

    def status(self, request: Request) -> Response:
        commit = request.path_params["commit"]
        latest = {context: (state, detail) for context, state, detail in self.hosting.statuses.get(commit, ())}
        found = [
            {"id": number, "context": context, "state": state, "description": detail}
            for number, (context, (state, detail)) in enumerate(latest.items())
        ]
        return paged(request, found, lambda page: {"sha": commit, "state": "pending", "statuses": page})

    def set_status(self, request: Request) -> Response:
        sent, commit = request.state.sent, request.path_params["commit"]
        if not self.hosting.has(commit) or sent["state"] not in {"error", "failure", "pending", "success"}:
            return JSONResponse({"message": f"No commit found for SHA: {commit}"}, 422)
        if len(sent["description"]) > 140:
            return JSONResponse({"message": "Validation Failed: description is too long (maximum is 140)"}, 422)
        kept = self.hosting.statuses.setdefault(commit, [])
        kept.append((sent["context"], sent["state"], sent["description"]))
        return JSONResponse({"id": len(kept), **sent}, 201)

    async def installation(self, request: Request) -> Response:
        """Tell an App, which must prove itself by its key, where it is installed."""
        return JSONResponse({"id": 7, "app_id": 1}) if self.proven(request) else bad_claim()

    async def grant(self, request: Request) -> Response:
        """Give an App a token for an hour."""
        if not self.proven(request):
            return bad_claim()
        assert (await request.json())["repositories"] == [self.hosting.path.split("/")[1]]
        token = f"ghs_{len(self.granted)}"
        self.granted.append(token)
        self.hosting.tokens = {token}
        return JSONResponse({"token": token, "expires_at": stamp(now() + self.lifetime)}, 201)

    def proven(self, request: Request) -> bool:
        scheme, _, claim = request.headers.get("authorization", "").partition(" ")
        head, body, signed = claim.split(".")
        assert self.app_key is not None
        self.app_key.verify(decoded(signed), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
        claims = json.loads(decoded(body))
        fresh = claims["iat"] <= now().timestamp() < claims["exp"] <= claims["iat"] + 660
        return scheme == "Bearer" and json.loads(decoded(head))["alg"] == "RS256" and fresh and bool(claims["iss"])

    def shape(self, pull: Pull) -> dict[str, Any]:
        """Return a pull request as lists have it: who merged it is not there."""
        own = {"full_name": self.hosting.path}
        other = {"full_name": f"somebody/{self.hosting.path.split('/')[1]}"} if pull.fork else own
        return {
            "number": pull.number,
            "state": "open" if pull.state == "open" else "closed",
            "title": pull.title,
            "body": pull.body,
            "head": {"ref": pull.branch, "sha": pull.head, "repo": other},
            "base": {"ref": "main", "sha": pull.base, "repo": own},
            "html_url": f"https://github.test/{self.hosting.path}/pull/{pull.number}",
            "user": {"login": USER},
            "created_at": stamp(pull.opened_at),
            "updated_at": stamp(pull.changed_at),
            "closed_at": stamp(pull.closed_at),
            "merged_at": stamp(pull.closed_at) if pull.state == "merged" else None,
            "merge_commit_sha": pull.merge_commit or "f" * 40,
        }

    def single(self, pull: Pull) -> dict[str, Any]:
        """Return a pull request as it is told alone."""
        by = {"login": pull.merged_by} if pull.merged_by else None
        mergeable = None if pull.looks < 2 and pull.state == "open" else pull.state == "open"
        more = {"merged": pull.state == "merged", "merged_by": by, "mergeable": mergeable}
        return self.shape(pull) | more | {"comments": len(pull.comments)}

    def remark(self, pull: Pull, text: str) -> dict[str, Any]:
        return {"body": text, "issue_url": f"https://github.test/api/v3/repos/{self.hosting.path}/issues/{pull.number}"}


def paged(request: Request, found: list[Any], shape: Callable[[list[Any]], Any] = lambda page: page) -> Response:
    """Return a page of a list, and in Link whether there is another: by the server's public name."""
    size, page = min(int(request.query_params.get("per_page", "30")), 100), int(request.query_params.get("page", "1"))
    more = len(found) > page * size
    link = {"Link": f'<https://github.test{request.url.path}?page={page + 1}>; rel="next"'} if more else {}
    return JSONResponse(shape(found[(page - 1) * size : page * size]), headers=link)


def bad_claim() -> Response:
    return JSONResponse({"message": "A JSON web token could not be decoded"}, 401)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
