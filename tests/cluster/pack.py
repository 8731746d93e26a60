"""Layers as files in the cache, and images as streams of layers: what `docker save` would write, without Docker."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cluster.pins import cache


@dataclass(frozen=True)
class Layer:
    """A tar file and the digest of its bytes."""

    file: Path
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """A name, its layers from the lowest up, and what a container of it starts."""

    name: str
    layers: Sequence[Layer]
    entrypoint: Sequence[str]
    user: str = ""
    folder: str = "/"
    env: dict[str, str] = field(default_factory=dict)

    def config(self) -> bytes:
        """Return the image's configuration."""
        run = {"Entrypoint": list(self.entrypoint), "User": self.user, "WorkingDir": self.folder}
        run |= {"Env": [f"{name}={value}" for name, value in self.env.items()]}
        diffs = [f"sha256:{layer.sha256}" for layer in self.layers]
        made = {"architecture": "amd64", "os": "linux", "config": run, "rootfs": {"type": "layers", "diff_ids": diffs}}
        return json.dumps(made).encode()

    def write(self, stream: IO[bytes]) -> None:
        """Write the image as `docker save` does."""
        config = self.config()
        manifest = [
            {"Config": "config.json", "RepoTags": [self.name], "Layers": [f"{one.sha256}.tar" for one in self.layers]}
        ]
        with tarfile.open(fileobj=stream, mode="w|") as out:
            _add(out, "manifest.json", json.dumps(manifest).encode())
            _add(out, "config.json", config)
            for layer in self.layers:
                entry = tarfile.TarInfo(f"{layer.sha256}.tar")
                entry.size = layer.file.stat().st_size
                with layer.file.open("rb") as content:
                    out.addfile(entry, content)


def layer(name: str, key: str, fill: Callable[[Path], None]) -> Layer:
    """Return the cached layer of this name and key; if there is none, `fill` an empty folder and pack it."""
    folder = cache() / "layers"
    file = folder / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:12]}.tar"
    summed = file.with_suffix(".sha256")
    if not summed.exists():
        work = cache() / "building" / f"layer-{name}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        fill(work)
        for old in folder.glob(f"{name}-????????????.*"):
            old.unlink()
        folder.mkdir(exist_ok=True)
        subprocess.run(
            ["tar", "--sort=name", "--numeric-owner", "--mtime=@0", "-C", work, "-cf", file, "."], check=True
        )
        shutil.rmtree(work)
        with file.open("rb") as content:
            summed.write_text(hashlib.file_digest(content, "sha256").hexdigest())
    return Layer(file, summed.read_text())


def _add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    out.addfile(entry, io.BytesIO(content))
