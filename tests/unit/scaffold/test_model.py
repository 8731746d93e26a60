"""A model repo's CI, and what it tells the receiver."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import yaml

from headgate.errors import UsageError
from headgate.receive.doors import Door
from headgate.receive.letters import Push
from headgate.scaffold import pushed
from headgate.scaffold.model import CI, model
from headgate.scaffold.repository import Dialect
from unit.cli.terminal import Terminal, orders

IMAGE, OWN = "registry.example.org/headgate:0.1.0", "registry.example.org/team/flights"


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


class Heard(NamedTuple):
    """A letter as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Ear(http.server.ThreadingHTTPServer):
    """A receiver that answers with the codes it is told to, the last one again and again."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.heard: list[Heard] = []
        super().__init__(("127.0.0.1", 0), Answering)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Answering(http.server.BaseHTTPRequestHandler):
    """One letter."""

    server: Ear

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append(Heard(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        code = self.server.codes.pop(0) if len(self.server.codes) > 1 else self.server.codes[0]
        self.send_response(code)
        self.end_headers()
        self.wfile.write(b"started ct-flights-1")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ear(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ear]:
    monkeypatch.setattr(pushed, "WAITS_SECONDS", (0.0, 0.0))
    with Ear(*request.param) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def said(url: str) -> dict[str, str]:
    return {
        "HEADGATE_RECEIVER": url,
        "HEADGATE_PUSH_SECRET": "secret",
        "REPOSITORY": "team/flights",
        "REF": "refs/heads/main",
        "COMMIT": "a" * 40,
    }


@pytest.mark.parametrize("own", ["registry/team/flights:latest", f"registry/team/flights@sha256:{'0' * 64}"])
def test_an_image_that_has_a_tag_already_is_refused(own: str) -> None:
    """Two would be no name at all."""
    with pytest.raises(UsageError, match="has a tag or a digest already"):
        model("github", ".", IMAGE, own)


@pytest.mark.parametrize("folder", ["services/a b", "x; rm -rf /", "$(id)"])
def test_a_folder_that_a_shell_could_misread_is_refused(folder: str) -> None:
    """It is written into commands."""
    with pytest.raises(UsageError):
        model("github", folder, IMAGE, OWN)


@pytest.mark.parametrize("dialect", CI)
def test_a_ci_builds_tries_pushes_and_tells_in_that_order(dialect: Dialect) -> None:
    """A run must not start before its image is there; a pull request pushes and tells nothing."""
    files = {edit.path: edit.text or "" for edit in model(dialect, "flights", IMAGE, OWN)}
    text = files[CI[dialect][0]]

    steps = [
        text.index(word) for word in ('build --pull --tag "$MODEL" "flights"', " check ", "docker push", ".pushed")
    ]
    assert steps == sorted(steps)
    assert yaml.safe_load(text)
    assert files["flights/Dockerfile"].splitlines()[1] == f"FROM {IMAGE}"
    assert f"MODEL: {OWN}:$" in text


def test_a_service_at_the_root_has_its_dockerfile_there() -> None:
    """The folder `.` is no part of a path."""
    assert {edit.path for edit in model("gitlab", ".", IMAGE, OWN)} == {".gitlab-ci.yml", ".dockerignore", "Dockerfile"}


@pytest.mark.parametrize("ear", [(202,)], indirect=True)
def test_the_receiver_knows_the_letter_and_its_hand(ear: Ear, tmp_path: Path) -> None:
    """The real door admits its signature, and reads commit, branch and repository."""
    (tmp_path / "secret").write_text("secret\n")

    answer = pushed.send(pushed.letter(said(ear.url)))

    heard = ear.heard[0]
    push = msgspec.json.decode(heard.body, type=Push)
    assert (heard.path, answer) == ("/push", "started ct-flights-1")
    assert Door(tmp_path / "secret").admits_signature(heard.headers, heard.body)
    assert (push.commit, push.branch, push.repo) == ("a" * 40, "main", "team/flights")


@pytest.mark.parametrize(("ear", "tries"), [((401,), 1), ((400,), 1), ((503,), 3)], indirect=["ear"])
def test_only_what_may_pass_is_tried_again(ear: Ear, tries: int) -> None:
    """A refusal stays one; a receiver that restarts is waited for, not for ever."""
    with pytest.raises(SystemExit, match="the receiver answered"):
        pushed.send(pushed.letter(said(ear.url)))

    assert len(ear.heard) == tries


@pytest.mark.parametrize("ear", [(503, 202)], indirect=True)
def test_a_receiver_that_comes_back_is_told(ear: Ear) -> None:
    """The second try is heard."""
    assert pushed.send(pushed.letter(said(ear.url))) == "started ct-flights-1"


def test_what_the_ci_forgot_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once."""
    for name, value in (said("http://127.0.0.1:1") | {"REF": ""}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("COMMIT")

    with pytest.raises(SystemExit, match="no REF, COMMIT in the environment"):
        pushed.main()


def test_init_writes_the_ci_of_the_repository_around_it(terminal: Terminal) -> None:
    """CI at the root, Dockerfile beside the service; what is there is kept."""
    (terminal.folder / ".git").mkdir()
    service = terminal.folder / "flights"
    service.mkdir()
    (service / "Dockerfile").write_text("FROM mine\n")
    orders().write_csv(service / "orders.csv")
    terminal.monkeypatch.chdir(service)
    words = ("init", "--data", "orders.csv", "--label", "late")

    alone = terminal(*words, "--ci", "gitea")
    said_ = terminal(*words, "--ci", "gitea", "--image", IMAGE, "--model-image", OWN)

    assert (alone.code, "go together" in alone.err) == (2, True)
    assert said_.code == 0
    assert '"$MODEL" "flights"' in (terminal.folder / ".gitea/workflows/model.yaml").read_text()
    assert (service / "Dockerfile").read_text() == "FROM mine\n"
