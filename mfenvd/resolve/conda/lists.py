"""Where package lists are, and when they were last asked for, as all processes note it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mfenvd.domain.file_urls import path_of_file_url

NOARCH = "noarch"

FRESH_FOR = 3600.0
"""Seconds for which a fetched package list is taken as it is."""

Place = tuple[str, str]
"""A channel's URL and a subdir."""


class Stamps:
    """When each list was last asked for.

    Args:
        folder: mfenv's folder for channels.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "asked"

    def of(self, place: Place) -> float | None:
        """In seconds since 1970; of a file of this machine when it was written. None when there is none."""
        file = self._file(place) if is_remote(place[0]) else _local_file(*place)
        with contextlib.suppress(OSError):
            return file.stat().st_mtime
        return None

    def is_fresh(self, place: Place, stamp: float | None, fresh_for: float = FRESH_FOR) -> bool:
        """Whether nobody need be asked for a list with this stamp: one of this machine is read as it is."""
        return not is_remote(place[0]) or (stamp is not None and seconds_from(stamp) < fresh_for)

    def write(self, place: Place) -> None:
        """That it was asked for now.

        Raises:
            OSError: That cannot be noted.
        """
        file = self._file(place)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file)

    def _file(self, place: Place) -> Path:
        return self._folder / hashlib.sha256("/".join(place).encode()).hexdigest()


def seconds_from(stamp: float) -> float:
    """How far from now a stamp is: also one of a time to come, as there are when a clock was wrong and is set back."""
    return abs(time.time() - stamp)


def places_of(channels: Iterable[str], subdirs: Sequence[str]) -> list[Place]:
    """Those of `subdirs` in each channel."""
    return [(channel, subdir) for channel in channels for subdir in subdirs]


def is_remote(channel: str) -> bool:
    """Whether a channel (a URL) is on another machine."""
    return urlsplit(channel).scheme != "file"


def _local_file(channel: str, subdir: str) -> Path:
    return path_of_file_url(channel) / subdir / "repodata.json"
