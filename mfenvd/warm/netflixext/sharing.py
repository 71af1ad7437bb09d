"""Environments in the datastore of metaflow-netflixext: what is put there, and which of those of others are taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from mfenvd.domain.mirror import Bucket
from mfenvd.domain.resolution import LockedPackage
from mfenvd.warm.netflixext.manifest import EnvId, Wanted, is_entry, is_id
from mfenvd.warm.plan import Report

NOBODYS, OWN, ANYBODYS = ":none:", ":username:", ":any:"
"""Values of `CONDA_USE_REMOTE_LATEST` besides names separated by commas."""


class ExtensionDatastore(Protocol):
    """The extension's datastore, as far as packages and environments go.

    Attributes:
        bucket: Where uploads are queued for; None where what is offered is there at once.
    """

    @property
    def bucket(self) -> Bucket | None: ...

    def confirmed(self, packages: Iterable[LockedPackage]) -> frozenset[str]:
        """URLs of those that the datastore is known to have."""
        ...

    def offer(self, packages: Sequence[LockedPackage], report: Report) -> None:
        """Has them put there.

        Raises:
            NotMadeError: One cannot be had, or the datastore refuses.
        """
        ...

    def record(self, id_: EnvId, entry: dict[str, Any]) -> None:
        """Lets others find an environment whose packages are there.

        Raises:
            NotMadeError: The datastore refuses.
        """
        ...

    def environments(self, arch: str, req: str) -> Iterator[tuple[EnvId, Any]]:
        """What anybody resolved for a request."""
        ...


def newest(found: Iterable[tuple[EnvId, Any]], whose: str, user: str) -> Wanted | None:
    """The environment that was resolved last; None where there is none of the right people.

    Args:
        found: Environments as they are described in the datastore.
        whose: As `CONDA_USE_REMOTE_LATEST` says.
        user: Who asks.
    """
    names = {name.strip() for name in whose.split(",")}
    right = [
        (str(entry.get("resolved_on", "")), id_, entry)
        for id_, entry in found
        if is_id(id_.full) and is_entry(entry) and _is_wanted(str(entry.get("resolved_by")), whose, user, names)
    ]
    if not right:
        return None
    _, id_, entry = max(right, key=lambda one: one[:2])
    return Wanted(id_, entry)


def _is_wanted(by: str, whose: str, user: str, names: set[str]) -> bool:
    if whose == ANYBODYS:
        return True
    return by == user if whose == OWN else by in names
