"""Kafka's errors as Headgate's: which of them another try may mend, and what a forbidden client needs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import errors

from headgate.errors import PermanentError, TransientError
from headgate.specs.stream import Brokers

FOR_GOOD = (
    errors.AuthenticationFailedError,
    errors.AuthenticationMethodNotSupported,
    errors.ClusterAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.IllegalSaslStateError,
    errors.IncompatibleBrokerVersion,
    errors.InvalidGroupIdError,
    errors.InvalidTopicError,
    errors.SaslAuthenticationFailed,
    errors.TopicAuthorizationFailedError,
    errors.UnsupportedCodecError,
    errors.UnsupportedSaslMechanismError,
)
"""What another try does not change."""


class Troubles:
    """Says what goes wrong with brokers."""

    def __init__(self, brokers: Brokers, needs: str) -> None:
        self.brokers = brokers
        self.needs = needs
        """What this client must be allowed."""
        self.overheard = Overheard()

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Turn the library's errors into Headgate's."""
        try:
            yield
        except FOR_GOOD as err:
            raise self.forbidden(doing, err) from err
        except (errors.KafkaError, errors.ConsumerStoppedError, OSError, TimeoutError) as err:
            if isinstance(cause := self.overheard.cause, FOR_GOOD):
                raise self.forbidden(doing, cause) from err
            raise TransientError(f"cannot {doing}: {said(err)}", found=self.overheard.text) from err

    def forbidden(self, doing: str, err: BaseException) -> PermanentError:
        user = repr(self.brokers.sasl.user) if self.brokers.sasl else "nobody in particular (no `sasl`)"
        return PermanentError(
            f"cannot {doing}: {said(err)}",
            found=f"the brokers know this client as {user}",
            next_step=f"it needs {self.needs}",
        )

    def missing(self, topics: list[str], *, for_good: bool) -> PermanentError | TransientError:
        """Return the error of topics that the brokers do not show: those that were there may come back."""
        user = f" to user {self.brokers.sasl.user!r}" if self.brokers.sasl else ""
        make = f"kafka-topics.sh --bootstrap-server {self.brokers.brokers[0]} --create --topic"
        commands = "; ".join(f"{make} {topic}" for topic in topics)
        return (PermanentError if for_good else TransientError)(
            f"the brokers show no topic {', '.join(map(repr, topics))}{user}",
            next_step=f"{commands}; or let this client describe what is there",
        )


class Overheard(logging.Handler):
    """What the library says of its own retries, of which it raises only the outcome."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.forget()
        logger = logging.getLogger("aiokafka")
        logger.addHandler(self)
        logger.propagate = False

    def forget(self) -> None:
        self.text: str | None = None
        self.cause: object = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the last one."""
        self.text = record.getMessage()[:300]
        self.cause = next((one for one in record.args or () if isinstance(one, BaseException)), None)


def said(err: BaseException) -> str:
    """Return a library's error in a line."""
    text = " ".join(str(err).split())[:200]
    return f"{type(err).__name__}: {text}" if text else type(err).__name__
