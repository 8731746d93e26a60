"""Apache Kafka's own jars, from Maven Central at exact pins; kept in the user's cache, each file's sha256 checked."""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
POM, SUMS = HERE / "pom.xml", HERE / "jars.sha256"
NEEDED = {"java": "a Java 17 runtime", "mvn": "Maven"}


class MissingError(Exception):
    """The machine has not what the broker needs."""


@cache
def jars() -> Path:
    """Return the folder of jars, fetched once; MissingError says what is to be installed."""
    if missing := [f"{name} ({what})" for name, what in NEEDED.items() if not shutil.which(name)]:
        raise MissingError(
            f"a real broker needs {' and '.join(missing)}; on Debian: apt-get install default-jre-headless maven"
        )
    folder = kept()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent) as made:
                fetch(Path(made) / "jars")
                check(Path(made) / "jars")
                (Path(made) / "jars").rename(folder)
    return folder


def kept() -> Path:
    """Return where the jars of these pins are."""
    digest = hashlib.sha256(POM.read_bytes() + SUMS.read_bytes()).hexdigest()
    return home() / ".cache" / "headgate" / "kafka" / digest[:12]


def home() -> Path:
    return Path(pwd.getpwuid(os.getuid()).pw_dir)  # a test run's own HOME is gone at its end


def fetch(folder: Path) -> None:
    command = ["mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    subprocess.run(command, check=True, env={**os.environ, "HOME": str(home())})


def sums(folder: Path) -> str:
    """Return what jars.sha256 says, as the files are."""
    return "".join(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in sorted(folder.iterdir()))


def check(folder: Path) -> None:
    found, expected = set(sums(folder).splitlines()), set(SUMS.read_text().splitlines())
    if found != expected:
        raise MissingError(f"Kafka's jars are not those of {SUMS.name}: {sorted(found ^ expected)[:4]}")


def pin() -> None:
    """Write jars.sha256 anew, after pom.xml was changed."""
    with tempfile.TemporaryDirectory() as made:
        fetch(Path(made) / "jars")
        SUMS.write_text(sums(Path(made) / "jars"))
