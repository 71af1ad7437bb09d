"""What differs between two sets of locked packages."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec
from packaging.version import InvalidVersion, Version

from mfenvd.domain.resolution import LockedPackage


class How(str, Enum):
    """What became of a package; `other file` is the same version from another wheel, build or place."""

    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    CHANGED = "changed"
    OTHER_FILE = "other file"

    def __str__(self) -> str:
        return self.value


class Change(msgspec.Struct, frozen=True):
    """One package that is not the same; `before` or `after` is None where it was not, or is not any more."""

    name: str
    how: How
    before: LockedPackage | None = None
    after: LockedPackage | None = None


def changes(before: Iterable[LockedPackage], after: Iterable[LockedPackage]) -> tuple[Change, ...]:
    """What differs, by name: packages of conda and of PyPI with the same name are two."""
    old = {(package.name, package.kind): package for package in before}
    new = {(package.name, package.kind): package for package in after}
    found = (_change(old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys()))
    return tuple(change for change in found if change is not None)


def _change(old: LockedPackage | None, new: LockedPackage | None) -> Change | None:
    if old is None:
        return None if new is None else Change(new.name, How.ADDED, None, new)
    if new is None:
        return Change(old.name, How.REMOVED, old, None)
    if old.version != new.version:
        return Change(new.name, _direction(old.version, new.version), old, new)
    # Hashes are not always known; another index with the same file makes no difference.
    same = old.filename == new.filename and (old.sha256 or new.sha256) == (new.sha256 or old.sha256)
    return None if same else Change(new.name, How.OTHER_FILE, old, new)


def _direction(old: str, new: str) -> How:
    try:
        return How.UPGRADED if Version(old) < Version(new) else How.DOWNGRADED
    except InvalidVersion:
        return How.CHANGED
