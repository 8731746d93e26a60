"""Objects of one S3 bucket: what boto3 says comes out as Headgate's errors, retries are bounded."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)

from headgate.errors import HeadgateError, PermanentError, TransientError, printable
from headgate.names import Digest

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60
ATTEMPTS = 5
"""With boto3's own pauses of up to 20 s between them."""
PART_BYTES = 64 << 20
"""Larger files go up in parts of this size."""
BLOCK_BYTES = 1 << 20
REGION = "us-east-1"
"""What S3 itself falls back to; other vendors take any."""

MISSING = {"404", "NoSuchKey", "NotFound"}
KEPT = {"412", "PreconditionFailed"}
RACING = {"409", "ConditionalRequestConflict", "OperationAborted"}
PASSING = {"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "RequestTimeTooSkewed", "Throttling"}
BARRED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "401", "403"}
NO_KEYS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
LOST = (ConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError)
SHOWN = 300


class Bucket:
    """One bucket; endpoint, keys and region come from the AWS_… variables, as with every S3 tool."""

    def __init__(self, name: str) -> None:
        self.name = name
        own = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "max_attempts": ATTEMPTS},
            request_checksum_calculation="when_required",  # many vendors refuse the newer checksums
            response_checksum_validation="when_required",
            s3={
                "addressing_style": "path" if own else "auto"
            },  # buckets of a vendor on an IP have no names of their own
        )
        with self.speaking("open"):
            session = boto3.session.Session()
            self.client: Any = session.client("s3", config=config, region_name=session.region_name or REGION)

    def put(self, key: str, content: bytes) -> bool:
        """Keep an object unless there is one; say whether it is ours. Servers without conditions overwrite."""
        with self.speaking(f"keep {key!r}"):
            try:
                self.client.put_object(Bucket=self.name, Key=key, Body=content, IfNoneMatch="*")
            except ClientError as err:
                if code_of(err) not in KEPT | RACING:
                    raise
                return False
            return True

    def replace(self, key: str, content: bytes) -> None:
        """Write an object, whatever was there."""
        with self.speaking(f"write {key!r}"):
            self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes | None:
        """Return an object's content, None when there is none."""
        with self.speaking(f"read {key!r}"):
            try:
                answer = self.client.get_object(Bucket=self.name, Key=key)
            except ClientError as err:
                if code_of(err) in MISSING:
                    return None
                raise
            with contextlib.closing(answer["Body"]) as body:
                content: bytes = body.read()
                return content

    def has(self, key: str) -> bool:
        """Say whether there is an object."""
        with self.speaking(f"look for {key!r}"):
            try:
                self.client.head_object(Bucket=self.name, Key=key)
            except ClientError as err:
                if code_of(err) in MISSING:
                    return False
                raise
            return True

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix."""
        with self.speaking(f"list {prefix!r}"):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            for page in pages:
                yield from (one["Key"] for one in page.get("Contents", ()))

    def upload(self, key: str, path: Path) -> None:
        """Copy a file up, a large one in parts."""
        transfer = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
        with self.speaking(f"keep {key!r}"):
            self.client.upload_file(str(path), self.name, key, Config=transfer)

    def download(self, key: str, file: BinaryIO) -> Digest:
        """Copy an object into a file; return the sha256 of what came."""
        seen = hashlib.sha256()
        with self.speaking(f"read {key!r}"):
            answer = self.client.get_object(Bucket=self.name, Key=key)
            with contextlib.closing(answer["Body"]) as body:
                for block in body.iter_chunks(BLOCK_BYTES):
                    seen.update(block)
                    file.write(block)
        return Digest(seen.hexdigest())

    @contextlib.contextmanager
    def speaking(self, doing: str) -> Iterator[None]:
        """Turn what boto3 raises into Headgate's errors."""
        try:
            yield
        except (BotoCoreError, Boto3Error, ClientError) as err:
            raise self.spoken(doing, err) from err

    def spoken(self, doing: str, err: Exception) -> HeadgateError:
        cause = err.__context__ if isinstance(err, Boto3Error) and err.__context__ else err
        message = f"cannot {doing} in bucket {self.name!r}"
        said = " ".join(printable(str(cause)).split())[:SHOWN]
        if isinstance(cause, NO_KEYS):
            step = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod a role"
            return PermanentError(f"{message}: no credentials", found=said, next_step=step)
        if isinstance(cause, LOST):
            return TransientError(f"{message}: {said}", next_step="is AWS_ENDPOINT_URL right? then try again")
        if isinstance(cause, ClientError):
            return refused(cause, message, said)
        return PermanentError(f"{message}: {said}")


def refused(err: ClientError, message: str, said: str) -> HeadgateError:
    """Return the error of an answer that says no."""
    code, status = code_of(err), err.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in PASSING or code in RACING or status >= 500 or status == 429:
        return TransientError(f"{message}: {said}", next_step="try again")
    if code in BARRED:
        return PermanentError(f"{message}: not allowed", found=said, next_step="check the AWS_… keys and their policy")
    if code == "NoSuchBucket":
        return PermanentError(f"{message}: there is no such bucket", next_step="make it, or check HEADGATE_STORE")
    return PermanentError(f"{message}: {said}")


def code_of(err: ClientError) -> str:
    return str(err.response.get("Error", {}).get("Code", ""))
