"""Names that mfenv does not know by itself: fetched now and then, and never waited for by a resolve."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.transport import Transport
from mfenvd.resolve.mixed.names import Names, own_names

FRESH_FOR = 7 * 24 * 3600.0
"""Seconds after which fetched names are worth fetching again."""

_SHOWN = "of the names of conda packages"

_STORED = msgspec.json.Decoder(Names)


class FreshNames:
    """The names, those that were fetched last included.

    Args:
        cache_dir: mfenv's cache folder.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._stored = cache_dir / "names" / "names.json"

    def current(self) -> Names:
        """What is known now, without asking anybody."""
        try:
            return own_names().updated(_STORED.decode(self._stored.read_bytes()))
        except (OSError, msgspec.MsgspecError):
            return own_names()

    def due_in(self) -> float:
        """Seconds until fetching is worth while; not positive where it is now."""
        try:
            return self._stored.stat().st_mtime + FRESH_FOR - time.time()
        except OSError:
            return 0.0

    def fetch(self, url: str, transport: Transport) -> None:
        """Fetches names and keeps them.

        Args:
            url: Of the table that conda-lock uses.
            transport: Fetches.

        Raises:
            IndexProblem: There is no answer, or none that is such a table.
        """
        response = transport.get(url, index=_SHOWN)
        try:
            names = parse(msgspec.json.decode(response.content), today())
        except ValueError as error:
            raise IndexUnreadable(_SHOWN, str(error)) from error
        self._keep(msgspec.json.encode(names))

    def _keep(self, content: bytes) -> None:
        self._stored.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self._stored.parent, suffix=".tmp", delete=False) as file:
            file.write(content)
        Path(file.name).replace(self._stored)


def today() -> str:
    return dt.datetime.now(dt.timezone.utc).date().isoformat()


def parse(document: Any, date: str) -> Names:
    """Names out of the table that conda-lock uses: `{name on the index: {"conda_name": …, "pypi_name": …}}`.

    Raises:
        ValueError: It is something else.
    """
    try:
        conda_names = {str(canonicalize_name(entry["pypi_name"])): entry["conda_name"] for entry in document.values()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("no table of names") from error
    if not all(isinstance(conda, str) for conda in conda_names.values()):
        raise ValueError("no table of names")
    return Names(_differing(conda_names), date)


def _differing(conda_names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """By conda name, without those that bring what they are called themselves."""
    found: dict[str, tuple[str, ...]] = {}
    for name, conda in sorted(conda_names.items()):
        own = canonicalize_name(conda)
        if name != own and conda_names.get(own) != conda:
            found[conda] = (*found.get(conda, ()), name)
    return found
