"""Layers as files in the cache, and images as streams of layers, without Docker."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cluster.alone import alone
from cluster.pins import cache

OCI = "application/vnd.oci.image"
TIMED = "files keep their times: "
"""Part of each layer's key. Python takes compiled code only for a source of the time that it was compiled from."""


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

    def manifest(self) -> bytes:
        """Return the list of the configuration and the layers."""
        layers = [_named("layer.v1.tar", layer.sha256, layer.file.stat().st_size) for layer in self.layers]
        config = _of("config.v1+json", self.config())
        made = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": config, "layers": layers}
        return json.dumps(made).encode()

    def write(self, stream: IO[bytes], there: Collection[str] = ()) -> None:
        """Write the image in the OCI layout, without the layers whose digests are `there` already."""
        name = {"io.containerd.image.name": self.name}
        index = {"schemaVersion": 2, "manifests": [_of("manifest.v1+json", self.manifest()) | {"annotations": name}]}
        with tarfile.open(fileobj=stream, mode="w|") as out:
            _add(out, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            _add(out, "index.json", json.dumps(index).encode())
            for blob in (self.manifest(), self.config()):
                _add(out, f"blobs/sha256/{hashlib.sha256(blob).hexdigest()}", blob)
            for layer in self.layers:
                if layer.sha256 not in there:
                    _add_file(out, f"blobs/sha256/{layer.sha256}", layer.file)


def layer(name: str, key: str, fill: Callable[[Path], None]) -> Layer:
    """Return the cached layer of this name and key; if there is none, `fill` an empty folder and pack it."""
    folder = cache() / "layers"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{hashlib.sha256(f'{TIMED}{key}'.encode()).hexdigest()[:12]}.tar"
    summed = file.with_suffix(".sha256")
    with alone(f"layer-{name}"):
        if not summed.exists():
            for old in folder.glob(f"{name}-????????????.*"):
                old.unlink()
            _pack(cache() / "building" / f"layer-{name}", file, fill)
            with file.open("rb") as content:
                summed.write_text(hashlib.file_digest(content, "sha256").hexdigest())
    return Layer(file, summed.read_text())


def _pack(work: Path, file: Path, fill: Callable[[Path], None]) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    fill(work)
    subprocess.run(["tar", "--sort=name", "--numeric-owner", "-C", work, "-cf", file, "."], check=True)
    shutil.rmtree(work)


def _named(kind: str, sha256: str, size: int) -> dict[str, object]:
    return {"mediaType": f"{OCI}.{kind}", "digest": f"sha256:{sha256}", "size": size}


def _of(kind: str, blob: bytes) -> dict[str, object]:
    return _named(kind, hashlib.sha256(blob).hexdigest(), len(blob))


def _add_file(out: tarfile.TarFile, name: str, file: Path) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = file.stat().st_size
    with file.open("rb") as content:
        out.addfile(entry, content)


def _add(out: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    out.addfile(entry, io.BytesIO(content))
