"""Names of files that are no text: bytes that are not in the file system's encoding come as surrogates (PEP 383)."""

from __future__ import annotations


def is_legible(path: str) -> bool:
    """Whether `path` is text, which a message or JSON can hold."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


def legible(path: str) -> str:
    """`path` as it can be shown, with a mark for what is no text."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
