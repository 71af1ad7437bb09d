"""Names of conda packages that mfenv does not know by itself: fetched now and then, never while a resolve waits."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from packaging.utils import canonicalize_name

from mfenvd.atomic_write import write_atomically
from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.transport import Transport
from mfenvd.resolve.mixed.names import Names, stored_names

FRESH_FOR = 7 * 24 * 3600.0
"""Seconds after which fetched names are worth fetching again."""

_SHOWN = "of the names of conda packages"


def due_in(cache_dir: Path) -> float:
    """Seconds until fetching is worth while; not positive where it is now."""
    try:
        return stored_names(cache_dir).stat().st_mtime + FRESH_FOR - time.time()
    except OSError:
        return 0.0


def fetch_names(cache_dir: Path, url: str, transport: Transport) -> None:
    """Fetches names and keeps them.

    Args:
        cache_dir: mfenv's cache folder.
        url: Of the table that conda-lock uses.
        transport: Fetches.

    Raises:
        IndexProblem: There is no answer, or none that is such a table.
    """
    response = transport.get(url, index=_SHOWN)
    try:
        names = parse_names(msgspec.json.decode(response.content), _today())
    except ValueError as error:
        raise IndexUnreadable(_SHOWN, str(error)) from error
    stored = stored_names(cache_dir)
    stored.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(stored, msgspec.json.encode(names))


def parse_names(document: Any, date: str) -> Names:
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


def _today() -> str:
    return dt.datetime.now(dt.timezone.utc).date().isoformat()
