"""Whose hand acts on the forge? A token in a file, or a GitHub App's key that gets a short-lived one."""

import base64
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from headgate.adapters.forges.dialect import parsed
from headgate.adapters.forges.rest import Request, Rest
from headgate.errors import PermanentError

PEM = "-----BEGIN"
EARLY = timedelta(minutes=5)
"""A token is renewed this long before it ends: a push may take minutes."""
CLAIM_SECONDS = 540
"""GitHub takes an App's own word for ten minutes at most, and clocks differ."""
SKEW_SECONDS = 60


class Token(Protocol):
    """Gives the token of now."""

    def now(self) -> str:
        """Return the token; it is asked for before each request, as tokens rotate."""

    def renew(self) -> bool:
        """Forget a token that was refused; say whether there may be another."""


class FileToken:
    """The text of a file, such as a mounted Secret: read each time, as it may be exchanged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.used = ""

    def now(self) -> str:
        self.used = secret(self.path)
        if not (self.used.isascii() and self.used.isprintable()) or " " in self.used:
            raise PermanentError(
                f"{str(self.path)!r} holds no token of a forge", next_step="a token is one word, on one line"
            )
        return self.used

    def renew(self) -> bool:
        return secret(self.path) != self.used


class Installation(msgspec.Struct):
    id: int


class Granted(msgspec.Struct):
    token: str
    expires_at: datetime


class AppToken:
    """A GitHub App's token for one repository, kept until five minutes before it ends."""

    def __init__(self, key: Path, app: str, root: str, repository: str) -> None:
        """`root` is the API's; `app` the App's id or client id, whose private key is in the file `key`."""
        self.key = key
        self.app = app
        self.repository = repository
        self.rest = Rest(root, lambda: {"Authorization": f"Bearer {self.claim()}"})
        self.granted: Granted | None = None

    def now(self) -> str:
        if self.granted is None or datetime.now(UTC) >= self.granted.expires_at - EARLY:
            self.granted = self.ask()
        return self.granted.token

    def renew(self) -> bool:
        self.granted = None
        return True

    def ask(self) -> Granted:
        found = self.rest.ask(Request("GET", f"/repos/{self.repository}/installation"))
        number = parsed(found, Installation, "github").id
        only = {"repositories": [self.repository.rpartition("/")[2]]}
        asked = Request("POST", f"/app/installations/{number}/access_tokens", only)
        return parsed(self.rest.ask(asked), Granted, "github")

    def claim(self) -> str:
        """Return the App's own word for who it is: a JSON Web Token, signed RS256."""
        try:
            key = serialization.load_pem_private_key(secret(self.key).encode(), password=None)
        except (ValueError, TypeError) as err:
            raise PermanentError(
                f"{str(self.key)!r} holds no private key of a GitHub App", next_step="put its PEM file there"
            ) from err
        if not isinstance(key, rsa.RSAPrivateKey):
            raise PermanentError(f"{str(self.key)!r} holds a key that is not RSA: GitHub Apps sign with RS256")
        at = int(time.time())
        claims = {"iat": at - SKEW_SECONDS, "exp": at + CLAIM_SECONDS, "iss": self.app}
        text = f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}"
        return f"{text}.{encoded(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def part(content: dict[str, object]) -> str:
    return encoded(json.dumps(content, separators=(",", ":")).encode())


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def secret(path: Path) -> str:
    """Return the text of a file that holds a secret; the error names the file only."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise PermanentError(
            f"cannot read the forge's token in {str(path)!r}", next_step="check HEADGATE_FORGE_TOKEN_FILE"
        ) from err
    if not text:
        raise PermanentError(f"{str(path)!r} is empty", next_step="put the forge's token there")
    return text
