"""What a place lists of a package, by version, decoded when a version is wanted: of thousands of files a handful is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated
from urllib.parse import urljoin

import msgspec

from mfenvd.domain.redact import without_credentials
from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.files import DistFile, recognize, version_key


class JsonOrigin(msgspec.Struct, frozen=True, array_like=True):
    """The JSON page (PEP 691) that files were listed on.

    Attributes:
        url: Where it came from, after redirects: relative links start there. It is kept, and so holds nothing that
            opens anything: neither credentials nor a query, which an object store signs.
        name: The package's canonical name.
        index: The index's URL for messages.
    """

    url: str
    name: str
    index: str


class Releases(msgspec.Struct, frozen=True, array_like=True):
    """The files of one package.

    Attributes:
        listed: By `version_key`, each still encoded: in the index's own JSON where there is an `origin`.
        origin: None for files that were read from elsewhere.
    """

    listed: dict[str, bytes]
    origin: JsonOrigin | None = None

    def of(self, key: str) -> tuple[DistFile, ...]:
        """The files of the version with this `version_key`, in the order of the page; none where it is not listed.

        Raises:
            IndexUnreadable: The page lists something else than files there.
        """
        content = self.listed.get(key)
        if content is None:
            return ()
        return tuple(_of_json(content, self.origin)) if self.origin else _FILES.decode(content)

    @property
    def files(self) -> Iterator[DistFile]:
        """All of them, version by version; raises as `of`."""
        for key in self.listed:
            yield from self.of(key)


class _Hashes(msgspec.Struct, frozen=True, gc=False):
    """Those of other kinds are passed over."""

    sha256: str | None = None


class _JsonFile(msgspec.Struct, rename="kebab", gc=False):
    """Where an index has nothing to say it may leave a key out or say null: pip takes both for the same, uv not all."""

    filename: str
    url: str
    hashes: _Hashes | None = None
    requires_python: str | None = None
    size: Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] | None = None
    yanked: bool | str | None = None
    core_metadata: bool | _Hashes | None = None
    # Names of `core-metadata` before PEP 714, which some indexes still use: the standard's and the default index's.
    dist_info_metadata: bool | _Hashes | None = None
    data_dist_info_metadata: bool | _Hashes | None = None

    @property
    def metadata(self) -> bool | _Hashes | None:
        if self.core_metadata is not None:
            return self.core_metadata
        return self.dist_info_metadata if self.dist_info_metadata is not None else self.data_dist_info_metadata


class _JsonName(msgspec.Struct, gc=False):
    filename: str


class _JsonMeta(msgspec.Struct, frozen=True, rename="kebab"):
    api_version: str = "1.0"


class _JsonNames(msgspec.Struct):
    files: list[_JsonName]
    meta: _JsonMeta = _JsonMeta()


class _JsonEntries(msgspec.Struct):
    files: list[msgspec.Raw]


_NAMES = msgspec.json.Decoder(_JsonNames)
_ENTRIES = msgspec.json.Decoder(_JsonEntries)
_JSON_FILES = msgspec.json.Decoder(list[_JsonFile])
_FILES = msgspec.msgpack.Decoder(tuple[DistFile, ...])


def releases_of(files: Iterable[DistFile]) -> Releases:
    """Files of one package, in the order of the page that lists them."""
    found: dict[str, list[DistFile]] = {}
    for file in files:
        found.setdefault(version_key(file.version), []).append(file)
    return Releases({key: msgspec.msgpack.encode(listed) for key, listed in found.items()})


def json_releases(content: bytes, origin: JsonOrigin) -> Releases:
    """What a JSON page lists. Only names are read, for most entries are of versions that nobody wants.

    Args:
        content: The page.
        origin: What it is; files of other packages and of other types are passed over.

    Raises:
        IndexUnreadable: It is no such page, or of a version of the protocol that nobody has defined yet.
    """
    try:
        page, entries = _NAMES.decode(content), _ENTRIES.decode(content).files
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(origin, error) from error
    if page.meta.api_version.partition(".")[0] != "1":
        raise IndexUnreadable(origin.index, f"version {page.meta.api_version} of the index protocol")
    if b"@" in content or (b"\\" in content and rb"\u0040" in content):
        # An address may hold a password, which is to be kept nowhere.
        return releases_of(_of_json(_array(entries), origin))
    found: dict[str, list[msgspec.Raw]] = {}
    for named, entry in zip(page.files, entries, strict=True):
        known = recognize(named.filename, origin.name)
        if known is not None:
            found.setdefault(version_key(known[1]), []).append(entry)
    return Releases({key: _array(listed) for key, listed in found.items()}, origin)


def _array(entries: Iterable[msgspec.Raw]) -> bytes:
    return b"[%b]" % b",".join(entries)


def _of_json(content: bytes, origin: JsonOrigin) -> Iterator[DistFile]:
    try:
        entries = _JSON_FILES.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(origin, error) from error
    for entry in entries:
        known = recognize(entry.filename, origin.name)
        if known is None or (address := _absolute(entry.url, origin.url)) is None:
            continue
        metadata = entry.metadata
        reason = entry.yanked if isinstance(entry.yanked, str) else ""
        yield DistFile(
            name=origin.name,
            version=known[1],
            filename=entry.filename,
            url=address,
            kind=known[0],
            index=origin.index,
            sha256=entry.hashes.sha256 if entry.hashes is not None else None,
            size=entry.size,
            requires_python=entry.requires_python or None,
            yanked=None if entry.yanked is None or entry.yanked is False else reason,
            has_metadata=bool(metadata),
            metadata_sha256=metadata.sha256 if isinstance(metadata, _Hashes) else None,
        )


def _unreadable(origin: JsonOrigin, error: Exception) -> IndexUnreadable:
    return IndexUnreadable(origin.index, f"JSON that is no index page ({error})")


def joined(page: str, address: str) -> str | None:
    """The address that a page has, in full; None where it cannot be read, and so leads nowhere for every tool."""
    try:
        return urljoin(page, address)
    except ValueError:
        return None


def _absolute(url: str, page: str) -> str | None:
    address = url if url.startswith(("https://", "http://")) else joined(page, url)
    if address is None or ("@" not in address and "#" not in address):
        return address
    return without_credentials(address.partition("#")[0])
