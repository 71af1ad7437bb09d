"""Azure Blob Storage, by Microsoft's own client: `mfenv[azure]`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from azure.core import MatchConditions
from azure.core import exceptions as azure
from azure.storage.blob import BlobServiceClient, ContentSettings

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

_PART = 8 * 1024 * 1024
_LOOK_FIRST = 1024 * 1024
_PARTS_AT_ONCE = 4
_OPTIONS = {
    "max_single_put_size": _PART, "max_block_size": _PART, "max_single_get_size": _PART, "max_chunk_get_size": _PART,
    "connection_timeout": 5, "read_timeout": 30, "retry_total": 2,
}  # fmt: skip
# Azure's words, and HTTP's numbers where an answer has no body.
_PLAIN: tuple[tuple[frozenset[object], Callable[[str], ObjectStoreProblem]], ...] = (
    (frozenset({"ContainerNotFound", "ContainerBeingDeleted"}), NoSuchBucket),
    (frozenset({409, 412}), AlreadyThere),
    (frozenset({404}), MissingObject),
    (frozenset({429, "ServerBusy", "TooManyRequests"}), SlowDown),
)
_DENIED = frozenset({"AuthorizationPermissionMismatch", "AuthorizationFailure", "InsufficientAccountPermissions"})


class AzureStore:
    """An ObjectStore in a container.

    Args:
        container: Its name.
        prefix: What all keys begin with, without a slash at its end; empty for the whole container.
        access: `endpoint` is the account's, as `https://ACCOUNT.blob.core.windows.net`.
        pace: The limit that it keeps to.
    """

    def __init__(self, container: str, prefix: str, access: Access, pace: Pace) -> None:
        self.url = f"az://{container}/{prefix}".rstrip("/")
        self._prefix, self._pace = f"{prefix}/" if prefix else "", pace
        self._container = _service(access).get_container_client(container)
        # Large files that this process sent: Azure checked each part of them, and works out no checksum of the whole.
        self._sent: set[str] = set()

    def head(self, key: str) -> ObjectInfo | None:
        try:
            found = self._called(key, self._blob(key).get_blob_properties)
        except MissingObject:
            return None
        return _info(key, found)

    def put_file(self, key: str, path: Path, sha256: str, *, replace: bool = False) -> str | None:
        size = path.stat().st_size
        # It costs a request, and saves sending what is there already.
        if size > _LOOK_FIRST and not replace and self.head(key) is not None:
            raise AlreadyThere(f"{self.url}/{key}")
        digest = bytes.fromhex(digest_of(path, "md5"))
        with path.open("rb") as file:
            body = self._pace.sending(file, size)
            self._upload(key, body, size, {"sha256": sha256, "size": str(size)}, digest, overwrite=replace)
        self._sent.add(f"{key} {sha256}")
        return None

    def put_bytes(self, key: str, content: bytes, *, replace: bool | str = False) -> str:
        metadata = {"sha256": hashlib.sha256(content).hexdigest(), "size": str(len(content))}
        digest = hashlib.md5(content, usedforsecurity=False).digest()
        options: dict[str, Any] = {"overwrite": bool(replace)}
        if isinstance(replace, str):
            options.update(etag=replace, match_condition=MatchConditions.IfNotModified)
        return str(self._upload(key, content, len(content), metadata, digest, **options)["etag"])

    def confirm(self, key: str, path: Path, sha256: str) -> bool:
        try:
            found = self._called(key, self._blob(key).get_blob_properties)
        except MissingObject:
            return False
        if found.size != path.stat().st_size:
            return False
        told = found.content_settings.content_md5
        # Of what came in one piece Azure checked the hash, and of what came in parts whoever sent it says what it is.
        if told and (found.size <= _PART or f"{key} {sha256}" in self._sent):
            return bytes(told).hex() == digest_of(path, "md5")
        return sha256_read_back(self, key) == sha256

    def get_file(self, key: str, file: BinaryIO) -> None:
        def download() -> None:
            file.seek(0)
            for chunk in self._blob(key).download_blob(max_concurrency=_PARTS_AT_ONCE).chunks():
                self._pace.spend(len(chunk))
                file.write(chunk)

        self._called(key, download)

    def get_bytes(self, key: str) -> tuple[bytes, ObjectInfo]:
        def download() -> tuple[bytes, ObjectInfo]:
            found = self._blob(key).download_blob()
            return found.readall(), _info(key, found.properties)

        return self._called(key, download)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        # Older servers cannot begin in the middle.
        pages = self._container.list_blobs(name_starts_with=self._prefix + prefix)
        while (found := self._called("", lambda: next(pages, None))) is not None:
            key = found.name.removeprefix(self._prefix)
            if key > after:
                yield ObjectInfo(key, found.size, found.etag)

    def delete(self, key: str) -> None:
        try:
            self._written(key, self._blob(key).delete_blob)
        except MissingObject:
            return

    def close(self) -> None:
        self._container.close()

    def _blob(self, key: str) -> Any:
        return self._container.get_blob_client(self._prefix + key)

    def _upload(
        self, key: str, body: bytes | BinaryIO, size: int, metadata: dict[str, str], digest: bytes, **options: Any
    ) -> dict[str, Any]:
        """Sends it; Azure checks each request's checksum."""
        options |= {"length": size, "metadata": metadata, "content_settings": ContentSettings(content_md5=digest)}
        blob = self._blob(key)

        def upload() -> dict[str, Any]:
            return dict(blob.upload_blob(body, validate_content=True, max_concurrency=_PARTS_AT_ONCE, **options))

        try:
            return self._written(key, upload)
        except MissingObject as error:  # what was to be replaced
            raise AlreadyThere(error.place) from error

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
        except azure.AzureError as error:
            raise _problem(error, f"{self.url}/{key}" if key else self.url) from error


def _service(access: Access) -> Any:
    """The account's client, with the credentials that Microsoft's own tools would use."""
    if access.endpoint is None and (told := os.environ.get("AZURE_STORAGE_CONNECTION_STRING")):
        return BlobServiceClient.from_connection_string(told, **_OPTIONS)
    account = access.endpoint or os.environ.get("AZURE_STORAGE_BLOB_SERVICE_ENDPOINT")
    if not account:
        raise Refused("az://", "neither an endpoint nor AZURE_STORAGE_CONNECTION_STRING says which account it is")
    credential: Any = os.environ.get("AZURE_STORAGE_KEY")
    if not credential:
        from azure.identity import DefaultAzureCredential

        credential = DefaultAzureCredential()
    return BlobServiceClient(account, credential=credential, **_OPTIONS)


def _problem(error: Exception, place: str) -> ObjectStoreProblem:
    """What Azure's client raised, as the causes that mfenv tells apart."""
    code = str(getattr(error, "error_code", "") or "")
    status = getattr(error, "status_code", None)
    detail = code or str(error).partition("\n")[0].rstrip(".")
    for codes, plain in _PLAIN:
        if code in codes or status in codes:
            return plain(place)
    if code in _DENIED:
        return Denied(place, detail)
    if isinstance(error, azure.ClientAuthenticationError) or status in {401, 403}:
        expired = "expired" in str(error).lower()
        return CredentialsExpired(place, detail) if expired else Refused(place, detail)
    return Unreachable(place, detail)


def _info(key: str, found: Any) -> ObjectInfo:
    return ObjectInfo(key, found.size, found.etag, (found.metadata or {}).get("sha256"))
