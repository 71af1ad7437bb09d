"""What lies on this machine for a verdict: Metaflow's manifest, and the files of its packages. Blocking."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator

import msgspec

from mfenvd.domain.history import ManifestPackages
from mfenvd.domain.identity import Identity
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.store.archives import ArchiveStore
from mfenvd.warm.core.entries import resolution_of
from mfenvd.warm.core.manifest import ManifestError, find, manifest_path, read
from mfenvd.warm.lines import NotAnEntryError

_log = logging.getLogger(__name__)


class Subject(msgspec.Struct, frozen=True):
    """What is looked up.

    Attributes:
        packages: The verdict's.
        target: The verdict's.
        identities: Metaflow's environments that rest on it.
        state: How far the verdict is.
    """

    packages: tuple[LockedPackage, ...]
    target: Target
    identities: tuple[Identity, ...]
    state: State


class Found(msgspec.Struct, frozen=True):
    """As in `History`."""

    manifests: tuple[ManifestPackages, ...]
    places: dict[str, tuple[str, ...]]


def look(subject: Subject, store: ArchiveStore) -> Found:
    """What Metaflow has of `subject`, and where the files of its packages are besides their index."""
    manifests: list[ManifestPackages] = []
    mirrored: set[str] = set()
    kinds = sorted({package.kind for package in subject.packages})
    for identity in subject.identities:
        for held, paths in _held(identity, subject.target, kinds):
            manifests.append(held)
            mirrored |= paths
    linked = subject.state is State.WARM and any(one.needs_local_environment for one in subject.identities)
    places = {package.filename: tuple(_places(package, store, mirrored, linked=linked)) for package in subject.packages}
    return Found(tuple(manifests), {name: found for name, found in places.items() if found})


def _places(package: LockedPackage, store: ArchiveStore, mirrored: Collection[str], *, linked: bool) -> Iterator[str]:
    if store.has(package):
        yield "cache"
    if package.url in mirrored:
        yield "bucket"
    if linked:
        yield "linked"


def _held(identity: Identity, target: Target, kinds: Iterable[Kind]) -> Iterator[tuple[ManifestPackages, set[str]]]:
    """What the manifest holds for where the steps run, and which of its URLs are known to be in the datastore.

    Of `kinds` alone: beside the wheels of a `@pypi` step there is the Python that they go into.
    """
    path = manifest_path(identity.local_root, identity.flow)
    try:
        content = read(path)
        lines = [(kind, find(content, identity.id, identity.platform, kind) or []) for kind in kinds]
        packages = [one for kind, found in lines for one in resolution_of(found, kind, target, identity.id).packages]
    except (ManifestError, NotAnEntryError) as error:
        _log.warning("%s", error)
        return
    if packages:
        mirrored = {str(line.get("url")).partition("#")[0] for _, found in lines for line in found if "path" in line}
        yield ManifestPackages(str(path), identity.id, identity.platform, tuple(packages)), mirrored
