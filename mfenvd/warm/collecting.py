"""Removes environments that nobody has wanted for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from filelock import Timeout

from mfenvd.warm.census import census
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.marker import GRACE, last_wanted
from mfenvd.warm.processes import is_in_use


class Idle(msgspec.Struct, frozen=True):
    """An environment that nobody wants.

    Attributes:
        prefix: Absolute path.
        id: Metaflow's id.
        platform: As in its path.
        last_wanted: Seconds since the epoch.
        in_use: Whether it stays for now, as a process runs in it.
    """

    prefix: str
    id: str
    platform: str
    last_wanted: float
    in_use: bool = False


class Collected(msgspec.Struct, frozen=True):
    """What was removed, or would be.

    Attributes:
        idle: Environments, those included that stay as they are in use.
        interrupted: Prefixes that an interrupted build left.
    """

    idle: tuple[Idle, ...] = ()
    interrupted: tuple[str, ...] = ()


def collect(environments: LocalEnvironments, grace: float = GRACE, *, dry_run: bool = False) -> Collected:
    """Removes the environments that mfenv made or adopted and that nobody has wanted or used for `grace` seconds.

    Environments that Metaflow made stay, unless they were adopted; so does what is in use.

    Raises:
        OSError: One of them cannot be removed.
    """
    interrupted = environments.unfinished() if dry_run else environments.sweep()
    found = []
    for idle in _idle(environments, time.time() - grace):
        in_use = is_in_use(Path(idle.prefix))
        if not in_use and not dry_run:
            in_use = not _removed(environments, idle)
        found.append(msgspec.structs.replace(idle, in_use=in_use))
    return Collected(tuple(found), tuple(map(str, interrupted)))


def _idle(environments: LocalEnvironments, oldest: float) -> Iterator[Idle]:
    for found in census(environments.registry):
        wanted = last_wanted(Path(found.prefix))
        if found.marker is not None and wanted < oldest:
            yield Idle(found.prefix, found.id, found.platform, wanted)


def _removed(environments: LocalEnvironments, idle: Idle) -> bool:
    """Removes it unless somebody is at work on it, or wanted it meanwhile."""
    prefix = Path(idle.prefix)
    try:
        with environments.lock(idle.id, idle.platform, timeout=0):
            if last_wanted(prefix) > idle.last_wanted:
                return False
            environments.discard(prefix)
            return True
    except Timeout:
        return False
