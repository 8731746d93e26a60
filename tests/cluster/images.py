"""The images that pods run: Headgate's own, the workflow executor's and the pause image."""

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from cluster.node import PAUSE
from cluster.pack import Image, Layer, layer
from cluster.pins import programs
from cluster.site import Site, program

ROOT = Path(__file__).parents[2]
HEADGATE = "docker.io/library/headgate:dev"  # what `headgate:dev` means to Kubernetes
RELEASE = "docker.io/library/headgate:0.1.0"  # the same image by the name that the charts have
EXECUTOR = f"quay.io/argoproj/argoexec:{programs()['argo-workflows'].version}"
SUITE = "bookworm"  # of the Dockerfile's base image; its python3 is 3.11
PACKAGES = "python3,ca-certificates,tzdata"
SITE = "usr/local/lib/python3.11/dist-packages"
SCRIPT = "#!/usr/bin/python3\nimport sys\n\nfrom headgate.cli import main\n\nsys.exit(main())\n"
USER = "headgate:x:10001:10001::/home/headgate:/usr/sbin/nologin\n"
QUIET = {"PYTHONUNBUFFERED": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
PATH = "/usr/local/bin:/usr/bin:/bin"


def pause() -> Image:
    """Return the image that holds a pod's namespaces."""
    binary = Path(program("pause"))
    made = layer("pause", str(binary), lambda work: _copy(binary, work / "pause"))
    return Image(name=PAUSE, layers=[made], entrypoint=["/pause"])


def executor() -> Image:
    """Return the image of Argo Workflows' init and wait containers."""
    binary = Path(program("argoexec"))

    def fill(work: Path) -> None:
        _copy(binary, work / "bin" / "argoexec")
        (work / "etc").mkdir()
        (work / "etc" / "passwd").write_text("root:x:0:0:root:/:\nargo:x:8737:8737:argo:/:\n")
        (work / "tmp").mkdir(mode=0o1777)
        (work / "tmp").chmod(0o1777)

    return Image(
        name=EXECUTOR, layers=[layer("argoexec", str(binary), fill)], entrypoint=["/bin/argoexec"], user="8737"
    )


def headgate() -> Image:
    """Return Headgate's image: Debian with Python, the locked environment, and the source as it is now."""
    layers = [_debian(), _environment(), _source()]
    env = QUIET | {"PATH": PATH, "HOME": "/home/headgate"}
    return Image(name=HEADGATE, layers=layers, entrypoint=["headgate"], user="10001:10001", folder="/work", env=env)


def with_package(name: str, requirement: str) -> Image:
    """Return Headgate's image with one package more, as a service's own image has it."""
    whole = headgate()
    made = layer("package", requirement, lambda work: _install(work / SITE, "--no-deps", requirement))
    return replace(whole, name=name, layers=[*whole.layers, made])


def load_headgate(site: Site) -> None:
    """Make Headgate's image what the checkout is now, by both its names; pods that start from here on run it."""
    own = headgate()
    for name in (HEADGATE, RELEASE):
        load(site, replace(own, name=name))


def load(site: Site, image: Image) -> None:
    """Stream an image into containerd, unless this very one is there."""
    there = site.room("images") / f"{hashlib.sha256(image.name.encode() + image.config()).hexdigest()}"
    if there.exists():
        return
    command = [*ctr(site), "images", "import", "-"]
    pipe, out = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=out) as importing:
        if importing.stdin is None or importing.stdout is None:
            raise RuntimeError("ctr was started without pipes")
        image.write(importing.stdin, _layers_there(site))
        importing.stdin.close()
        said = importing.stdout.read().decode()
    if importing.returncode:
        raise RuntimeError(f"ctr could not import {image.name}: {said}")
    there.write_text(image.name)


def _layers_there(site: Site) -> set[str]:
    listed = subprocess.run([*ctr(site), "content", "ls", "--quiet"], check=True, capture_output=True, text=True)
    return {digest.removeprefix("sha256:") for digest in listed.stdout.split()}


def ctr(site: Site) -> list[str]:
    """Return the command that speaks to this cluster's containerd."""
    return ["ctr", "--address", str(site.folder / "containerd" / "containerd.sock"), "--namespace", "k8s.io"]


def _debian() -> Layer:
    def fill(work: Path) -> None:
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, work],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for needless in (
            "var/cache/apt",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/man",
            "usr/share/locale",
            "dev",
        ):
            shutil.rmtree(work / needless, ignore_errors=True)
        (work / "dev").mkdir()
        with (work / "etc" / "passwd").open("a") as users:
            users.write(USER)
        for folder in ("home/headgate", "work"):
            (work / folder).mkdir(parents=True)
            shutil.chown(work / folder, 10001, 10001)

    return layer("debian", f"{SUITE} {PACKAGES} {USER}", fill)


def _environment() -> Layer:
    """Install what the Dockerfile installs, from uv.lock."""
    extras = sorted(set(re.findall(r"--extra (\w+)", (ROOT / "Dockerfile").read_text())))
    wanted = [word for extra in extras for word in ("--extra", extra)]
    export = [
        "export",
        "--frozen",
        "--no-dev",
        "--no-emit-project",
        "--no-hashes",
        "--no-header",
        "--no-annotate",
        "--quiet",
        *wanted,
    ]
    locked = subprocess.run([*_uv(), *export], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout

    def fill(work: Path) -> None:
        (work / "locked.txt").write_text(locked)
        _install(work / SITE, "--requirement", str(work / "locked.txt"))
        (work / "locked.txt").unlink()

    return layer("environment", locked, fill)


def _source() -> Layer:
    source = ROOT / "src" / "headgate"
    files = sorted(file for file in source.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    key = hashlib.sha256(b"".join(str(file).encode() + file.read_bytes() for file in files)).hexdigest()

    def fill(work: Path) -> None:
        _install(work / SITE, "--no-deps", str(ROOT))
        script = work / "usr" / "local" / "bin" / "headgate"
        script.parent.mkdir(parents=True)
        script.write_text(SCRIPT)
        script.chmod(0o755)

    return layer("headgate", key, fill)


def _install(target: Path, *what: str) -> None:
    """Install wheels for the image's Python, whatever runs this; compiled when it is the same."""
    compiled = ["--compile-bytecode"] if sys.version_info[:2] == (3, 11) else []
    words = [
        "pip",
        "install",
        "--quiet",
        "--python-version",
        "3.11",
        "--link-mode",
        "copy",
        *compiled,
        "--target",
        str(target),
    ]
    subprocess.run([*_uv(), *words, *what], check=True)
    shutil.rmtree(target / "bin", ignore_errors=True)


def _uv() -> list[str]:
    return [str(Path(sys.executable).parent / "uv")]


def _copy(binary: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(binary, target)
    target.chmod(0o755)
