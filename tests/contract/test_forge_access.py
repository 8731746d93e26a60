"""Which forge is meant, and whose hand acts on it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fakes.github import GitHubServer
from fakes.hosting import Hosting
from fakes.serving import serving
from headgate.adapters.forges.address import dialect_of, open_forge
from headgate.adapters.forges.tokens import AppToken
from headgate.errors import HeadgateError, PermanentError, UsageError
from headgate.records.change import Edit


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://host/owner/repo",
        "gitea://host/owner/repo",
        "gitea+ssh://host/owner/repo",
        "gittea+https://host/owner/repo",
        "gitea+https://host",
        "gitea+https://host/owner",
        "gitea+https:///owner/repo",
        "gitea+https://host/owner/repo?token=x",
        "gitea+https://host/owner/re%0Apo",
    ],
)
def test_a_url_that_names_no_repository_is_refused(url: str) -> None:
    """The error says how one looks."""
    with pytest.raises(UsageError, match="names no") as caught:
        dialect_of(url)

    assert "+https://host/owner/repo" in (caught.value.next_step or "")


def test_a_token_in_the_url_is_refused_and_not_repeated() -> None:
    """URLs land in logs and in `ps`."""
    with pytest.raises(UsageError, match="holds credentials") as caught:
        dialect_of("gitea+https://me:hunter2@host/owner/repo")

    assert "hunter2" not in "".join(caught.value.lines())


@pytest.mark.parametrize(
    ("url", "api", "git"),
    [
        ("gitea+https://h:3000/o/r.git", "https://h:3000/api/v1/repos/o/r", "https://h:3000/o/r.git"),
        ("github+https://github.com/o/r", "https://api.github.com/repos/o/r", "https://github.com/o/r.git"),
        ("github+https://ghe.example/o/r/", "https://ghe.example/api/v3/repos/o/r", "https://ghe.example/o/r.git"),
        (
            "gitlab+https://l.example/g/s/p",
            "https://l.example/api/v4/projects/g%2Fs%2Fp",
            "https://l.example/g/s/p.git",
        ),
    ],
)
def test_a_url_gives_the_api_and_the_repository(url: str, api: str, git: str) -> None:
    """Enterprise servers and groups of groups too."""
    dialect = dialect_of(url)

    assert (dialect.api, dialect.git) == (api, git)


@pytest.mark.parametrize("content", [None, "", " \n", b"\xff\xfe", "two words", "two\nlines", "schlüssel"])
def test_a_token_file_that_holds_none_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    """Missing, empty, binary."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(PermanentError, match="token"):
        open_forge("gitea+http://127.0.0.1:1/o/r", file, tmp_path).pull_requests()


def test_without_a_token_file_the_variable_is_named(tmp_path: Path) -> None:
    """Half a configuration is no configuration."""
    with pytest.raises(UsageError, match="HEADGATE_FORGE_TOKEN_FILE is not"):
        open_forge("gitea+http://127.0.0.1:1/o/r", None, tmp_path)


class App(NamedTuple):
    """A GitHub server, and the key of an App that is installed there."""

    server: GitHubServer
    key: Path
    url: str


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Give a server that knows an App."""
    private = rsa.generate_private_key(65537, 2048)
    key = tmp_path / "app.pem"
    key.write_bytes(pem(private))
    server = GitHubServer(Hosting(tmp_path / "hosted", "headgate/env", "refs/pull/{}/head"), private.public_key())
    with serving(server.app) as url:
        yield App(server, key, url)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    how = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *how)


def test_an_apps_key_without_the_apps_id_is_refused(app: App, tmp_path: Path) -> None:
    """A key alone does not say whose it is; and only GitHub has Apps."""
    with pytest.raises(UsageError, match="private key"):
        open_forge(f"github+{app.url}/headgate/env", app.key, tmp_path)
    with pytest.raises(UsageError, match="private key"):
        open_forge(f"gitlab+{app.url}/headgate/env", app.key, tmp_path, app="1")


@pytest.mark.parametrize("content", ["-----BEGIN PRIVATE KEY-----\nnonsense\n", "ec"])
def test_a_key_that_cannot_sign_is_refused_without_being_shown(app: App, tmp_path: Path, content: str) -> None:
    """Garbled, or of another kind."""
    bad = pem(ec.generate_private_key(ec.SECP256R1())) if content == "ec" else content.encode()
    app.key.write_bytes(bad)

    with pytest.raises(HeadgateError, match="key") as caught:
        open_forge(f"github+{app.url}/headgate/env", app.key, tmp_path, app="1").pull_requests()

    assert "nonsense" not in "".join(caught.value.lines())


def test_an_app_acts_by_git_and_rest_with_one_token(app: App, tmp_path: Path) -> None:
    """Asked for once, for this repository alone."""
    forge = open_forge(f"github+{app.url}/headgate/env", app.key, tmp_path, app="Iv1.abc")

    commit = forge.commit([Edit(path="a", text="1")], "First", None)

    assert (forge.head(), forge.pull_requests()) == (commit, [])
    assert app.server.granted == ["ghs_0"]


@pytest.mark.parametrize(("minutes", "tokens"), [(60, 1), (6, 1), (5, 2), (0, 2)])
def test_an_apps_token_is_renewed_five_minutes_before_it_ends(app: App, minutes: int, tokens: int) -> None:
    """A push that begins with it must also end with it."""
    app.server.lifetime = timedelta(minutes=minutes)
    token = AppToken(app.key, "1", f"{app.url}/api/v3", "headgate/env")

    given = [token.now() for _ in range(2)]

    assert len(set(given)) == len(app.server.granted) == tokens


def test_an_apps_token_that_was_revoked_is_asked_for_again(app: App, tmp_path: Path) -> None:
    """By REST, in the same call."""
    forge = open_forge(f"github+{app.url}/headgate/env", app.key, tmp_path, app="1")
    forge.pull_requests()
    app.server.hosting.tokens = {"another"}

    assert forge.pull_requests() == []
    assert app.server.granted == ["ghs_0", "ghs_1"]
