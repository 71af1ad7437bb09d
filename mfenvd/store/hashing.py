"""Hashes of files' contents."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Literal

_CHUNK = 1024 * 1024


def sha256_of(path: Path) -> str:
    """Hex digits of the file's sha256."""
    return digest_of(path, "sha256")


def digest_of(path: Path, algorithm: Literal["md5", "sha256"]) -> str:
    """Hex digits of the file's hash."""
    with path.open("rb") as file:
        return digest_of_stream(file, algorithm)


def digest_of_stream(file: BinaryIO, algorithm: Literal["md5", "sha256"]) -> str:
    """Hex digits of what is left to read in `file`."""
    digest = hashlib.new(algorithm, usedforsecurity=algorithm == "sha256")
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()
