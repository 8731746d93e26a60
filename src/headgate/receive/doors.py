"""Who may speak? Bearer tokens for what cannot sign, signatures of forges; secrets are files, read at each request."""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from headgate.errors import PermanentError

SIGNED = ("x-hub-signature-256", "x-gitea-signature", "x-gogs-signature")
TOKEN = "x-gitlab-token"  # noqa: S105 - a header's name


class Door:
    """Lets those in who know a secret."""

    def __init__(self, file: Path | None) -> None:
        """Keep the secret in `file`; without one nobody is let in. Lines are several secrets, for a change of them."""
        self.file = file

    def secrets(self) -> list[bytes]:
        """Return the secrets that hold now."""
        if self.file is None:
            return []
        try:
            lines = self.file.read_bytes().splitlines()
        except OSError as err:
            raise PermanentError(f"secret {str(self.file)!r} cannot be read: {err.strerror}") from err
        return [line.strip() for line in lines if line.strip()]

    def admits_bearer(self, headers: Mapping[str, str]) -> bool:
        """Say whether a request bears the token."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.knows(token.strip())

    def admits_signature(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Say whether a forge signed the body: HMAC sha256 of GitHub and Gitea, or GitLab's token."""
        if TOKEN in headers:
            return self.knows(headers[TOKEN])
        given = next((headers[name] for name in SIGNED if name in headers), "").removeprefix("sha256=")
        made = [hmac.new(secret, body, hashlib.sha256).hexdigest() for secret in self.secrets()]
        return any(hmac.compare_digest(one.encode(), given.encode()) for one in made)

    def knows(self, given: str) -> bool:
        """Say whether a word is one of the secrets, in a time that does not tell how nearly."""
        return bool(given) and any(hmac.compare_digest(one, given.encode()) for one in self.secrets())
