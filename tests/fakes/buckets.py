"""S3 servers to test on: moto, which knows conditions, and rclone, which writes plain files and doesn't."""

import contextlib
import logging
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import boto3
from moto.server import ThreadedMotoServer

from fakes.programs import built
from fakes.serving import free_port, process

KEY, SECRET = "tests", "only-for-tests"


class S3(NamedTuple):
    """A running server."""

    endpoint: str

    def variables(self) -> dict[str, str]:
        """Return what the environment says of it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }

    def bucket(self, name: str) -> None:
        """Make a bucket."""
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        client.create_bucket(Bucket=name)
        client.close()


@contextlib.contextmanager
def moto() -> Iterator[S3]:
    """Serve moto from a thread."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3(f"http://{host}:{port}")
    finally:
        server.stop()


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[S3]:
    """Run `rclone serve s3` on a folder."""
    port = free_port()
    command = [str(built("rclone") / "bin" / "rclone"), "serve", "s3", "--auth-key", f"{KEY},{SECRET}"]
    command += ["--addr", f"127.0.0.1:{port}", "--dir-cache-time", "10ms", str(folder / "objects")]
    (folder / "objects").mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "RCLONE_CONFIG": str(folder / "rclone.conf")}
    with process(command, f"http://127.0.0.1:{port}", folder / "rclone.log", env):
        yield S3(f"http://127.0.0.1:{port}")


class Stores:
    """The S3 servers of one test run, each started when first asked for."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.folder = folder
        self.stack = stack

    @cached_property
    def moto(self) -> S3:
        """A server that knows conditional writes, as AWS and MinIO do."""
        return self.stack.enter_context(moto())

    @cached_property
    def rclone(self) -> S3:
        """A server that doesn't."""
        return self.stack.enter_context(rclone(self.folder))
