"""Large objects in parts, and the checksums that S3 makes of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

PART = 8 * 1024 * 1024
"""Bytes of a part; what is not larger is stored in one piece."""

_MOST_PARTS = 10_000


class Part(msgspec.Struct, frozen=True):
    """A piece of a file: its number, beginning with 1, where it begins, and its bytes' count."""

    number: int
    offset: int
    size: int

    @property
    def range(self) -> str:
        """As a request asks for it."""
        return f"bytes={self.offset}-{self.offset + self.size - 1}"

    def read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


def parts_of(size: int) -> Iterator[Part]:
    """The parts of a file of `size` bytes, always the same ones: S3 allows 10,000."""
    length = PART
    while length * _MOST_PARTS < size:
        length *= 2
    for number, offset in enumerate(range(0, size, length), start=1):
        yield Part(number, offset, min(length, size - offset))


def checksum(content: bytes) -> str:
    """sha256 as S3 writes it."""
    return encoded(hashlib.sha256(content).digest())


def encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def composite(checksums: Iterable[str]) -> str:
    """What S3 makes of the checksums of an object's parts."""
    return encoded(hashlib.sha256(b"".join(map(base64.b64decode, checksums))).digest())


def is_content(path: Path, sha256: str, told: str) -> bool | None:
    """Whether S3's checksum `told` is that of the file; None when it does not tell.

    Args:
        path: The file.
        sha256: Of the file.
        told: As S3 tells it: of the content, or of the parts' checksums. Behind a dash is the parts' count.
    """
    digest, dash, _ = told.partition("-")
    if digest == encoded(bytes.fromhex(sha256)):
        return True
    size = path.stat().st_size
    if size <= PART and not dash:
        return False
    # Others may have made other parts.
    return True if digest == composite(checksum(part.read(path)) for part in parts_of(size)) else None
