"""Certificates: an authority of one's own, a host that is trusted without one, and neither."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trustme

from mfenvd.resolve.index import certificates
from mfenvd.resolve.index.errors import IndexUnreachable
from tests.resolve.index.conftest import MakeClient
from tests.support.index_server import IndexServer
from tests.support.wheels import wheel


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[IndexServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with IndexServer(tls=context) as index:
        index.add(wheel("demo", "1.0"))
        yield index


def test_an_authority_of_ones_own_is_accepted(
    secure: IndexServer, authority: trustme.CA, client_of: MakeClient, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert len(client_of(secure.url, environ={"PIP_CERT": str(tmp_path / "ca.pem")}).files("demo")) == 1


def test_a_trusted_host_needs_none(secure: IndexServer, client_of: MakeClient) -> None:
    assert len(client_of(secure.url, environ={"PIP_TRUSTED_HOST": "127.0.0.1"}).files("demo")) == 1


@pytest.mark.parametrize("environ", [{}, {"PIP_TRUSTED_HOST": "other.test"}])
def test_an_unknown_authority_is_said(secure: IndexServer, client_of: MakeClient, environ: dict[str, str]) -> None:
    with pytest.raises(IndexUnreachable, match="certificate"):
        client_of(secure.url, environ=environ).files("demo")


def test_a_bundle_that_is_not_there_is_said(secure: IndexServer, client_of: MakeClient) -> None:
    with pytest.raises(IndexUnreachable):
        client_of(secure.url, environ={"PIP_CERT": "missing.pem"}).files("demo")


@contextmanager
def leading_to(place: str, authority: trustme.CA) -> Iterator[str]:
    """An index over TLS on 127.0.0.1 that redirects every question to the host `place`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"https://{place}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}/simple"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("own", [True, False])
def test_a_trusted_host_answers_for_itself_alone(
    authority: trustme.CA, client_of: MakeClient, tmp_path: Path, own: bool
) -> None:
    """Where it redirects to needs a certificate, as with pip."""
    (authority if own else trustme.CA()).cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with IndexServer(tls=context) as index:
        index.add(wheel("demo", "1.0"))
        with leading_to(index.host.replace("127.0.0.1", "localhost"), authority) as url:
            environ = {"PIP_TRUSTED_HOST": "127.0.0.1", "PIP_CERT": str(tmp_path / "ca.pem")}
            with nullcontext() if own else pytest.raises(IndexUnreachable, match="certificate"):
                assert len(client_of(url, environ=environ).files("demo")) == 1


def test_a_bundle_that_was_exchanged_is_read_again(
    secure: IndexServer, authority: trustme.CA, client_of: MakeClient, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    with pytest.raises(IndexUnreachable, match="certificate"):
        client_of(secure.url, environ={"PIP_CERT": str(bundle)}).files("demo")
    authority.cert_pem.write_to_path(str(bundle))
    os.utime(bundle, (0, 0))
    assert len(client_of(secure.url, environ={"PIP_CERT": str(bundle)}).files("demo")) == 1


def test_all_connections_share_what_was_read(
    secure: IndexServer, authority: trustme.CA, client_of: MakeClient, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    known = certificates._context.cache_info().misses
    for name in ("demo", "other", "third"):
        secure.add(wheel(name, "1.0"))
    first, second = (client_of(secure.url, environ={"PIP_CERT": str(bundle)}) for _ in range(2))
    assert all(len(files) == 1 for files in map(first.files, ("demo", "other", "third")))
    assert len(second.files("demo")) == 1
    assert certificates._context.cache_info().misses == known + 1
