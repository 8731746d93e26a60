"""The bucket of the ring's store, as its owner sees it."""

from typing import Any

import boto3

from cluster.scenarios.ring.install import Installed

BUCKET = "headgate"


def client(ring: Installed) -> Any:
    """Return a client of the store that holds the bucket."""
    keys = {"aws_access_key_id": "headgate", "aws_secret_access_key": ring.cluster.password("s3")}
    return boto3.client("s3", endpoint_url=ring.cluster.url("s3"), region_name="us-east-1", **keys)


def content(ring: Installed, key: str) -> bytes:
    """Return an object of the bucket."""
    return bytes(client(ring).get_object(Bucket=BUCKET, Key=key)["Body"].read())


def keys(ring: Installed, prefix: str = "") -> list[str]:
    """Return the bucket's keys under a prefix, in their order."""
    pages = client(ring).get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [str(one["Key"]) for page in pages for one in page.get("Contents", [])]
