"""What a wheel says about itself: its METADATA, fetched with as few bytes as the index allows."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import msgspec

from mfenvd.resolve.index.errors import IndexUnreachable, IndexUnreadable
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.transport import Transport
from mfenvd.resolve.index.urls import path_of

if TYPE_CHECKING:
    import requests

# A wheel's directory and its metadata, which tools write last, usually fit in this many bytes at its end.
_TAIL = 64 * 1024
_NO_ENCODING = {"Accept-Encoding": "identity"}


class Metadata(msgspec.Struct, frozen=True, array_like=True):
    """The part of METADATA that resolving needs, as written.

    Attributes:
        requires: `Requires-Dist` entries, PEP 508, in the order of the file.
        requires_python: None where it says nothing.
        extras: `Provides-Extra` entries.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    extras: tuple[str, ...] = ()


def parse_metadata(content: bytes) -> Metadata:
    """`content` of a METADATA file.

    Raises:
        ValueError: It has no name or no version, so it is something else.
    """
    from packaging.metadata import parse_email  # late: it loads the whole email package

    raw, _ = parse_email(content)
    name, version = raw.get("name"), raw.get("version")
    if not name or not version:
        raise ValueError("a METADATA file without a name or version")
    return Metadata(
        name=name,
        version=version,
        requires=tuple(raw.get("requires_dist", ())),
        requires_python=raw.get("requires_python") or None,
        extras=tuple(raw.get("provides_extra", ())),
    )


def fetch_metadata(file: DistFile, transport: Transport) -> Metadata:
    """The metadata of wheel `file`: the index's own copy, else the wheel's end, else the whole wheel.

    Raises:
        ValueError: `file` is not a wheel.
        IndexProblem: As `Transport.get`, or IndexUnreadable when the wheel is not a valid one.
    """
    if not file.is_wheel:
        raise ValueError(f"{file.filename} is not a wheel")
    path = path_of(file.url)
    try:
        if path is not None:
            return parse_metadata(_local(path))
        return parse_metadata(_offered(file, transport) or _extracted(file, transport))
    except (ValueError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise IndexUnreadable(file.index, f"{file.filename} is not a valid wheel ({error})") from error
    except OSError as error:
        raise IndexUnreachable(file.index, f"{file.filename} cannot be read ({error})") from error


def _local(path: Path) -> bytes:
    with path.open("rb") as stream:
        return _member(stream, path.name)


def _offered(file: DistFile, transport: Transport) -> bytes | None:
    """The file that the index serves beside the wheel (PEP 658), if it does and it is the right one."""
    if not file.has_metadata:
        return None
    response = transport.get(file.metadata_url, index=file.index)
    if response.status_code != 200:
        return None
    content = response.content
    if file.metadata_sha256 and hashlib.sha256(content).hexdigest() != file.metadata_sha256.lower():
        return None
    return content


def _extracted(file: DistFile, transport: Transport) -> bytes:
    start = f"{max(file.size - _TAIL, 0)}-{file.size - 1}" if file.size else f"-{_TAIL}"
    response = transport.get(
        file.url, index=file.index, headers={**_NO_ENCODING, "Range": f"bytes={start}"}, stream=True
    )
    with response:
        span = _span(response)
        if span is not None:
            tail = response.content
            if len(tail) == span[1] - span[0] and span[1] == span[2]:
                return _member(_RemoteFile(span[2], tail, _reader(file, transport)), file.filename)
        elif response.status_code == 200:
            return _from_whole(file, response)
    whole = transport.get(file.url, index=file.index, headers=_NO_ENCODING, stream=True)
    with whole:
        if whole.status_code != 200:
            raise IndexUnreadable(file.index, f"{file.filename} is listed, but not there (HTTP {whole.status_code})")
        return _from_whole(file, whole)


def _from_whole(file: DistFile, response: requests.Response) -> bytes:
    """From the body of a download, checked against the listed hash."""
    from requests import RequestException

    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as spool:
        try:
            for chunk in response.iter_content(1024 * 1024):
                digest.update(chunk)
                spool.write(chunk)
        except RequestException as error:
            raise IndexUnreachable(file.index, f"the download of {file.filename} breaks off") from error
        if file.sha256 and digest.hexdigest() != file.sha256:
            raise IndexUnreadable(file.index, f"{file.filename} does not have the sha256 that is listed for it")
        return _member(spool, file.filename)


def _span(response: requests.Response) -> tuple[int, int, int] | None:
    """First byte, byte after the last, and total, as a partial answer's Content-Range says; None for any other."""
    if response.status_code != 206:
        return None
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    first, _, last = span.partition("-")
    if unit != "bytes" or not (first.isdigit() and last.isdigit() and total.isdigit()):
        return None
    return int(first), int(last) + 1, int(total)


def _reader(file: DistFile, transport: Transport) -> Callable[[int, int], bytes]:
    def read(start: int, end: int) -> bytes:
        headers = {**_NO_ENCODING, "Range": f"bytes={start}-{end - 1}"}
        response = transport.get(file.url, index=file.index, headers=headers)
        span = _span(response)
        if span is None or span[:2] != (start, end) or len(response.content) != end - start:
            raise IndexUnreadable(file.index, f"{file.filename} is answered with other bytes than asked for")
        return response.content

    return read


def _member(stream: IO[bytes] | _RemoteFile, filename: str) -> bytes:
    """METADATA of the wheel in `stream`.

    Raises:
        ValueError: It has not exactly one .dist-info folder that belongs to the wheel's name.
        zipfile.BadZipFile: It is not a zip file.
    """
    with zipfile.ZipFile(cast("IO[bytes]", stream)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1]
        if len(names) > 1:
            own = "-".join(filename.split("-")[:2]).lower()
            names = [name for name in names if name.lower().startswith(f"{own}.dist-info/")]
        if len(names) != 1:
            raise ValueError("no METADATA in it")
        return archive.read(names[0])


class _RemoteFile(io.RawIOBase):
    """A file on a server as `zipfile` wants it: reading fetches what is not there yet.

    Args:
        size: In bytes.
        tail: Its last bytes.
        fetch: Returns the bytes from a start up to an end.
    """

    def __init__(self, size: int, tail: bytes, fetch: Callable[[int, int], bytes]) -> None:
        self._size = size
        self._fetch = fetch
        self._position = 0
        self._start = size - len(tail)
        self._known = tail

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._position + size, self._size)
        content = self._span(self._position, end) if end > self._position else b""
        self._position += len(content)
        return content

    def _span(self, start: int, end: int) -> bytes:
        """One stretch is kept; what is asked before it extends it when it is near, and replaces it when it is not."""
        if not (self._start <= start and end <= self._start + len(self._known)):
            if start < self._start <= end + _TAIL:
                first = max(min(start, self._start - _TAIL), 0)
                self._known = self._fetch(first, self._start) + self._known
                self._start = first
            if not (self._start <= start and end <= self._start + len(self._known)):
                last = min(max(end, start + _TAIL), self._size)
                self._known = self._fetch(start, last)
                self._start = start
        return self._known[start - self._start : end - self._start]
