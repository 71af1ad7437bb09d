"""Between a client and a server on loopback: passes everything on, and goes wrong where a test says so."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_CHUNK = 64 * 1024
_ANSWER = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>made up by a test</Message></Error>"


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        method: Of the requests that it is about.
        path: What their path or query contains.
        times: How often it happens; -1 for always.
        status: An answer that the server never sees the request for; 0 for none.
        code: S3's word in that answer.
        cut_request: The connection is reset after so many bytes of the body, which the server never gets whole.
        cut_answer: The connection is reset after so many bytes of the answer's body.
        flip: The answer's first byte comes as another.
        drip: Seconds between two bytes of the answer, of which there are only a few.
        after: The server does what it is asked, and the client is told `status` all the same.
    """

    method: str
    path: str = ""
    times: int = 1
    status: int = 0
    code: str = ""
    cut_request: int | None = None
    cut_answer: int | None = None
    flip: bool = False
    drip: float = 0.0
    after: bool = False
    happened: int = field(default=0, init=False)


class FaultProxy:
    """In front of one server.

    Attributes:
        url: Its own.
        faults: What goes wrong; the first that fits counts.
        requests: `METHOD path` of all that came.
    """

    def __init__(self, upstream: str) -> None:
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.down = False
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            upstream_address = urlsplit(upstream).netloc

            def fault(self) -> Fault | None:
                return proxy._fault(self.command, self.path)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _fault(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.requests.append(f"{method} {path}")
            if self.down:
                return Fault("", cut_request=0)
            for fault in self.faults:
                if fault.method == method and fault.path in path and fault.happened != fault.times:
                    fault.happened += 1
                    return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream_address = ""

    def fault(self) -> Fault | None:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nobody reads it."""

    def _serve(self) -> None:
        fault = self.fault()
        length = int(self.headers.get("Content-Length") or 0)
        if fault is not None and fault.cut_request is not None:
            self.rfile.read(min(length, fault.cut_request))
            self._reset()
            return
        body = self.rfile.read(length)
        if fault is not None and fault.status and not fault.after:
            self._say(fault)
            return
        status, headers, content = self._passed_on(body)
        if fault is not None and fault.status:
            self._say(fault)
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in {"transfer-encoding", "connection", "content-length"}:
                self.send_header(name, value)
        told = {name.lower(): value for name, value in headers}
        self.send_header("Content-Length", told.get("content-length", str(len(content))))
        self.end_headers()
        if self.command != "HEAD":
            self._send(content, fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(self.upstream_address, timeout=60)
        try:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in {"expect", "connection"}
            }
            connection.request(self.command, self.path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _send(self, content: bytes, fault: Fault | None) -> None:
        if fault is None:
            self.wfile.write(content)
            return
        if fault.flip:
            content = bytes([content[0] ^ 1]) + content[1:]
        if fault.cut_answer is not None:
            self.wfile.write(content[: fault.cut_answer])
            self.wfile.flush()
            self._reset()
        elif fault.drip:
            for at in range(len(content)):
                self.wfile.write(content[at : at + 1])
                self.wfile.flush()
                time.sleep(fault.drip)
        else:
            self.wfile.write(content)

    def _say(self, fault: Fault) -> None:
        body = b"" if self.command == "HEAD" else _ANSWER.format(code=fault.code).encode()
        self.send_response_only(fault.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Ends the connection as a router would that has forgotten it."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.wfile.close()
        self.connection.close()


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Serves until it is left."""
    proxy = FaultProxy(upstream)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
