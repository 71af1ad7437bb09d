"""An S3 on loopback: moto's server, with a bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "team"
_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


class Bucket:
    """The bucket `BUCKET`, empty at first.

    Attributes:
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )
        self.create_bucket()
        self.clear()  # all of moto's servers in a process share their objects

    @property
    def environ(self) -> dict[str, str]:
        """What makes Metaflow keep everything in it."""
        return {
            **_CREDENTIALS,
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
            "METAFLOW_S3_ENDPOINT_URL": self.url,
        }

    def create_bucket(self) -> None:
        self._client.create_bucket(Bucket=BUCKET)

    def delete_bucket(self) -> None:
        """With all that is in it."""
        self.clear()
        self._client.delete_bucket(Bucket=BUCKET)

    def clear(self) -> None:
        """Deletes all that is in it."""
        for key in self.keys():
            self.delete(key)

    def keys(self, prefix: str = "") -> list[str]:
        """Of its objects, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def put(self, key: str, content: bytes, metadata: dict[str, str] | None = None) -> None:
        """Stores an object as any other program would."""
        self._client.put_object(Bucket=BUCKET, Key=key, Body=content, Metadata=metadata or {})

    def get(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Served until it is left."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield Bucket(f"http://{host}:{port}")
    finally:
        server.stop()
