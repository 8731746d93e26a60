"""Which forge does a URL name? `gitea+https://host/owner/repo`, `github+https://…`, `gitlab+https://…`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from headgate.adapters.forges.dialect import Dialect
from headgate.adapters.forges.gitea import Gitea
from headgate.adapters.forges.github import GitHub
from headgate.adapters.forges.gitlab import GitLab
from headgate.adapters.forges.hosted import Hosted, now
from headgate.adapters.forges.mirror import Mirror
from headgate.adapters.forges.rest import ANSWER_SECONDS, Rest
from headgate.adapters.forges.tokens import PEM, AppToken, FileToken, Token, secret
from headgate.errors import UsageError
from headgate.names import did_you_mean
from headgate.records.codec import digest_of

DIALECTS: dict[str, Callable[[str, str], Dialect]] = {"gitea": Gitea, "github": GitHub, "gitlab": GitLab}
SCHEMES = ("https", "http")


def open_forge(
    url: str,
    token_file: Path | None,
    mirrors: Path,
    *,
    app: str | None = None,
    author: str = "headgate",
    clock: Callable[[], datetime] = now,
    answer_seconds: float = ANSWER_SECONDS,
) -> Hosted:
    """Return the forge a URL names; `app` is a GitHub App's id, whose private key is then in the token file."""
    dialect = dialect_of(url)
    if token_file is None:
        raise UsageError(
            "HEADGATE_FORGE is set, HEADGATE_FORGE_TOKEN_FILE is not", next_step="name the file that holds the token"
        )
    token = token_of(dialect, token_file, app)
    rest = Rest(dialect.api, lambda: dialect.headers(token.now()), renew=token.renew, answer_seconds=answer_seconds)
    folder = mirrors / f"{digest_of(dialect.git.encode())[:16]}.git"
    mirror = Mirror(folder, dialect.git, lambda: (dialect.user, token.now()), [dialect.heads])
    return Hosted(dialect, rest, mirror, author, clock)


def token_of(dialect: Dialect, file: Path, app: str | None) -> Token:
    if not secret(file).startswith(PEM):
        return FileToken(file)
    if app is None or not isinstance(dialect, GitHub):
        raise UsageError(
            f"{str(file)!r} holds a private key, not a token",
            next_step="name the GitHub App in HEADGATE_FORGE_APP, or put a token there",
        )
    return AppToken(file, app, dialect.server, dialect.path)


def dialect_of(url: str) -> Dialect:
    """Return a forge's words with its place."""
    parts = urlsplit(url)
    vendor, _, scheme = parts.scheme.partition("+")
    if vendor not in DIALECTS or scheme not in SCHEMES:
        raise UsageError(
            f"{shown(url)!r} names no forge.{did_you_mean(vendor, DIALECTS)}",
            next_step="HEADGATE_FORGE is like `gitea+https://host/owner/repo`; known: " + ", ".join(DIALECTS),
        )
    if "@" in parts.netloc:
        raise UsageError(
            f"{shown(url)!r} holds credentials", next_step="put the token into the file of HEADGATE_FORGE_TOKEN_FILE"
        )
    path = unquote(parts.path).strip("/").removesuffix(".git")
    if not parts.hostname or path.count("/") < 1 or parts.query or parts.fragment or not path.isprintable():
        raise UsageError(f"{shown(url)!r} names no repository", next_step=f"{vendor}+https://host/owner/repo")
    return DIALECTS[vendor](f"{scheme}://{parts.netloc}", path)


def shown(url: str) -> str:
    """Return a URL without the credentials that somebody wrote into it."""
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"
