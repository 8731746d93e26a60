"""A request that gets no prediction: its status code, why it is counted, and what the client reads."""

from headgate.errors import PermanentError


class RefusalError(PermanentError):
    """The request is at fault or comes at the wrong moment; the server goes on.

    `status` is the HTTP code, `reason` the label of `headgate_rejected_total`; where asking again helps (429, 503) it
    does so after `retry_seconds`.
    """

    def __init__(self, message: str, *, status: int = 400, reason: str = "malformed", retry_seconds: int = 1) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_seconds = retry_seconds


def quoted(text: object, limit: int = 60) -> str:
    """Return a client's own words, quoted and cut.

    >>> quoted("x" * 100, limit=8)
    "'xxxxx...'"
    """
    shown = str(text)
    return repr(shown if len(shown) <= limit else shown[: limit - 3] + "...")
