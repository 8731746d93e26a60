"""A real Gitea as a process, with one user and as many repositories as tests want."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx

from fakes.programs import built
from fakes.serving import free_port, process, until

INI = """
APP_NAME = tests
RUN_MODE = prod
RUN_USER = {user}
WORK_PATH = {folder}
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
STATIC_ROOT_PATH = {static}
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = http://127.0.0.1:{port}/
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
[security]
INSTALL_LOCK = true
SECRET_KEY = tests-only
INTERNAL_TOKEN = tests-only
PASSWORD_HASH_ALGO = pbkdf2$1000
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[log]
LEVEL = Warn
[cron]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = false
[packages]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
"""
PASSWORD = "only-for-tests"


class Gitea:
    """What a test asks of the server beside what Headgate does."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self.client = httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"token {token}"}, timeout=30)

    def repository(self, name: str) -> str:
        """Make an empty repository; return its path on the server."""
        self.client.post("/user/repos", json={"name": name, "private": True}).raise_for_status()
        return f"headgate/{name}"

    def filled(self, repository: str) -> None:
        """Wait until the server has noticed a repository's first push: before that it has no pull requests at all."""
        until(
            lambda: not self.client.get(f"/repos/{repository}").json()["empty"],
            lambda: f"{repository} stays empty",
        )


@contextlib.contextmanager
def gitea(folder: Path) -> Iterator[Gitea]:
    """Run a Gitea in `folder`."""
    program = built("gitea")
    port = free_port()
    config = folder / "app.ini"
    user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
    config.write_text(INI.format(user=user, folder=folder, static=program / "files", port=port))
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GITEA_WORK_DIR": str(folder), "USER": user}
    command = [str(program / "bin" / "gitea"), "--config", str(config)]
    subprocess.run([*command, "migrate"], check=True, capture_output=True, env=env)
    create = ["admin", "user", "create", "--admin", "--username", "headgate", "--password", PASSWORD]
    create += ["--email", "headgate@localhost", "--must-change-password=false", "--access-token"]
    create += ["--access-token-scopes", "all", "--access-token-name", "tests"]
    said = subprocess.run([*command, *create], check=True, capture_output=True, text=True, env=env).stdout
    token = re.findall(r"\b[0-9a-f]{40}\b", said)[-1]
    url = f"http://127.0.0.1:{port}"
    with process([*command, "web"], f"{url}/api/healthz", folder / "gitea.log", env):
        server = Gitea(url, token)
        try:
            yield server
        finally:
            server.client.close()
