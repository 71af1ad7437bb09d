"""A conda channel on loopback: real HTTP over a folder, with a log of what was asked and faults on demand."""

from __future__ import annotations

import contextlib
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

from tests.support.conda_archives import CondaArchive, write_channel


class ChannelServer:
    """Serves a folder as a channel; a context manager that serves until it is left.

    Attributes:
        asked: Paths that were asked for, oldest first.
        broken: Names of files that are answered with the wrong bytes.
        refused: Names of files that are answered with 503.
        truncated: Names of files of which half of the bytes that were promised are sent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.broken: set[str] = set()
        self.refused: set[str] = set()
        self.truncated: set[str] = set()
        (folder / "noarch").mkdir(parents=True, exist_ok=True)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.channel = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="channel", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def write(self, *archives: CondaArchive) -> None:
        """The channel has these packages and no others."""
        write_channel(self.folder, archives)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    channel: ChannelServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """The log is `ChannelServer.asked`."""

    def translate_path(self, path: str) -> str:
        return str(self.server.channel.folder / path.partition("?")[0].strip("/"))

    def do_GET(self) -> None:
        channel = self.server.channel
        channel.asked.append(self.path)
        name = self.path.rpartition("/")[2]
        if name in channel.refused:
            self.send_error(503)
        elif name in channel.broken:
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"broken")
        elif name in channel.truncated:
            content = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        else:
            with contextlib.suppress(ConnectionError):
                super().do_GET()
