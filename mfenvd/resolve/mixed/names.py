"""What conda packages are called on the Python package index. Light to import."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

_DATE = re.compile(r"# date: (\d{4}-\d\d-\d\d)")


class Names(msgspec.Struct, frozen=True):
    """The names that differ, and the day on which they were as they are here.

    Attributes:
        table: Canonical names on the index by conda name; none where the package brings no distribution.
        date: `2026-11-22`.
    """

    table: dict[str, tuple[str, ...]]
    date: str

    def on_index(self, conda: str) -> tuple[str, ...]:
        """Canonical names of the distributions that conda package `conda` brings, if it is a Python package."""
        return self.table.get(conda, (canonicalize_name(conda),))

    def updated(self, newer: Names) -> Names:
        """With what `newer` knows besides: what stands here was looked at by a person."""
        return Names({**newer.table, **self.table}, max(self.date, newer.date))


_STORED = msgspec.json.Decoder(Names)


@lru_cache(maxsize=1)
def own_names() -> Names:
    """Those that mfenv itself knows."""
    text = resources.files(__package__).joinpath("names.txt").read_text("utf-8")
    date = _DATE.search(text)
    return Names(dict(_rows(text)), date[1] if date else "")


def known_names(cache_dir: Path) -> Names:
    """Those that were fetched last into mfenv's cache folder included; nobody is asked."""
    try:
        return own_names().updated(_STORED.decode(stored_names(cache_dir).read_bytes()))
    except (OSError, msgspec.MsgspecError):
        return own_names()


def stored_names(cache_dir: Path) -> Path:
    """Where fetched names are kept, as JSON of `Names`."""
    return cache_dir / "names" / "names.json"


def _rows(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in text.splitlines():
        conda, *names = line.partition("#")[0].split() or [""]
        if conda:
            yield conda, () if names == ["-"] else tuple(names)
