"""Google Cloud Storage, by Google's own client: `mfenv[gs]`."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import requests
from google.api_core import exceptions as google
from google.auth import exceptions as auth
from google.cloud.storage import Client
from google.cloud.storage.retry import DEFAULT_RETRY

from mfenvd.store.hashing import digest_of
from mfenvd.store.object_errors import (
    AlreadyThere,
    CredentialsExpired,
    Denied,
    MissingObject,
    NoSuchBucket,
    ObjectStoreProblem,
    ReadOnly,
    Refused,
    SlowDown,
    Unreachable,
)
from mfenvd.store.objects import ObjectInfo, sha256_read_back
from mfenvd.store.opening import Access
from mfenvd.store.pace import Pace

_T = TypeVar("_T")

# Google's client repeats by itself what may be repeated; a dead bucket must not hold anything up for long.
_CALL = {"timeout": (5, 30), "retry": DEFAULT_RETRY.with_timeout(10)}
_PART = 8 * 1024 * 1024
_LOOK_FIRST = 1024 * 1024
_PLAIN = (((google.PreconditionFailed, google.Conflict), AlreadyThere), ((google.TooManyRequests,), SlowDown))
_DETAILED = (
    ((google.Forbidden,), Denied),
    ((auth.RefreshError,), CredentialsExpired),
    ((google.Unauthorized, auth.GoogleAuthError), Refused),
)


class GoogleStore:
    """An ObjectStore in a bucket. The etag of an object is its generation.

    Args:
        bucket: Its name.
        prefix: What all keys begin with, without a slash at its end; empty for the whole bucket.
        access: Of it, `endpoint`.
        pace: The limit that it keeps to.
    """

    def __init__(self, bucket: str, prefix: str, access: Access, pace: Pace) -> None:
        self.url = f"gs://{bucket}/{prefix}".rstrip("/")
        self._prefix, self._pace = f"{prefix}/" if prefix else "", pace
        options = {"api_endpoint": access.endpoint} if access.endpoint else None
        try:
            self._client = Client(client_options=options)
        except (auth.GoogleAuthError, OSError) as error:
            raise _problem(error, self.url) from error
        self._bucket = self._client.bucket(bucket)

    def head(self, key: str) -> ObjectInfo | None:
        found = self._found(key)
        return None if found is None else _info(key, found)

    def put_file(self, key: str, path: Path, sha256: str, *, replace: bool = False) -> str | None:
        size = path.stat().st_size
        # It costs a request, and saves sending what is there already.
        if size > _LOOK_FIRST and not replace and self.head(key) is not None:
            raise AlreadyThere(f"{self.url}/{key}")
        with path.open("rb") as file:
            put = self._upload(key, self._pace.sending(file, size), size, sha256, None if replace else 0)
        return str(put.generation)

    def put_bytes(self, key: str, content: bytes, *, replace: bool | str = False) -> str:
        generation = int(replace) if isinstance(replace, str) else None if replace else 0
        sha256 = hashlib.sha256(content).hexdigest()
        return str(self._upload(key, io.BytesIO(content), len(content), sha256, generation).generation)

    def confirm(self, key: str, path: Path, sha256: str) -> bool:
        found = self._found(key)
        if found is None or found.size != path.stat().st_size:
            return False
        if found.md5_hash:
            return base64.b64decode(found.md5_hash).hex() == digest_of(path, "md5")
        return sha256_read_back(self, key) == sha256

    def get_file(self, key: str, file: BinaryIO) -> None:
        def download() -> None:
            file.seek(0)
            self._bucket.blob(self._prefix + key).download_to_file(_Paced(file, self._pace), **_CALL)

        self._called(key, download)

    def get_bytes(self, key: str) -> tuple[bytes, ObjectInfo]:
        def download() -> tuple[bytes, ObjectInfo]:
            blob = self._bucket.blob(self._prefix + key)
            blob.reload(**_CALL)
            info = _info(key, blob)
            return blob.download_as_bytes(if_generation_match=blob.generation, **_CALL), info

        return self._called(key, download)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        begin = self._prefix + after if after else None
        pages = iter(self._client.list_blobs(self._bucket, prefix=self._prefix + prefix, start_offset=begin, **_CALL))
        while (found := self._called("", lambda: next(pages, None))) is not None:
            if found.name != begin:
                yield ObjectInfo(found.name.removeprefix(self._prefix), found.size, str(found.generation))

    def delete(self, key: str) -> None:
        try:
            self._written(key, lambda: self._bucket.blob(self._prefix + key).delete(**_CALL))
        except MissingObject:
            return

    def close(self) -> None:
        self._client.close()

    def _found(self, key: str) -> Any:
        return self._called(key, lambda: self._bucket.get_blob(self._prefix + key, **_CALL))

    def _upload(self, key: str, body: BinaryIO, size: int, sha256: str, generation: int | None) -> Any:
        """Sends it; Google compares checksums before anybody sees it.

        Args:
            key: Where.
            body: What.
            size: Its bytes.
            sha256: Of it.
            generation: What may be there: 0 for nothing, None for anything.
        """
        blob = self._bucket.blob(self._prefix + key, chunk_size=_PART if size > _PART else None)
        blob.metadata = {"sha256": sha256, "size": str(size)}
        condition = {} if generation is None else {"if_generation_match": generation}
        self._written(key, lambda: blob.upload_from_file(body, size=size, checksum="md5", **condition, **_CALL))
        return blob

    def _written(self, key: str, call: Callable[[], _T]) -> _T:
        try:
            return self._called(key, call)
        except Denied as denied:
            # Whoever may not even look has the wrong credentials; whoever may look, has those of a reader.
            self.head(key)
            raise ReadOnly(self.url, denied.detail) from denied

    def _called(self, key: str, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except (google.GoogleAPIError, auth.GoogleAuthError, requests.RequestException) as error:
            raise _problem(error, f"{self.url}/{key}" if key else self.url) from error


class _Paced:
    """A file that is written as fast as allowed."""

    def __init__(self, file: BinaryIO, pace: Pace) -> None:
        self._file, self._pace = file, pace

    def write(self, content: bytes) -> int:
        self._pace.spend(len(content))
        return self._file.write(content)

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def _problem(error: Exception, place: str) -> ObjectStoreProblem:
    """What Google's client raised, as the causes that mfenv tells apart."""
    detail = str(error).partition("\n")[0].rstrip(".")
    if isinstance(error, google.NotFound):
        return NoSuchBucket(place) if "bucket does not exist" in str(error) else MissingObject(place)
    for kinds, plain in _PLAIN:
        if isinstance(error, kinds):
            return plain(place)
    for kinds, detailed in _DETAILED:
        if isinstance(error, kinds):
            return detailed(place, detail)
    return Unreachable(place, detail)


def _info(key: str, found: Any) -> ObjectInfo:
    return ObjectInfo(key, found.size, str(found.generation), (found.metadata or {}).get("sha256"))
