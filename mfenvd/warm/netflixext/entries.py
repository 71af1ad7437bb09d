"""Ids and environments as metaflow-netflixext has them (1.3.17, `env_descr.py`), and what its environments hold."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mfenvd.domain.layouts import package_key
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.sharing import ENV_TYPES, Worded
from mfenvd.domain.target import Target
from mfenvd.warm.lines import CONDA_ARCHIVES, NotAnEntryError, conda_package_of, filename_of, linkable, wheel_of
from mfenvd.warm.netflixext.manifest import Entry, EnvId, Line
from mfenvd.warm.plan import LocalEnvironment

_WHEEL = ".whl"
_DIGEST = re.compile(r"[0-9a-f]+")
_FORMATS = (*CONDA_ARCHIVES, _WHEEL)
_Package = dict[str, Any]


class Origin(msgspec.Struct, frozen=True):
    """What an entry says of how it came about.

    Attributes:
        resolved_on: Local time in ISO format, without an offset.
        resolved_by: A user's name.
        archs: Those that it was resolved for together.
    """

    resolved_on: str
    resolved_by: str
    archs: tuple[str, ...]


def entry(asked: Worded, packages: Sequence[LockedPackage], kind: Kind, origin: Origin) -> Entry:
    """A resolved environment: wheels first, then conda packages in the order in which they can be linked.

    Args:
        asked: What was resolved.
        packages: All that is installed, the packages that the extension adds among them.
        kind: Of the request.
        origin: Who resolved it, and when.

    Raises:
        NotAnEntryError: A package has no hash of the kind that the extension checks, or is built here.
    """
    wheels = [package for package in linkable(packages) if package.kind is Kind.PYPI]
    conda = linkable([package for package in packages if package.kind is Kind.CONDA])
    return {
        **_said(asked),
        "packages": [_package(package) for package in (*wheels, *conda)],
        "resolved_on": origin.resolved_on,
        "resolved_by": origin.resolved_by,
        "resolved_archs": sorted(origin.archs),
        "env_type": ENV_TYPES[kind],
        "accurate_source": True,
        "full_id_unique_keys": {},
    }


def asked_again(entry: Entry, asked: Worded, base: EnvId) -> Entry:
    """The environment `base`, whose entry this is, as the answer to another request that it has all packages for."""
    by = f"{entry.get('resolved_by')} (compatible with {base.req}:{base.full})"
    return {**entry, **_said(asked), "resolved_by": by}


def full_id(entries: Mapping[str, Entry]) -> str:
    """The id of an environment's packages, 40 hex digits, the same for all archs that it was resolved for together.

    Args:
        entries: By arch.
    """
    if len(entries) == 1:
        ((arch, single),) = entries.items()
        return _digest([*_files(single), arch])
    return _digest(token for arch in sorted(entries) for token in (arch, *_files(entries[arch])))


def environment_of(full_id: str, arch: str, resolution: Resolution) -> LocalEnvironment:
    """What is to be laid out of an environment whose packages of both kinds `resolution` has."""

    def of(kind: Kind) -> Resolution:
        packages = tuple(package for package in resolution.packages if package.kind is kind)
        return Resolution(resolution.request, resolution.target, packages)

    return LocalEnvironment(full_id[:15], arch, of(Kind.CONDA), of(Kind.PYPI))


def resolution_of(entry: Entry, target: Target, request: str) -> Resolution:
    """What an entry holds, whoever wrote it.

    Raises:
        NotAnEntryError: A package is not described as the extension does, or neither a wheel nor a conda package.
    """
    packages = sorted((_locked(package) for package in entry["packages"]), key=lambda package: package.name)
    return Resolution(request, target, tuple(packages))


def uncached(entry: Entry) -> int:
    """How many packages the extension would look for in the datastore, and put there if they are missing."""
    return sum(not package.get("cache_info") for package in entry["packages"])


def with_cache_info(entry: Entry, cached: Collection[str]) -> Entry:
    """The entry with where its packages are cached, as far as their URLs are among `cached`."""
    return {**entry, "packages": [_with_cache_info(line, cached) for line in entry["packages"]]}


def _said(asked: Worded) -> Entry:
    tokens = [(category, value) for category, values in asked.deps.items() for value in values]
    return {
        "deps": [f"{category}::{value}" for category, value in sorted(tokens, key=lambda token: token[1])],
        "sources": [f"{category}::{value}" for category, values in asked.sources.items() for value in values],
        "extras": [f"{category}::{value}" for category, values in asked.extras.items() for value in values],
    }


def _package(package: LockedPackage) -> _Package:
    url = package.url.partition("#")[0]
    if package.built or url.startswith("git+"):
        raise NotAnEntryError(f"{package.name} is built here from {url}")
    ending = next((ending for ending in _FORMATS if package.filename.endswith(ending)), None)
    digest = package.md5 if package.kind is Kind.CONDA else package.sha256
    if ending is None:
        raise NotAnEntryError(f"{package.filename} is neither a wheel nor a conda package")
    if digest is None:
        raise NotAnEntryError(f"no {'md5' if package.kind is Kind.CONDA else 'sha256'} of {package.filename} is known")
    return {
        "_type": str(package.kind),
        "filename": package.filename.removesuffix(ending),
        "url": url,
        "url_format": ending,
        "hashes": {ending: digest},
    }


def _with_cache_info(line: _Package, cached: Collection[str]) -> _Package:
    if line.get("cache_info") or line["url"] not in cached:
        return line
    kind, ending = line["_type"], line["url_format"]
    key = package_key(Kind(kind), line["url"], f"{line['filename']}{ending}", line["hashes"][ending])
    return {**line, "cache_info": {ending: {"_type": kind, "url": key}}}


def _locked(line: Mapping[str, Any]) -> LockedPackage:
    try:
        known = msgspec.convert(line, Line)
    except msgspec.ValidationError as error:
        raise NotAnEntryError(f"a package of another form: {error}") from error
    digest = known.hashes.get(known.url_format)
    if digest is not None and _DIGEST.fullmatch(digest) is None:
        raise NotAnEntryError(f"{known.url} with a hash that is none")
    if known.kind == str(Kind.CONDA):
        return msgspec.structs.replace(conda_package_of(known.url, filename_of(known.url)), md5=digest)
    return msgspec.structs.replace(wheel_of(known.url, f"{known.filename}{_WHEEL}"), sha256=digest)


def _files(entry: Entry) -> list[str]:
    packages = sorted(entry["packages"], key=lambda package: str(package["filename"]))
    return [f"{package['filename']}#{package['hashes'].get(package['url_format'])}" for package in packages]


def _digest(tokens: Iterable[str]) -> str:
    return hashlib.sha1(" ".join(tokens).encode("ascii"), usedforsecurity=False).hexdigest()
