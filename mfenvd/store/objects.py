"""What mfenv needs of an object store: S3, Azure Blob Storage and Google Cloud Storage all have it.

Everything blocks, may be called from several threads at once, and raises what `mfenvd/store/object_errors.py` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol, cast

import msgspec

from mfenvd.store.hashing import digest_of_stream


class ObjectInfo(msgspec.Struct, frozen=True):
    """What a store tells of one object.

    Attributes:
        key: Below the store's root.
        size: Bytes.
        etag: Changes with the content. Other than that it means something else in each store.
        sha256: Hex digits, as the uploader said; None when it said none. A listing never tells it.
    """

    key: str
    size: int
    etag: str
    sha256: str | None = None


class ObjectStore(Protocol):
    """Objects by key, below a root such as `s3://team/metaflow/conda`.

    An object is seen whole or not at all. Keys are plain text as they shall be in the bucket, without a leading slash;
    percent signs are not decoded.
    """

    @property
    def url(self) -> str:
        """The root, for people and for telling stores apart. No slash at its end, no credentials."""

    def head(self, key: str) -> ObjectInfo | None:
        """What the store has under `key`; None when nothing."""

    def put_file(self, key: str, path: Path, sha256: str, *, replace: bool = False) -> str | None:
        """Stores a file, its sha256 and size beside it; in parts if it is large.

        Where the store can, it checks the content itself before anybody sees it.

        Args:
            key: Where.
            path: What.
            sha256: Hex digits of the file's content.
            replace: Whether what is there may be replaced; else only where nothing is.

        Returns:
            Its etag, where the store says that it checked the content: as long as a listing shows that one, it is this
            file. None where only `confirm` can tell.

        Raises:
            AlreadyThere: Something is. It is not looked at.
        """

    def put_bytes(self, key: str, content: bytes, *, replace: bool | str = False) -> str:
        """Stores a small object.

        Args:
            key: Where.
            content: What.
            replace: False: only where nothing is. True: whatever is there. An etag: only what has that etag.

        Returns:
            Its etag.

        Raises:
            AlreadyThere: Something is, or something other than `replace` says.
        """

    def confirm(self, key: str, path: Path, sha256: str) -> bool:
        """Whether the store now has under `key` what the file at `path` is.

        Asks the store for its size and for a checksum that the store worked out itself. Where it has none, the object
        is read back.
        """

    def get_file(self, key: str, file: BinaryIO) -> None:
        """Writes an object's content to `file`, which is empty. Whether it is the right one is for the caller to check.

        Raises:
            MissingObject: Nothing is there.
        """

    def get_bytes(self, key: str) -> tuple[bytes, ObjectInfo]:
        """A small object.

        Raises:
            MissingObject: Nothing is there.
        """

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key begins with `prefix` and comes after `after`, in the order of their keys."""

    def delete(self, key: str) -> None:
        """Takes an object away; none being there is fine."""

    def close(self) -> None:
        """Gives connections and threads back."""


def sha256_read_back(store: ObjectStore, key: str) -> str:
    """Hex digits of the sha256 of an object's content, all of which is fetched for it.

    Raises:
        MissingObject: Nothing is there.
    """
    with TemporaryFile() as file:
        copy = cast("BinaryIO", file)
        store.get_file(key, copy)
        copy.seek(0)
        return digest_of_stream(copy, "sha256")
