"""S3, and servers that speak its language."""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError

from mfenvd.store.hashing import digest_of
from mfenvd.store.object_errors import (
    AlreadyThere,
    Conflict,
    Denied,
    MissingObject,
    ObjectStoreProblem,
    ReadOnly,
    Refused,
    Unreachable,
    Unsupported,
)
from mfenvd.store.objects import ObjectInfo, sha256_read_back
from mfenvd.store.opening import Access
from mfenvd.store.pace import Pace
from mfenvd.store.s3_errors import problem_of
from mfenvd.store.s3_parts import PART, Part, checksum, composite, encoded, is_content, parts_of
from mfenvd.store.s3_session import S3Session

_T = TypeVar("_T")

# One part of each is in memory while it is on its way.
_PARTS_AT_ONCE = 4
# Of what is asked again here because botocore does not: an answer that breaks off, two writers that meet.
_ATTEMPTS = 3
# Larger objects are looked for before they are sent: it costs a request, and saves sending what is there already.
_LOOK_FIRST = 1024 * 1024
_NEW = {"IfNoneMatch": "*"}


class S3Store:
    """An ObjectStore in a bucket.

    Args:
        bucket: Its name.
        prefix: What all keys begin with, without a slash at its end; empty for the whole bucket.
        access: How it is reached.
        pace: The limit that it keeps to.
    """

    def __init__(self, bucket: str, prefix: str, access: Access, pace: Pace) -> None:
        self._bucket, self._pace = bucket, pace
        self._prefix = f"{prefix}/" if prefix else ""
        self._session = S3Session(access)
        self._encryption = {"ServerSideEncryption": access.encryption} if access.encryption else {}
        self._parts = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="part")
        # S3's checksum of what was sent in parts and is to be confirmed, by the file's sha256.
        self._sums: dict[str, str] = {}
        # Some servers know no conditions, and say so.
        self._conditional = True

    @property
    def url(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def head(self, key: str) -> ObjectInfo | None:
        found = self._head(key)
        return None if found is None else _info(key, found)

    def put_file(self, key: str, path: Path, sha256: str, *, replace: bool = False) -> str | None:
        size = path.stat().st_size
        metadata = {"sha256": sha256, "size": str(size)}
        condition = {} if replace else _NEW
        if size > _LOOK_FIRST:
            self._check(key, condition)
        if size > PART:
            return self._put_parts(key, path, metadata, condition)
        digest = encoded(bytes.fromhex(sha256))
        put = self._put(key, path.read_bytes(), digest, metadata, condition)
        return str(put["ETag"]) if put.get("ChecksumSHA256") == digest else None

    def put_bytes(self, key: str, content: bytes, *, replace: bool | str = False) -> str:
        condition = {"IfMatch": replace} if isinstance(replace, str) else {} if replace else _NEW
        metadata = {"sha256": hashlib.sha256(content).hexdigest(), "size": str(len(content))}
        return str(self._put(key, content, checksum(content), metadata, condition)["ETag"])

    def confirm(self, key: str, path: Path, sha256: str) -> bool:
        found = self._head(key)
        if found is None or found["ContentLength"] != path.stat().st_size:
            return False
        told = str(found.get("ChecksumSHA256", ""))
        if told and told.partition("-")[0] == self._sums.pop(sha256, None):
            return True
        right = is_content(path, sha256, told) if told else None
        if right is not None:
            return right
        if found["ETag"].strip('"') == digest_of(path, "md5"):
            return True
        return sha256_read_back(self, key) == sha256

    def get_file(self, key: str, file: BinaryIO) -> None:
        content, found = self._piece(key, f"bytes=0-{PART - 1}")
        file.write(content)
        # A server that knows no ranges has sent everything.
        total = int(found.get("ContentRange", "/0").rpartition("/")[2])
        writing = threading.Lock()

        def copy(part: Part) -> None:
            piece, _ = self._piece(key, part.range, found["ETag"])
            with writing:
                file.seek(part.offset)
                file.write(piece)

        list(self._parts.map(copy, [part for part in parts_of(total) if part.offset]))

    def get_bytes(self, key: str) -> tuple[bytes, ObjectInfo]:
        content, found = self._piece(key)
        return content, _info(key, found)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        asked: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix + prefix}
        if after:
            asked["StartAfter"] = self._prefix + after
        while True:
            page = self._called(prefix, lambda client: client.list_objects_v2(**asked))
            for found in page.get("Contents", ()):
                yield ObjectInfo(found["Key"].removeprefix(self._prefix), found["Size"], found["ETag"])
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, key: str) -> None:
        where = self._where(key)
        self._written(key, lambda client: client.delete_object(**where))

    def close(self) -> None:
        self._parts.shutdown(cancel_futures=True)
        self._session.close()

    def _where(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    def _head(self, key: str) -> dict[str, Any] | None:
        where = self._where(key)
        try:
            return cast(
                "dict[str, Any]", self._called(key, lambda client: client.head_object(**where, ChecksumMode="ENABLED"))
            )
        except MissingObject:
            return None

    def _piece(self, key: str, piece: str | None = None, etag: str | None = None) -> tuple[bytes, dict[str, Any]]:
        """The content of an object, or a range of it, and what S3 says of it.

        botocore tries again what fails before the answer has begun, but not what breaks off in its midst.
        """
        asked = {**self._where(key), **({"Range": piece} if piece else {}), **({"IfMatch": etag} if etag else {})}

        def read(client: Any) -> tuple[bytes, dict[str, Any]]:
            try:
                found = client.get_object(**asked)
            except ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":  # nothing has no first byte
                    return b"", {}
                raise
            return self._pace.read(found["Body"]), found

        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._called(key, read)
            except Unreachable:
                if attempt == _ATTEMPTS:
                    raise
        raise AssertionError(key)

    def _put(
        self, key: str, content: bytes, digest: str, metadata: dict[str, str], condition: dict[str, str]
    ) -> dict[str, Any]:
        """Stores what is small enough to be sent at once.

        Returns:
            What S3 says of it.
        """
        asked = {
            **self._where(key),
            **self._encryption,
            "Metadata": metadata,
            "ChecksumAlgorithm": "SHA256",
            "ChecksumSHA256": digest,
        }

        def put(client: Any, condition: dict[str, str]) -> dict[str, Any]:
            return cast("dict[str, Any]", client.put_object(**asked, **condition, Body=self._pace.sent(content)))

        return self._conditionally(key, condition, put)

    def _put_parts(self, key: str, path: Path, metadata: dict[str, str], condition: dict[str, str]) -> str | None:
        """Stores what is sent in parts.

        Returns:
            Its etag, if S3 says of each part that it checked it.
        """
        where = {**self._where(key), "ChecksumAlgorithm": "SHA256"}
        begun = self._written(
            key, lambda client: client.create_multipart_upload(**where, **self._encryption, Metadata=metadata)
        )
        upload = {**self._where(key), "UploadId": begun["UploadId"]}
        unchecked: list[Part] = []

        def sent(part: Part) -> dict[str, Any]:
            content = part.read(path)
            digest = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": checksum(content)}
            asked = {**upload, **digest, "PartNumber": part.number}
            told = self._written(key, lambda client: client.upload_part(**asked, Body=self._pace.sent(content)))
            if told.get("ChecksumSHA256") != asked["ChecksumSHA256"]:
                unchecked.append(part)
            return {"PartNumber": part.number, "ETag": told["ETag"], "ChecksumSHA256": asked["ChecksumSHA256"]}

        def finish(client: Any, condition: dict[str, str]) -> dict[str, Any]:
            finished = client.complete_multipart_upload(**upload, **condition, MultipartUpload={"Parts": parts})
            return cast("dict[str, Any]", finished)

        try:
            parts = list(self._parts.map(sent, parts_of(path.stat().st_size)))
            finished = self._conditionally(key, condition, finish)
        except BaseException:
            with contextlib.suppress(ObjectStoreProblem):  # S3 keeps the parts until the bucket's own rule removes them
                self._called(key, lambda client: client.abort_multipart_upload(**upload))
            raise
        if not unchecked:
            return str(finished["ETag"])
        self._sums[metadata["sha256"]] = composite(part["ChecksumSHA256"] for part in parts)
        return None

    def _conditionally(self, key: str, condition: dict[str, str], write: Callable[[Any, dict[str, str]], _T]) -> _T:
        """Writes under a condition, also to a server that has never heard of conditions.

        Raises:
            AlreadyThere: The condition does not hold.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                if not self._conditional:
                    self._check(key, condition)
                    return self._written(key, lambda client: write(client, {}))
                return self._written(key, lambda client: write(client, condition))
            except Unsupported:
                self._conditional = False
            except MissingObject as error:  # what was to be replaced
                raise AlreadyThere(error.place) from error
            except Conflict:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, 0.2 * 2**attempt))  # noqa: S311 - so that two do not meet again
        raise AssertionError(key)

    def _check(self, key: str, condition: dict[str, str]) -> None:
        found = self.head(key)
        expected = condition.get("IfMatch")
        if condition and (found.etag if found else None) != expected:
            raise AlreadyThere(f"{self.url}/{key}")

    def _written(self, key: str, call: Callable[[Any], _T]) -> _T:
        """As `_called`, for what changes the bucket."""
        try:
            return self._called(key, call)
        except Denied as denied:
            # Whoever may not even look has the wrong credentials; whoever may look, has those of a reader.
            next(self.list(key), None)
            raise ReadOnly(self.url, denied.detail) from denied

    def _called(self, key: str, call: Callable[[Any], _T]) -> _T:
        """What `call` returns, given a client whose credentials are as new as they can be.

        Raises:
            ObjectStoreProblem: It did not work.
        """
        place = f"{self.url}/{key}" if key else self.url
        try:
            client = self._session.client()
            try:
                return call(client)
            except ClientError as error:
                if not isinstance(problem_of(error, place), Refused) or not self._session.renewed(client):
                    raise
            return call(self._session.client())
        except (ClientError, BotoCoreError) as error:
            raise problem_of(error, place) from error


def _info(key: str, found: dict[str, Any]) -> ObjectInfo:
    return ObjectInfo(key, found["ContentLength"], found["ETag"], found.get("Metadata", {}).get("sha256"))
