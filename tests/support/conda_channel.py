"""Conda channels for tests: real metadata without archives, generated archives with an index, and a server.

`conda_subset.json.zst` is the metadata of 3,922 packages of conda-forge (183 names) as published: Python 3.9, 3.11 and
3.12, numpy, pandas, scipy, scikit-learn, matplotlib-base, pytorch, requests, boto3 and what they need, in a handful of
versions each, for five subdirs and noarch. Some of its packages need what is not there, as libraqm needs a newer GLIBC
than most targets have and one pytorch a GPU. There are no archives: it can be solved against, not installed from.
"""

from __future__ import annotations

import asyncio
import base64
import bz2
import functools
import http.server
import io
import json
import ssl
import tarfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import zstandard
from rattler.index import index_fs
from typing_extensions import Self

from tests.support.conda_archives import CondaArchive, conda_archive, write_channel

SUBDIRS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "noarch")

_SUBSET = Path(__file__).with_name("conda_subset.json.zst")


@functools.cache
def subset_repodata() -> dict[str, dict[str, Any]]:
    """`repodata.json` by subdir. Not to be changed."""
    content = zstandard.ZstdDecompressor().decompress(_SUBSET.read_bytes(), max_output_size=64 << 20)
    found: dict[str, dict[str, Any]] = json.loads(content)
    return found


def write_subset(folder: Path) -> Path:
    """Makes `folder` a channel of the subset; returns it."""
    return write_repodata(folder, subset_repodata())


def write_repodata(folder: Path, repodata: Mapping[str, Mapping[str, Any]], *, compressed: bool = False) -> Path:
    """Makes `folder` a channel of metadata alone; returns it.

    Args:
        folder: Made where it is not there.
        repodata: `repodata.json` by subdir; noarch is added where it is missing.
        compressed: Whether there is a `repodata.json.zst` too, as on a server.
    """
    for subdir, content in {"noarch": {"packages": {}, "packages.conda": {}}, **repodata}.items():
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        plain = json.dumps(content, separators=(",", ":")).encode()
        (folder / subdir / "repodata.json").write_bytes(plain)
        if compressed:
            (folder / subdir / "repodata.json.zst").write_bytes(zstandard.ZstdCompressor(level=3).compress(plain))
    return folder


def package(
    name: str, version: str, *, build: str = "0", subdir: str = "noarch", depends: tuple[str, ...] = (), **other: Any
) -> dict[str, Any]:
    """An entry of `repodata.json` for a package that has no archive."""
    return {
        "name": name, "version": version, "build": build, "build_number": 0, "subdir": subdir,
        "depends": list(depends), "md5": "0" * 32, "sha256": "0" * 64, "size": 1000, **other,
    }  # fmt: skip


PYTHON = (package("python", "3.11.5"), package("pip", "24.0", depends=("python",)))
"""What every environment has."""


def repodata_of(*packages: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """For `write_repodata`: `packages` by their subdirs."""
    found: dict[str, dict[str, Any]] = {}
    for entry in packages:
        subdir = found.setdefault(entry["subdir"], {"packages": {}, "packages.conda": {}})
        subdir["packages.conda"][f"{entry['name']}-{entry['version']}-{entry['build']}.conda"] = entry
    return found


def tar_bz2(name: str, version: str, files: Mapping[str, bytes] | None = None, **index: Any) -> CondaArchive:
    """A package in the older of the two formats; further arguments as for `conda_archive`."""
    made = conda_archive(name, version, files, **index)
    members = {**(files or {}), "info/index.json": json.dumps(made.index, sort_keys=True).encode()}
    members["info/files"] = "".join(f"{path}\n" for path in files or {}).encode()
    members["info/paths.json"] = json.dumps({"paths": [], "paths_version": 1}).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in sorted(members.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return CondaArchive(
        made.filename.removesuffix(".conda") + ".tar.bz2", made.subdir, bz2.compress(buffer.getvalue()), made.index
    )


def small_archives() -> tuple[CondaArchive, ...]:
    """Packages in both formats, for one subdir and for all, some for a newer GLIBC or a GPU alone.

    `app` (noarch) needs `core`, which linux-64 and osx-arm64 have; core 2 for linux-64 needs GLIBC 2.28. `trainer` is
    for linux-64 with a GPU.
    """
    return (
        conda_archive("python", "3.11.5", {"share/python.txt": b"python\n"}),
        conda_archive("pip", "24.0", {"share/pip.txt": b"pip\n"}, depends=["python"]),
        conda_archive("app", "1.0", {"share/app.txt": b"app\n"}, depends=["core >=1"]),
        tar_bz2("core", "1.0", {"share/core.txt": b"1\n"}, subdir="linux-64", depends=["__glibc >=2.17,<3.0.a0"]),
        conda_archive("core", "2.0", {"share/core.txt": b"2\n"}, subdir="linux-64", depends=["__glibc >=2.28,<3.0.a0"]),
        conda_archive("core", "2.0", {"share/core.txt": b"2\n"}, subdir="osx-arm64", depends=["__osx >=11.0"]),
        conda_archive("trainer", "1.0", {"share/t.txt": b"t\n"}, subdir="linux-64", depends=["core", "__cuda >=12"]),
    )


def write_small_channel(folder: Path) -> Path:
    """Makes `folder` a channel of `small_archives`, indexed by py-rattler with zst and shards; returns it."""
    write_channel(folder, small_archives())
    for repodata in folder.glob("*/repodata.json"):
        repodata.unlink()
    asyncio.run(index_fs(folder, write_zst=True, write_shards=True, force=True))
    return folder


class ChannelFault(msgspec.Struct, frozen=True):
    """What happens to requests instead of their proper answer.

    Attributes:
        status: Answered with this status; 200 where only the body or the timing is at fault.
        body: Instead of the file.
        delay: Seconds before anything is answered.
        truncated: The connection ends halfway through the body that Content-Length promised.
        path: Only requests whose path holds this.
    """

    status: int = 200
    body: bytes | None = None
    delay: float = 0.0
    truncated: bool = False
    path: str = ""


class ChannelServer:
    """Serves a folder of channels on loopback; a context manager that serves until it is left.

    Attributes:
        asked: `(method, path, status)` of each request, oldest first.
        fault: What happens to requests; None for nothing.

    Args:
        folder: Whose subfolders are channels.
        credentials: User and password that every request needs (basic authentication).
        token: What every path must begin with, as `/t/TOKEN/`.
        tls: Serve https with this.
    """

    def __init__(
        self,
        folder: Path,
        *,
        credentials: tuple[str, str] | None = None,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.folder = folder
        self.credentials = credentials
        self.token = token
        self.fault: ChannelFault | None = None
        self.asked: list[tuple[str, str, int]] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.channels = self
        self._scheme = "https" if tls else "http"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="channels", daemon=True
        )

    @property
    def url(self) -> str:
        """Of the folder, without a `/` at the end."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    channels: ChannelServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is none of our business."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        channels = self.server.channels
        fault = channels.fault
        if fault is not None and fault.path in self.path:
            time.sleep(fault.delay)
            if fault.status != 200 or fault.body is not None:
                self._answer(fault.status, fault.body or b"")
                return
        if not self._may(channels):
            self._answer(401, b"")
            return
        prefix = f"/t/{channels.token}" if channels.token else ""
        file = channels.folder / self.path.partition("?")[0].removeprefix(prefix).lstrip("/")
        if not file.is_file():
            self._answer(404, b"")
            return
        content = file.read_bytes()
        tag = f'"{file.stat().st_mtime_ns}"'
        if self.headers.get("If-None-Match") == tag:
            self._answer(304, b"", tag)
            return
        self._answer(200, content, tag, cut=fault is not None and fault.truncated and fault.path in self.path)

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: Any) -> None:
        """Keeps quiet."""

    def _may(self, channels: ChannelServer) -> bool:
        if channels.credentials is not None:
            wanted = base64.b64encode(":".join(channels.credentials).encode()).decode()
            return bool(self.headers.get("Authorization") == f"Basic {wanted}")
        return channels.token is None or self.path.startswith(f"/t/{channels.token}/")

    def _answer(self, status: int, content: bytes, tag: str | None = None, *, cut: bool = False) -> None:
        self.server.channels.asked.append((self.command, self.path, status))
        self.send_response(status)
        if tag is not None:
            self.send_header("ETag", tag)
        if status != 304:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD" or status == 304:
            return
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = cut
