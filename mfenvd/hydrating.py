"""Environments made of what a bucket holds and nothing else, as a remote task makes them.

What comes out of a bucket is trusted as far as the task trusts it: it is held against the hash that is known for it, or
that travels with it. So nothing of it gets into the stores that other environments are made of: hydrated environments
have their own.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from filelock import FileLock, Timeout

from mfenvd.buckets import remotes_of
from mfenvd.domain.alias import Alias, AliasKind
from mfenvd.domain.arch import Arch
from mfenvd.domain.layouts import alias_key, core_key, environment_key, extension_key_of, full_id_key
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.target import Target
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.bucket_findings import bucket_finding
from mfenvd.store.errors import DownloadError, StoreProblem
from mfenvd.store.findings import finding_of
from mfenvd.store.object_errors import MissingObject, ObjectStoreProblem
from mfenvd.warm.building import Builder, extracted_folder
from mfenvd.warm.core import manifest
from mfenvd.warm.extracted import trim_extracted
from mfenvd.warm.lines import NotAnEntryError, conda_package_of, filename_of, wheel_of
from mfenvd.warm.marker import holds, last_wanted, mark_made, read_marker, stamp
from mfenvd.warm.netflixext.alias_files import read_ids
from mfenvd.warm.netflixext.entries import environment_of, resolution_of
from mfenvd.warm.netflixext.manifest import is_entry, is_id
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report, disk_refusals
from mfenvd.warm.processes import is_in_use
from mfenvd.warm.trash import discard, empty_trash


class Described(msgspec.Struct, frozen=True):
    """An environment, and where its packages are.

    Attributes:
        id: As Metaflow calls it.
        environment: What is to be laid out.
        bucket: Where its packages are.
        keys: Theirs, by URL.
    """

    id: str
    environment: LocalEnvironment
    bucket: Bucket
    keys: dict[str, str]


def described_by_core(content: Mapping[str, Any], id_: str, arch: Arch, bucket: Bucket) -> Described | None:
    """What a flow's manifest says of an environment; None where it is not for `arch`.

    Raises:
        NotAnEntryError: A line does not say what it is, or the id is none: it becomes part of a path.
    """
    if not is_id(id_):
        raise NotAnEntryError(f"{id_} is no environment's id")
    conda = manifest.find(content, id_, arch, "conda")
    if conda is None:
        return None
    wheels = manifest.find(content, id_, arch, "pypi")
    lines = [*conda, *(wheels or ())]
    target, keys = Target(arch, "3"), {str(line["url"]): _core_key(line) for line in lines if "url" in line}
    environment = LocalEnvironment(
        id_,
        arch,
        Resolution(id_, target, tuple(_package(line, Kind.CONDA) for line in conda)),
        None if wheels is None else Resolution(id_, target, tuple(_package(line, Kind.PYPI) for line in wheels)),
    )
    return Described(id_, environment, bucket, keys)


def described_in_bucket(alias: Alias, arch: Arch, bucket: Bucket) -> Described | None:
    """What metaflow-netflixext's part of a bucket says of an environment; None where it does not know it for `arch`.

    Raises:
        ObjectStoreProblem: The bucket cannot be read.
        NotAnEntryError: What it says cannot be read.
    """
    store = remotes_of(bucket)[bucket.url].store()
    try:
        ids = _ids(alias) or read_ids(store.get_bytes(_alias_key(alias))[0])
        entry: Any = msgspec.json.decode(store.get_bytes(environment_key(arch, *ids))[0]) if ids is not None else None
    except MissingObject:
        return None
    except msgspec.DecodeError:
        entry = None
    if ids is None or not is_entry(entry):
        raise NotAnEntryError(f"what {bucket.url} holds of {alias}")
    resolution = resolution_of(entry, Target(arch, "3"), ids[0])
    keys = {package.url: extension_key_of(package) for package in resolution.packages}
    return Described(":".join(ids), environment_of(ids[1], arch, resolution), bucket, keys)


def hydrate(described: Described, folder: Path, report: Report, *, trusted: bool) -> Path:
    """Makes the environment below `folder`, or finds it there whole.

    Args:
        described: Which.
        folder: Where hydrated environments are, and what they are linked from.
        report: Is told how it goes.
        trusted: Whether packages may run scripts of their own while they are linked.

    Returns:
        Where it is.

    Raises:
        NotMadeError: The bucket does not have all of it, or it cannot be laid out.
    """
    wanted = described.environment
    prefix = folder / wanted.platform / described.id.replace(":", "-")
    with disk_refusals(folder), _lock(folder, wanted.platform, prefix.name):
        if holds(prefix, wanted):
            stamp(prefix)
            return prefix
        if prefix.exists():
            discard(prefix, folder)
        files = _BucketFiles(described.bucket, described.keys, folder)
        try:
            Builder(folder, files, trusted=trusted).fill(prefix, wanted, report)
        except BaseException:
            shutil.rmtree(prefix, ignore_errors=True)
            raise
        mark_made(prefix, wanted)
    return prefix


def hydrated_folder(cache_dir: str) -> Path:
    """Where hydrated environments are unless somebody says otherwise."""
    return Path(cache_dir) / "hydrated"


def forget_hydrated(folder: Path, oldest: float) -> tuple[str, ...]:
    """Removes the hydrated environments below `folder` that nobody wanted or used since `oldest`; what it removed.

    What they were made of goes, too, unless it was used lately: another one may be in the making.

    Args:
        folder: As for `hydrate`.
        oldest: Seconds since the epoch.
    """
    empty_trash(folder)
    removed = []
    for prefix in [prefix for prefix in folder.glob("*/*") if read_marker(prefix) is not None]:
        with contextlib.suppress(Timeout), _lock(folder, prefix.parent.name, prefix.name, timeout=0):
            if last_wanted(prefix) < oldest and not is_in_use(prefix):
                discard(prefix, folder)
                removed.append(str(prefix))
    if removed:
        ArchiveStore(store_folder(str(folder))).trim(0)
        trim_extracted(extracted_folder(folder), (), oldest)
    return tuple(removed)


@contextlib.contextmanager
def _lock(folder: Path, platform: str, name: str, timeout: float = -1) -> Iterator[None]:
    """One process at a time works on an environment."""
    locks = folder / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{platform}-{name}.lock", timeout=timeout):
        yield


class _BucketFiles:
    """What `warm.plan.Archives` promises, out of a bucket alone."""

    def __init__(self, bucket: Bucket, keys: Mapping[str, str], folder: Path) -> None:
        self._bucket, self._keys = bucket, keys
        self._store = ArchiveStore(store_folder(str(folder)))

    def fetch(self, package: LockedPackage) -> Path:
        """The archive or wheel.

        Raises:
            NotMadeError: The bucket does not have it.
        """
        key = self._keys[package.url]
        there = msgspec.structs.replace(package, url=f"{self._bucket.url}/{key}")
        try:
            return self._store.fetch(self._checked(there, key), lambda _, file: self._download(key, file))
        except StoreProblem as problem:
            raise NotMadeError(finding_of(problem)) from problem
        except ObjectStoreProblem as problem:
            raise NotMadeError(bucket_finding(self._bucket.url, problem)) from problem

    def _checked(self, package: LockedPackage, key: str) -> LockedPackage:
        """With the hash that travels with the object, where no other is known."""
        if package.sha256 is not None or package.md5 is not None:
            return package
        found = remotes_of(self._bucket)[self._bucket.url].store().head(key)
        return msgspec.structs.replace(package, sha256=found.sha256 if found else None)

    def _download(self, key: str, file: BinaryIO) -> None:
        try:
            remotes_of(self._bucket)[self._bucket.url].store().get_file(key, file)
        except ObjectStoreProblem as problem:
            raise DownloadError(str(problem)) from problem


def _package(line: Mapping[str, Any], kind: Kind) -> LockedPackage:
    url = line.get("url")
    if not isinstance(url, str):
        raise NotAnEntryError("a package without a URL")
    # Of what was built, only the file in the datastore has a wheel's name.
    filename = filename_of(_core_key(line)) if line.get("require_build") else filename_of(url)
    return conda_package_of(url, filename) if kind is Kind.CONDA else wheel_of(url, filename)


def _core_key(line: Mapping[str, Any]) -> str:
    """Where a package is, also while its manifest does not say that it is there."""
    return str(line.get("path") or core_key(str(line["url"]), filename_of(str(line["url"]))))


def _ids(alias: Alias) -> tuple[str, str] | None:
    """The ids that an alias spells out."""
    if alias.kind is not AliasKind.IDS:
        return None
    request, _, full = alias.name.partition(":")
    return request, full


def _alias_key(alias: Alias) -> str:
    return full_id_key(alias.name) if alias.kind is AliasKind.ID else alias_key(alias.key)


def core_ids(contents: Sequence[Mapping[str, Any]], arch: Arch) -> Iterator[str]:
    """The environments of flows' manifests that are for `arch`."""
    for content in contents:
        yield from (id_ for id_ in content if manifest.find(content, id_, arch, "conda") is not None)
