"""stream.yaml: from which topic requests come, and where answers and dead letters go; ship.yaml: where logs go."""

from typing import Annotated, Literal

from msgspec import Meta

from headgate.errors import PermanentError
from headgate.specs.reading import Spec

Topic = Annotated[str, Meta(pattern=r"^(?!\.\.?\Z)[A-Za-z0-9._-]{1,249}\Z")]
"""What Kafka takes for a topic's name."""
Count = Annotated[int, Meta(ge=1, le=100_000)]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class Tls(Spec, frozen=True, kw_only=True):
    """How the brokers are known, and how they know this client; files only."""

    ca: str | None = None
    """PEM file of who signed the brokers' certificates; none: whom the machine trusts."""
    certificate: str | None = None
    """PEM file of this client's own certificate, where the brokers ask for one."""
    key: str | None = None
    """PEM file of its key; the file is a secret, as mounted from one."""


class Sasl(Spec, frozen=True, kw_only=True):
    """Who this client is; its password is never written here."""

    mechanism: Mechanism
    """How the password is shown to the brokers."""
    user: str
    """The name the brokers know."""
    password_file: str | None = None
    """File with the password, as mounted from a secret; its last line end is no part of it."""
    password_env: str | None = None
    """Or the environment variable that holds it."""


class Brokers(Spec, frozen=True, kw_only=True):
    """Which brokers, and who this client is to them."""

    brokers: tuple[str, ...] = ()
    """Kafka's, as `host:port`; a few of them are enough."""
    tls: Tls | None = None
    """None: plain text."""
    sasl: Sasl | None = None
    """None: nobody in particular."""


class LogTopic(Brokers, frozen=True, kw_only=True):
    """The topic that gets what servers log."""

    topic: Topic
    """One message a logged request."""


class Streaming(Brokers, frozen=True, kw_only=True):
    """One stream of requests, by Kafka or by a folder of files."""

    folder: str | None = None
    """Or a folder in which each topic is a file of lines: one process, one machine, no Kafka."""
    requests: Topic
    """Topic that is read: each message one V2 request as JSON."""
    answers: Topic
    """Topic that gets one message per answered request, its key the request's id."""
    dead_letters: Topic
    """Topic that gets what could not be answered, with the reason; without it one bad message would stop all."""
    group: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """Consumer group: processes of one group share the partitions; none: `headgate-<service>`."""
    batch_messages: Count = 500
    """Messages answered together at most; whatever has come is answered at once, none waits for others."""
    batch_rows: Count = 5_000
    """Rows of one call of the model at most, unless one message alone has more."""


def checked(stream: Streaming) -> Streaming:
    """Return a stream whose settings go together, or say which do not."""
    topics = (stream.requests, stream.answers, stream.dead_letters)
    if len(set(topics)) < len(topics):
        raise PermanentError(
            f"stream.yaml names a topic twice: {', '.join(topics)}",
            next_step="requests, answers and dead_letters are three topics: an answer is no request",
        )
    if bool(stream.brokers) == bool(stream.folder):
        raise PermanentError("stream.yaml needs either `brokers` or `folder`")
    if stream.folder and (stream.tls or stream.sasl):
        raise PermanentError("stream.yaml has `tls` or `sasl`, and a folder asks for neither")
    check_access(stream, "stream.yaml")
    return stream


def checked_topic(log: LogTopic) -> LogTopic:
    """Return a topic for logs whose settings go together, or say which do not."""
    if not log.brokers:
        raise PermanentError("ship.yaml needs `brokers`")
    check_access(log, "ship.yaml")
    return log


def check_access(known: Brokers, file: str) -> None:
    """Refuse halves of secrets, and secrets in addresses."""
    if known.tls and bool(known.tls.certificate) != bool(known.tls.key):
        raise PermanentError(f"{file}: tls.certificate and tls.key go together")
    if known.sasl and bool(known.sasl.password_file) == bool(known.sasl.password_env):
        raise PermanentError(f"{file}: sasl needs either `password_file` or `password_env`")
    for broker in known.brokers:
        refuse_secrets(broker, file)


def refuse_secrets(broker: str, file: str) -> None:
    """Refuse an address that is no `host:port`, without repeating what may be a password."""
    host, colon, port = broker.rpartition(":")
    if "@" in broker or "/" in broker or not host or not colon or not port.isdigit():
        shown = "an address" if "@" in broker else repr(broker[:80])
        raise PermanentError(
            f"{file}: brokers has {shown} that is no `host:port`",
            next_step="who this client is belongs in `sasl`, by file or environment variable",
        )
