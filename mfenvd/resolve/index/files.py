"""One file of an index, as a value."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Literal

import msgspec
from packaging.tags import Tag
from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import InvalidVersion, Version

Kind = Literal["wheel", "sdist"]

# What pip takes for a source distribution.
_SDIST_SUFFIXES = (
    ".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar", ".tbz", ".txz", ".tlz", ".tar.lz", ".tar.lzma",
)  # fmt: skip


class DistFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A wheel or a source distribution that an index lists.

    Attributes:
        name: Canonical name of the package (PEP 503).
        version: As the filename says it, not normalized; `parsed_version` compares.
        filename: Its last path component.
        url: Where it is: http(s) or `file://`, without credentials and without a fragment.
        kind: `wheel` or `sdist`.
        index: The index, page or folder that lists it, without credentials.
        sha256: Hex digits; None where the index gives none.
        size: Bytes; None where the index gives none (HTML pages never do).
        requires_python: The index's word on `Requires-Python`; None where it has none.
        yanked: Why it was withdrawn (PEP 592), empty when no reason is given; None when it was not.
        has_metadata: Whether `metadata_url` serves its METADATA (PEP 658).
        metadata_sha256: Of that file; None where the index gives none.
    """

    name: str
    version: str
    filename: str
    url: str
    kind: Kind
    index: str
    sha256: str | None = None
    size: int | None = None
    requires_python: str | None = None
    yanked: str | None = None
    has_metadata: bool = False
    metadata_sha256: str | None = None

    @property
    def is_wheel(self) -> bool:
        return self.kind == "wheel"

    @property
    def parsed_version(self) -> Version:
        return parse_version(self.version)

    @property
    def tags(self) -> frozenset[Tag]:
        """A wheel's tags, its compressed sets spread out; empty for a source distribution."""
        if not self.is_wheel:
            return frozenset()
        return _tags(self.filename[: -len(".whl")].split("-", 2)[2])

    @property
    def build(self) -> tuple[int, str] | tuple[()]:
        """A wheel's build tag, comparable as PEP 427 says; empty when it has none."""
        parts = self.filename.split("-")
        if not self.is_wheel or len(parts) != 6:
            return ()
        digits = parts[2][: len(parts[2]) - len(parts[2].lstrip("0123456789"))]
        return int(digits), parts[2][len(digits) :]

    @property
    def metadata_url(self) -> str:
        return f"{self.url}.metadata"


def recognize(filename: str, name: str) -> tuple[Kind, str] | None:
    """What `filename` is and which version it says, if it is a wheel or source distribution of `name`.

    Args:
        filename: As an index lists it.
        name: Canonical name of the package.

    Returns:
        None for every other file, as pip passes over it: eggs, installers, names or versions that are not valid.
    """
    if filename.endswith(".whl"):
        parts = filename.rsplit("-", 3)
        return _recognize_release(parts[0], name) if len(parts) == 4 else None
    for suffix in _SDIST_SUFFIXES:
        if filename.endswith(suffix):
            version = _sdist_version(filename[: -len(suffix)], name)
            return ("sdist", version) if version is not None else None
    return None


def package_of(filename: str) -> str | None:
    """Canonical name of the package that `filename` most likely belongs to; None when it is no distribution.

    A source distribution's name may itself hold dashes: what is before the first dash that a version follows.
    """
    stem = filename.removesuffix(".whl")
    if stem != filename:
        return canonicalize_name(stem.partition("-")[0])
    suffix = next((suffix for suffix in _SDIST_SUFFIXES if filename.endswith(suffix)), None)
    if suffix is None:
        return None
    parts = filename[: -len(suffix)].split("-")
    for count in range(1, len(parts)):
        if is_version("-".join(parts[count:])):
            return canonicalize_name("-".join(parts[:count]))
    return None


@lru_cache(maxsize=65536)
def parse_version(text: str) -> Version:
    """`Version(text)`, remembered: one package has thousands of files and few versions.

    Raises:
        InvalidVersion: It is not a version in the sense of PEP 440.
    """
    return Version(text)


@lru_cache(maxsize=65536)
def version_key(text: str) -> str:
    """The same for all spellings of one version: `1.0` and `1.0.0` are one to every installer."""
    return canonicalize_version(parse_version(text))


def is_version(text: str) -> bool:
    try:
        parse_version(text)
    except InvalidVersion:
        return False
    return True


@lru_cache(maxsize=65536)
def _recognize_release(release: str, name: str) -> tuple[Kind, str] | None:
    """Of `NAME-VERSION` or `NAME-VERSION-BUILD`; remembered, as one release has dozens of wheels."""
    parts = release.split("-")
    if len(parts) not in {2, 3} or (len(parts) == 3 and not parts[2][:1].isdigit()):
        return None
    return ("wheel", parts[1]) if _canonical(parts[0]) == name and is_version(parts[1]) else None


def _sdist_version(stem: str, name: str) -> str | None:
    """The version in `NAME-VERSION`, where NAME is any spelling of `name` and both may hold dashes."""
    parts = stem.split("-")
    for count in range(1, len(parts)):
        version = "-".join(parts[count:])
        if _canonical("-".join(parts[:count])) == name and is_version(version):
            return version
    return None


@lru_cache(maxsize=4096)
def _canonical(name: str) -> str:
    return canonicalize_name(name)


@lru_cache(maxsize=16384)
def _tags(suffix: str) -> frozenset[Tag]:
    """Tags of `[build-]python-abi-platform`, those that nothing accepts (`py36+-none-any`) as they are written."""
    python, abi, platform = suffix.lower().split("-")[-3:]
    return frozenset(Tag(*parts) for parts in itertools.product(python.split("."), abi.split("."), platform.split(".")))
