"""Gitea: the forge. Everybody calls it `http://gitea.forge:3000/`, this machine's tests by its address."""

import subprocess

from cluster import answers
from cluster.kubectl import apply, door, namespace
from cluster.pins import programs
from cluster.process import await_ready, resolving, start
from cluster.site import Site, program

SPACE = "forge"
URL = "http://gitea.forge:3000/"
ADMIN = "admin"


def gitea(site: Site) -> None:
    """Start it on SQLite with an administrator whose password is `site.password("gitea")`."""
    room = site.room("gitea")
    (room / "app.ini").write_text(_settings(site))
    command = [program("gitea"), "--config", str(room / "app.ini"), "--work-path", str(room)]
    process = start("gitea", resolving(site, [*command, "web"]), {"HOME": str(room)})
    await_ready(process, answers.http(f"http://{site.address('gitea')}/api/healthz"))
    who = ["--username", ADMIN, "--password", site.password("gitea"), "--email", "admin@forge.test", "--admin"]
    create = [*command, "admin", "user", "create", *who, "--must-change-password=false"]
    subprocess.run(create, check=True, capture_output=True)


def gitea_door(site: Site) -> None:
    """Give it its name in the cluster."""
    apply(site, namespace(SPACE), *door(site, "gitea", SPACE, 3000, "gitea"))


def _settings(site: Site) -> str:
    room = site.room("gitea")
    sections: dict[str, dict[str, object]] = {
        "server": {
            "HTTP_ADDR": site.gateway,
            "HTTP_PORT": site.port("gitea"),
            "ROOT_URL": URL,
            "PUBLIC_URL_DETECTION": "never",
            "DISABLE_SSH": "true",
            "OFFLINE_MODE": "true",
            "STATIC_ROOT_PATH": programs()["gitea"].folder / "files",
        },
        "database": {"DB_TYPE": "sqlite3", "PATH": room / "gitea.db"},
        "security": {"INSTALL_LOCK": "true", "SECRET_KEY": site.password("gitea-secret")},
        "webhook": {"ALLOWED_HOST_LIST": "*"},
        "service": {"DISABLE_REGISTRATION": "true"},
        "repository": {"DEFAULT_BRANCH": "main"},
        "indexer": {"ISSUE_INDEXER_TYPE": "db"},
        "cron": {"ENABLED": "false"},
        "cron.update_checker": {"ENABLED": "false"},
        "actions": {"ENABLED": "false"},
        "packages": {"ENABLED": "false"},
        "mirror": {"ENABLED": "false"},
        "log": {"MODE": "console", "LEVEL": "Info"},
    }
    lines = ["I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true", "RUN_MODE = prod"]
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
