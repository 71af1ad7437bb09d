"""What lies on this machine for a verdict: Metaflow's manifest, and the files of its packages. Blocking."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from mfenvd.domain.history import ManifestPackages
from mfenvd.domain.identity import AnyIdentity, Identity, RequestIdentity
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.store.archives import ArchiveStore
from mfenvd.warm.core.entries import resolution_of
from mfenvd.warm.core.manifest import ManifestError, find, manifest_path, read
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.netflixext import manifest as conda_v2
from mfenvd.warm.netflixext.entries import resolution_of as entry_packages

_Held = tuple[ManifestPackages, set[str]]

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
    identities: tuple[AnyIdentity, ...]
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


def _held(identity: AnyIdentity, target: Target, kinds: Collection[Kind]) -> Iterator[_Held]:
    """What the manifest holds for where the steps run, and which of its URLs are known to be in the datastore.

    Of `kinds` alone: beside the wheels of a `@pypi` step there is the Python that they go into.
    """
    if isinstance(identity, Identity):
        return _held_by_core(identity, target, kinds)
    return _held_by_extension(identity, target, kinds)


def _held_by_core(identity: Identity, target: Target, kinds: Collection[Kind]) -> Iterator[_Held]:
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


def _held_by_extension(identity: RequestIdentity, target: Target, kinds: Collection[Kind]) -> Iterator[_Held]:
    try:
        manifest = conda_v2.read(Path(identity.manifest))
        id_ = manifest.default(identity.arch, identity.id)
        entry = manifest.entry(id_) if id_ is not None else None
        if id_ is None or entry is None:
            return
        held = entry_packages(entry, target, identity.id).packages
    except (ManifestError, NotAnEntryError) as error:
        _log.warning("%s", error)
        return
    mirrored = {str(line["url"]) for line in entry["packages"] if line.get("cache_info")}
    packages = tuple(package for package in held if package.kind in kinds)
    yield ManifestPackages(identity.manifest, identity.id, identity.arch, packages), mirrored
