"""One HTTP conversation with a forge: it waits when told to, and never repeats what may have happened."""

import ssl
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec

from headgate.errors import HeadgateError, PermanentError, TransientError, printable

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
"""Merging and listing take a busy forge seconds; longer than this is a fault."""
BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0)
PATIENCE_SECONDS = 60.0
"""A forge that asks for a longer pause is left to the engine's own retries."""
PAGES = 200
"""Of fifty or a hundred: more pull requests than any env repo has. A list that never ends is stopped here."""
SHOWN = 300
"""Characters of a foreign answer in an error."""


class RefusedError(PermanentError):
    """The forge said no: `status` and `said` tell its caller why."""

    def __init__(self, message: str, status: int, said: str, **more: str | None) -> None:
        super().__init__(message, **more)
        self.status = status
        self.said = said


class UnknownError(TransientError):
    """A write was sent and its answer never came: look whether it happened before sending it again."""


class PausedError(TransientError):
    """The forge asks to wait; `pause_seconds` says how long."""

    def __init__(self, message: str, pause_seconds: float) -> None:
        super().__init__(message, next_step=f"try again in {pause_seconds:.0f} s" if pause_seconds else "try again")
        self.pause_seconds = pause_seconds


class Request(msgspec.Struct, frozen=True):
    """What is asked of a forge; the path is relative to the dialect's API."""

    method: str
    path: str
    body: Mapping[str, object] | None = None
    params: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Rest:
    """Asks one forge's API; an answer outside 2xx is a HeadgateError."""

    def __init__(
        self,
        api: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        renew: Callable[[], bool] = lambda: False,
        answer_seconds: float = ANSWER_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`headers` is asked before every request; `renew` gets new credentials and says whether it did."""
        self.api = api
        self.headers = headers
        self.renew = renew
        self.sleep = sleep
        timeout = httpx.Timeout(answer_seconds, connect=CONNECT_SECONDS)
        self.client = httpx.Client(timeout=timeout, verify=ssl.create_default_context(), follow_redirects=False)
        weakref.finalize(self, self.client.close)

    def ask(self, request: Request) -> bytes:
        """Return the answer; what certainly did not happen is tried again, within bounds."""
        return self.answered(request).content

    def pages(self, request: Request, per_page: Mapping[str, str]) -> Iterator[bytes]:
        """Yield each page of a list: by number, as a Link's host may be the forge's public one."""
        seen = 0
        for page in range(1, PAGES + 1):
            params = {**request.params, **per_page, "page": str(page)}
            response = self.answered(msgspec.structs.replace(request, params=params))
            yield response.content
            seen += (here := entries(response))
            if "next" not in response.links and not 0 < here <= seen < total(response):
                return
        raise PermanentError(f"{self.api} lists more than {PAGES} pages of {request.path}")

    def answered(self, request: Request) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        renewed = False
        for backoff in (*BACKOFF_SECONDS, None):
            try:
                response = self.sent(request)
                if response.is_success:
                    return response
                if response.status_code == httpx.codes.UNAUTHORIZED and not renewed and self.renew():
                    renewed = True
                    continue
                raise self.refusal(request, response)
            except UnknownError:
                raise
            except TransientError as err:
                pause = max(backoff or 0.0, getattr(err, "pause_seconds", 0.0))
                if backoff is None or time.monotonic() + pause > deadline:
                    raise
                self.sleep(pause)
        raise TransientError(f"{self.api} refuses a token that was just renewed", next_step="try again in a minute")

    def sent(self, request: Request) -> httpx.Response:
        try:
            headers = {"User-Agent": "headgate", "Accept": "application/json", **self.headers()}
            return self.client.request(
                request.method, self.api + request.path, params=request.params, json=request.body, headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as err:
            raise TransientError(f"cannot reach the forge at {self.api}: {shown(str(err))}") from err
        except httpx.TransportError as err:
            raise self.lost(request, shown(str(err)) or type(err).__name__) from err
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            raise PermanentError(f"cannot ask the forge at {self.api}: {shown(str(err))}") from err

    def refusal(self, request: Request, response: httpx.Response) -> HeadgateError:
        """Return the error of an answer outside 2xx."""
        status, said = response.status_code, shown(response.text)
        if (pause := rate_limited(response)) is not None:
            return PausedError(f"{self.api} limits the rate ({status} to {request})", pause)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return self.lost(request, f"{status} {said}", retry_after(response) or 0.0)
        if status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            step = "check the token in HEADGATE_FORGE_TOKEN_FILE: is it valid, and may it do this?"
            return RefusedError(f"{self.api} forbids {request} ({status})", status, said, found=said, next_step=step)
        if response.is_redirect:
            step = f"the repository moved: set HEADGATE_FORGE anew ({shown(response.headers.get('location', ''))})"
            return RefusedError(f"{self.api} redirects {request}", status, said, next_step=step)
        return RefusedError(f"{self.api} refuses {request} ({status})", status, said, found=said)

    def lost(self, request: Request, why: str, pause: float = 0.0) -> TransientError:
        """Return the error of an answer that never came: a read may be repeated, a write must be looked for first."""
        message = f"no answer from {self.api} to {request}: {why}"
        return PausedError(message, pause) if request.method == "GET" else UnknownError(message)


def total(response: httpx.Response) -> int:
    """Return how many entries a list has in all, 0 where that is not said: some of Gitea's lists have no Link."""
    text = response.headers.get("x-total-count", "")
    return int(text) if text.isdecimal() else 0


def entries(response: httpx.Response) -> int:
    """Return how many entries this page of such a list has."""
    try:
        return len(msgspec.json.decode(response.content, type=list[msgspec.Raw])) if total(response) else 0
    except msgspec.DecodeError:  # who reads the page says what is wrong with it
        return 0


def rate_limited(response: httpx.Response) -> float | None:
    """Return how long to wait where an answer limits the rate, None where it says something else.

    GitHub limits with 403 too: it names a pause, or the time until which nothing remains, or only says so.
    """
    if response.status_code not in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.FORBIDDEN}:
        return None
    after = retry_after(response)
    if after is not None:
        return after
    if response.headers.get("x-ratelimit-remaining") == "0":
        reset = response.headers.get("x-ratelimit-reset", "")
        return max(float(reset) - time.time(), 0.0) if reset.isdecimal() else PATIENCE_SECONDS
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return 0.0
    return PATIENCE_SECONDS if "rate limit" in response.text.lower() else None


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((at.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)


def shown(text: str) -> str:
    """Return foreign text as an error may show it: one line, printable, short."""
    return " ".join(printable(text).split())[:SHOWN]
