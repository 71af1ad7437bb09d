"""What is known of a verdict besides itself: what was before, what Metaflow has, where its files are, how it went."""

from __future__ import annotations

import msgspec

from mfenvd.domain.resolution import LockedPackage


class Stage(msgspec.Struct, frozen=True):
    """One thing that happened in the work on a verdict.

    Attributes:
        at: Seconds since the epoch.
        text: As a short phrase.
        done: Of `total` steps, when the stage was last heard of.
        total: None when it is not known.
    """

    at: float
    text: str
    done: int = 0
    total: int | None = None


class Before(msgspec.Struct, frozen=True):
    """An earlier resolution of the same step on the same arch; when it was settled, in seconds since the epoch."""

    packages: tuple[LockedPackage, ...]
    settled: float


class ManifestPackages(msgspec.Struct, frozen=True):
    """What Metaflow's manifest holds for one of its environments; the packages as far as their URLs say."""

    path: str
    id: str
    platform: str
    packages: tuple[LockedPackage, ...]


class History(msgspec.Struct, frozen=True):
    """What the daemon answers on `GET /v1/history`.

    Attributes:
        id: Of the verdict.
        previous: The resolution before the current one; None when none is known.
        manifests: What Metaflow has, one for each of its environments that rests on the verdict.
        places: Where each package's file is besides its index, by file name: of `cache`, `bucket`, `linked`.
        stages: What happened in the work on it since the daemon started, oldest first.
    """

    id: str
    previous: Before | None = None
    manifests: tuple[ManifestPackages, ...] = ()
    places: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    stages: tuple[Stage, ...] = ()
