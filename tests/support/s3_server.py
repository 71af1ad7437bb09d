"""An S3 on loopback: moto's server, with a bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
from moto.server import ThreadedMotoServer

_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "us-east-1"}


class Bucket:
    """A bucket, empty at first.

    Attributes:
        name: No other bucket of this process has it, since all of moto's servers in a process share their objects.
        url: Of the server.
    """

    def __init__(self, url: str) -> None:
        self.name = f"team-{uuid4().hex[:8]}"
        self.url = url
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            region_name="us-east-1",
        )
        self.create_bucket()

    @property
    def environ(self) -> dict[str, str]:
        """What makes Metaflow keep everything in it."""
        return {
            **_CREDENTIALS,
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{self.name}/metaflow",
            "METAFLOW_S3_ENDPOINT_URL": self.url,
        }

    def create_bucket(self) -> None:
        self._client.create_bucket(Bucket=self.name)

    def delete_bucket(self) -> None:
        """With all that is in it."""
        for key in self.keys():
            self.delete(key)
        self._client.delete_bucket(Bucket=self.name)

    def keys(self, prefix: str = "") -> list[str]:
        """Of its objects, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def put(self, key: str, content: bytes, metadata: dict[str, str] | None = None) -> None:
        """Stores an object as any other program would."""
        self._client.put_object(Bucket=self.name, Key=key, Body=content, Metadata=metadata or {})

    def get(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self.name, Key=key)


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
