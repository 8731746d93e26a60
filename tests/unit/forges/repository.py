"""An env repo in a folder, a person's own Git beside it, and calls that are killed."""

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from headgate.adapters.forges.gitdata import refs
from headgate.adapters.forges.gitdir import GitDir
from headgate.names import Name
from headgate.records.change import Edit, Proposal

FIRST = [Edit(path="promotion.yaml", text="environments: []\n")]
VERSION = "env/prod/flights/version.yaml"


def proposal(forge: GitDir, leaf: str = "aaaaaaaaaaaa-1", text: str = "model: a\n") -> Proposal:
    base = forge.head()
    assert base is not None
    return Proposal(
        purpose="promote",
        service=Name("flights"),
        environment=Name("prod"),
        base=base,
        branch=f"promote/prod/flights/{leaf}",
        title="flights → prod: PASS",
        body="words",
        edits=(Edit(path=VERSION, text=text),),
    )


def git(folder: Path, *words: str) -> str:
    """Run a person's own Git."""
    person = {"GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@x", "GIT_COMMITTER_NAME": "Ada"}
    person |= {"GIT_COMMITTER_EMAIL": "ada@x", "GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ["PATH"]}
    done = subprocess.run(["git", *words], cwd=folder, env=person, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def killed_at(forge: GitDir, call: Callable[[], object], step: int) -> bool:
    """Run `call` in a child killed at its step-th moment before or after moving a reference; say whether it was."""
    child = os.fork()
    if child == 0:
        count = 0
        swap = refs.swap

        def dying(*words: object) -> None:
            nonlocal count
            for act in (lambda: None, lambda: swap(*words)):  # type: ignore[arg-type]
                act()
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        refs.swap = dying  # type: ignore[assignment]
        try:
            call()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def still() -> datetime:
    return datetime(2013, 9, 2, 6, tzinfo=UTC)
