"""A package of a resolution in the making."""

from __future__ import annotations

import msgspec
from packaging.version import Version

from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.pypi.compiled import Pinned


class Beyond(msgspec.Struct, frozen=True, array_like=True):
    """Wheels of a package that need a newer GLIBC than the target has.

    Attributes:
        newer: Of the newest version that only the GLIBC keeps from the target; None when there is none above the
            chosen one.
        picked: What Metaflow would take of what the request admits; None when it is one that works.
    """

    newer: DistFile | None = None
    picked: DistFile | None = None


class Chosen(msgspec.Struct, frozen=True):
    """What uv says of a package, the file that the target gets, and what a newer GLIBC would change."""

    pinned: Pinned
    file: DistFile
    beyond: Beyond = Beyond()

    @property
    def name(self) -> str:
        return self.pinned.name

    @property
    def version(self) -> Version:
        return self.file.parsed_version
