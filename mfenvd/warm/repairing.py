"""Finds and mends what an interrupted start of Metaflow leaves (metaflow #2232).

micromamba registers an environment before it links anything into it, and Metaflow takes every registered environment
for finished: once interrupted, all later runs fail in the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from filelock import Timeout

from mfenvd.domain.finding import Finding
from mfenvd.warm import findings
from mfenvd.warm.census import census, problems
from mfenvd.warm.environments import LocalEnvironments
from mfenvd.warm.lines import stem
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report
from mfenvd.warm.processes import is_in_use

Known = Mapping[tuple[str, str], LocalEnvironment]
"""What manifests say of environments, by id and platform."""


class Repaired(msgspec.Struct, frozen=True):
    """An unfinished environment and what became of it.

    Attributes:
        prefix: Absolute path, where it was.
        id: Metaflow's id.
        platform: As in its path.
        finding: What is wrong with it.
        removed: Whether it is gone: Metaflow makes it anew, if mfenv did not.
        made: Where it was made anew; None where it was not, as nothing says what belongs into it.
        reason: Why it stays, or why it was not made anew.
    """

    prefix: str
    id: str
    platform: str
    finding: Finding
    removed: bool = False
    made: str | None = None
    reason: Finding | None = None


def repair(
    environments: LocalEnvironments, known: Known, report: Report, *, dry_run: bool = False
) -> tuple[Repaired, ...]:
    """Removes every registered environment that is not whole, and makes it anew where `known` says of what.

    What is in use stays, as does everything with `dry_run`.

    Raises:
        OSError: One of them cannot be removed.
    """
    if not dry_run:
        environments.sweep()
    repaired = []
    for found in census(environments.registry):
        wanted = known.get((found.id, found.platform))
        conda = None if wanted is None else [stem(package.filename) for package in wanted.conda.packages]
        wrong = tuple(problems(Path(found.prefix), conda))
        if wrong:
            unfinished = Repaired(found.prefix, found.id, found.platform, findings.unfinished(found.prefix, wrong))
            repaired.append(unfinished if dry_run else _mended(environments, unfinished, wanted, report))
    return tuple(repaired)


def _mended(
    environments: LocalEnvironments, unfinished: Repaired, wanted: LocalEnvironment | None, report: Report
) -> Repaired:
    prefix = Path(unfinished.prefix)
    busy = msgspec.structs.replace(unfinished, reason=findings.made_elsewhere(unfinished.id, unfinished.prefix))
    if is_in_use(prefix):
        return busy
    try:
        with environments.lock(unfinished.id, unfinished.platform, timeout=0):
            environments.discard(prefix)
    except Timeout:
        return busy
    removed = msgspec.structs.replace(unfinished, removed=True)
    if wanted is None:
        return removed
    try:
        return msgspec.structs.replace(removed, made=str(environments.create(wanted, report)))
    except NotMadeError as error:
        return msgspec.structs.replace(removed, reason=error.finding)
