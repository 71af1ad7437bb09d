"""Takes over environments that Metaflow made."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
from filelock import Timeout

from mfenvd.warm.census import census, problems
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.marker import Marker, write_marker


class Candidate(msgspec.Struct, frozen=True):
    """An environment that Metaflow made.

    Attributes:
        prefix: Absolute path.
        id: Metaflow's id.
        platform: As in its path.
        problems: Why it is not taken over, one phrase each; `mfenv repair` mends what it can.
    """

    prefix: str
    id: str
    platform: str
    problems: tuple[str, ...] = ()


def adopt(environments: LocalEnvironments, *, dry_run: bool = False) -> tuple[Candidate, ...]:
    """Takes over every environment of Metaflow's that is sound: from then on it is looked after like mfenv's own.

    Nothing in it changes but mfenv's note. Returns all that are not mfenv's yet.

    Raises:
        OSError: One of them cannot be written.
    """
    found = []
    for each in census(environments.registry):
        if each.marker is not None:
            continue
        prefix = Path(each.prefix)
        try:
            with environments.lock(each.id, each.platform, timeout=0):
                wrong = tuple(problems(prefix))
                if not wrong and not dry_run:
                    registry = str(environments.registry.file)
                    write_marker(prefix, Marker(each.id, each.platform, "", time.time(), registry, adopted=True))
        except Timeout:
            wrong = ("it is being made at this moment",)
        found.append(Candidate(each.prefix, each.id, each.platform, wrong))
    return tuple(found)
