"""A package index on loopback: real HTTP, with every habit and fault that indexes have.

with IndexServer() as index:
    index.add(wheel("demo", "1.0"))
    subprocess.run(["uv", "pip", "compile", "--default-index", index.url, …])
    assert index.log.paths() == ["/simple/demo/", …]
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import ssl
import threading
import time
from collections.abc import Iterator
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

import msgspec
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from typing_extensions import Self

from tests.support.wheels import Archive

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "text/html; charset=utf-8"


class Style(Enum):
    """What the index answers pages with; `BOTH` lets the client's Accept header decide."""

    JSON = "json"
    HTML = "html"
    BOTH = "both"


class Fault(msgspec.Struct, frozen=True):
    """What happens to one page instead of its proper answer.

    Attributes:
        status: Answered with this status; 200 where only the body or the timing is at fault.
        body: Instead of the page; None keeps the page (or a short text for an error status).
        content_type: Of `body`.
        delay: Seconds before anything is answered.
        truncated: The connection ends halfway through the body that Content-Length promised.
        times: How many answers go wrong before all is well again; None for ever.
    """

    status: int = 200
    body: bytes | None = None
    content_type: str = _HTML
    delay: float = 0.0
    truncated: bool = False
    times: int | None = None


class Listed(msgspec.Struct, frozen=True):
    """A file as the index lists it."""

    archive: Archive
    requires_python: str | None = None
    yanked: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """One request that came in, and the status that it was answered with."""

    method: str
    path: str
    status: int
    range: str | None = None
    authorization: str | None = None
    if_none_match: str | None = None
    sent: int = 0


class Log:
    """What was asked of an index, oldest first."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._lock = threading.Lock()

    def add(self, asked: Asked) -> None:
        with self._lock:
            self._asked.append(asked)

    def __iter__(self) -> Iterator[Asked]:
        with self._lock:
            return iter(list(self._asked))

    def __len__(self) -> int:
        return len(self._asked)

    def clear(self) -> None:
        with self._lock:
            self._asked.clear()

    def paths(self) -> list[str]:
        return [asked.path for asked in self]


class IndexServer:
    """The index; a context manager that serves until it is left.

    Args:
        style: JSON (PEP 691), HTML (PEP 503) or both.
        metadata: Whether wheels' METADATA files are offered (PEP 658 and 714).
        ranges: Whether files answer to Range requests.
        credentials: User and password that every request needs (basic authentication).
        hashes: Whether pages give sha256.
        sizes: Whether JSON pages give sizes (PEP 700).
        max_age: Cache-Control max-age of pages, in seconds; None sends none.
        etags: Whether pages have an ETag and answer If-None-Match.
        tls: Serve https with this.
    """

    def __init__(
        self,
        *,
        style: Style = Style.BOTH,
        metadata: bool = True,
        ranges: bool = True,
        credentials: tuple[str, str] | None = None,
        hashes: bool = True,
        sizes: bool = True,
        max_age: int | None = 600,
        etags: bool = True,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.style = style
        self.metadata = metadata
        self.ranges = ranges
        self.credentials = credentials
        self.hashes = hashes
        self.sizes = sizes
        self.max_age = max_age
        self.etags = etags
        self.log = Log()
        self._projects: dict[str, dict[str, Listed]] = {}
        self._faults: dict[str, Fault] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.index = self
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="index", daemon=True
        )

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Of the simple repository, without credentials."""
        return f"{self._scheme}://{self.host}/simple"

    @property
    def url_with_credentials(self) -> str:
        assert self.credentials is not None
        return f"{self._scheme}://{':'.join(self.credentials)}@{self.host}/simple"

    @property
    def links_url(self) -> str:
        """One HTML page with every file: what `--find-links` takes."""
        return f"{self._scheme}://{self.host}/links/"

    def add(self, *archives: Archive, requires_python: str | None = None, yanked: str | None = None) -> None:
        """Lists `archives`; `yanked` is the reason, empty for none given."""
        with self._lock:
            for archive in archives:
                listed = Listed(archive, requires_python or _requires_python(archive), yanked)
                self._projects.setdefault(_project(archive.filename), {})[archive.filename] = listed

    def remove(self, filename: str) -> None:
        with self._lock:
            del self._projects[_project(filename)][filename]

    def fail(self, name: str, fault: Fault | None) -> None:
        """Pages of project `name` (or one file, by its filename) fail like `fault`; None heals it."""
        with self._lock:
            if fault is None:
                self._faults.pop(name, None)
            else:
                self._faults[name] = fault

    def write_folder(self, folder: Path) -> Path:
        """The same index as files: `folder/simple/NAME/index.html` and `folder/files/`; returns `folder/simple`."""
        (folder / "files").mkdir(parents=True)
        for name, files in self._projects.items():
            (folder / "simple" / name).mkdir(parents=True)
            page = "".join(
                f'<a href="../../files/{filename}#sha256={listed.archive.sha256}">{filename}</a>\n'
                for filename, listed in files.items()
            )
            (folder / "simple" / name / "index.html").write_text(f"<!DOCTYPE html><html><body>{page}</body></html>")
            for filename, listed in files.items():
                (folder / "files" / filename).write_bytes(listed.archive.content)
        return folder / "simple"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def fault_for(self, name: str) -> Fault | None:
        """The fault that `name` suffers from now, counted down."""
        with self._lock:
            fault = self._faults.get(name)
            if fault is None or fault.times is None:
                return fault
            if fault.times <= 1:
                del self._faults[name]
            else:
                self._faults[name] = msgspec.structs.replace(fault, times=fault.times - 1)
            return fault

    def project(self, name: str) -> dict[str, Listed] | None:
        with self._lock:
            files = self._projects.get(name)
            return dict(files) if files is not None else None

    def everything(self) -> dict[str, Listed]:
        with self._lock:
            return {filename: listed for files in self._projects.values() for filename, listed in files.items()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    index: IndexServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """The log is `IndexServer.log`."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        index = self.server.index
        if index.credentials is not None and not self._authorized(index.credentials):
            self._send(401, b"unauthorized\n", {"WWW-Authenticate": 'Basic realm="index"'})
            return
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/") if part]
        match parts:
            case ["simple"]:
                self._send(200, b"<!DOCTYPE html><html><body></body></html>", {"Content-Type": _HTML})
            case ["simple", name]:
                self._project_page(index, name)
            case ["links"]:
                self._page(html_page(index, "links", index.everything()), _HTML, "links")
            case ["files", filename]:
                self._file(index, filename)
            case _:
                self._send(404, b"not found\n", {})

    def _authorized(self, credentials: tuple[str, str]) -> bool:
        expected = base64.b64encode(":".join(credentials).encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _project_page(self, index: IndexServer, name: str) -> None:
        files = index.project(canonicalize_name(name))
        if files is None:
            self._page(b"", _HTML, name, status=404)
            return
        accepts = self.headers.get("Accept", "")
        if index.style is Style.JSON or (index.style is Style.BOTH and _JSON in accepts):
            self._page(json_page(index, name, files), _JSON, name)
        else:
            self._page(html_page(index, name, files), _HTML, name)

    def _page(self, body: bytes, content_type: str, name: str, status: int = 200) -> None:
        index = self.server.index
        fault = index.fault_for(name)
        if fault is not None:
            time.sleep(fault.delay)
            status = fault.status
            body = fault.body if fault.body is not None else body if status == 200 else b"fault\n"
            content_type = fault.content_type if fault.body is not None else content_type
        headers = {"Content-Type": content_type}
        if status == 200 and index.max_age is not None:
            headers["Cache-Control"] = f"max-age={index.max_age}"
        if status == 200 and index.etags:
            headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            if self.headers.get("If-None-Match") == headers["ETag"]:
                self._send(304, b"", headers)
                return
        self._send(status, body, headers, truncated=fault is not None and fault.truncated)

    def _file(self, index: IndexServer, filename: str) -> None:
        fault = index.fault_for(filename)
        if fault is not None:
            time.sleep(fault.delay)
            if fault.status != 200 or fault.body is not None:
                self._send(fault.status, fault.body or b"fault\n", {"Content-Type": fault.content_type})
                return
        archive_name = filename.removesuffix(".metadata")
        listed = index.everything().get(archive_name)
        if listed is None or (archive_name != filename and not index.metadata):
            self._send(404, b"not found\n", {})
        elif archive_name != filename:
            self._send(200, listed.archive.metadata, {"Content-Type": "text/plain"})
        else:
            self._content(listed.archive.content, truncated=fault is not None and fault.truncated)

    def _content(self, content: bytes, *, truncated: bool) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        wanted = self.headers.get("Range")
        if not self.server.index.ranges or wanted is None:
            if self.server.index.ranges:
                headers["Accept-Ranges"] = "bytes"
            self._send(200, content, headers, truncated=truncated)
            return
        start, end = _span(wanted, len(content))
        if start >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._send(206, content[start : end + 1], headers, truncated=truncated)

    def _send(self, status: int, body: bytes, headers: dict[str, str], *, truncated: bool = False) -> None:
        sent = body[: len(body) // 2] if truncated else body
        self.server.index.log.add(
            Asked(
                method=self.command,
                path=self.path,
                status=status,
                range=self.headers.get("Range"),
                authorization=self.headers.get("Authorization"),
                if_none_match=self.headers.get("If-None-Match"),
                sent=len(sent) if self.command == "GET" else 0,
            )
        )
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET" and status != 304:
                self.wfile.write(sent)
        if truncated:
            self.close_connection = True


def json_page(index: IndexServer, name: str, files: dict[str, Listed]) -> bytes:
    """The page of a project as PEP 691 and 700 have it."""
    entries = []
    for filename, listed in files.items():
        archive = listed.archive
        entry: dict[str, object] = {
            "filename": filename,
            "url": f"/files/{filename}",
            "hashes": {"sha256": archive.sha256} if index.hashes else {},
        }
        if index.sizes:
            entry["size"] = len(archive.content)
        if listed.requires_python:
            entry["requires-python"] = listed.requires_python
        if listed.yanked is not None:
            entry["yanked"] = listed.yanked or True
        if index.metadata and filename.endswith(".whl"):
            entry["core-metadata"] = {"sha256": archive.metadata_sha256}
        entries.append(entry)
    page = {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": entries}
    return json.dumps(page).encode()


def html_page(index: IndexServer, name: str, files: dict[str, Listed]) -> bytes:
    """The page of a project as PEP 503, 592 and 714 have it."""
    anchors = []
    for filename, listed in files.items():
        archive = listed.archive
        attributes = {"href": f"/files/{filename}" + (f"#sha256={archive.sha256}" if index.hashes else "")}
        if listed.requires_python:
            attributes["data-requires-python"] = listed.requires_python
        if listed.yanked is not None:
            attributes["data-yanked"] = listed.yanked
        if index.metadata and filename.endswith(".whl"):
            attributes["data-core-metadata"] = f"sha256={archive.metadata_sha256}"
        text = " ".join(f'{key}="{html.escape(value)}"' for key, value in attributes.items())
        anchors.append(f"<a {text}>{filename}</a><br/>\n")
    head = f"<!DOCTYPE html><html><head><title>{html.escape(name)}</title></head>"
    return f"{head}<body>\n{''.join(anchors)}</body></html>\n".encode()


def _span(header: str, length: int) -> tuple[int, int]:
    """First and last byte that a Range header asks for."""
    first, _, last = header.removeprefix("bytes=").partition("-")
    if not first:
        return max(length - int(last), 0), length - 1
    return int(first), min(int(last), length - 1) if last else length - 1


def _project(filename: str) -> str:
    if filename.endswith(".whl"):
        return parse_wheel_filename(filename)[0]
    return parse_sdist_filename(filename)[0]


def _requires_python(archive: Archive) -> str | None:
    for line in archive.metadata.decode().splitlines():
        if line.startswith("Requires-Python: "):
            return line.partition(": ")[2]
    return None
