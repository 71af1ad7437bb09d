"""Whom TLS connections trust: one context for all of them, as reading a bundle takes longer than a handshake."""

from __future__ import annotations

import ssl
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import certifi
import truststore
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context


def https_adapter(bundle: str | None, client_cert: str | None, **settings: Any) -> HTTPAdapter:
    """An adapter whose connections share what they trust.

    Args:
        bundle: Path of a file or folder of certificates; None for what the operating system trusts, as pip does.
        client_cert: Which one connections show; it becomes part of what they share.
        settings: As for `HTTPAdapter`.
    """
    path = bundle or ssl.get_default_verify_paths().cafile
    try:
        changed = Path(path).stat().st_mtime_ns if path else 0
        return _SharedTrust(_context(bundle, client_cert, changed), **settings)
    except OSError:
        # The first request says in its own words what is wrong with the bundle.
        return HTTPAdapter(**settings)


class Unchecked(HTTPAdapter):
    """For hosts that are trusted without a certificate. Where they redirect to is looked at as everywhere."""

    def send(self, request: PreparedRequest, **settings: Any) -> Response:  # type: ignore[override]
        return super().send(request, **{**settings, "verify": False})


class _SharedTrust(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext, **settings: Any) -> None:
        self._context = context
        super().__init__(**settings)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        # Each connection would read them again.
        conn.ca_certs = conn.ca_cert_dir = None


@lru_cache(maxsize=8)
def _context(bundle: str | None, client_cert: str | None, changed: int) -> ssl.SSLContext:
    """The same for the same arguments, `changed` being when the bundle was: it may be exchanged for another."""
    del client_cert, changed
    if bundle is None:
        return _system_context()
    context = create_urllib3_context()
    if Path(bundle).is_dir():
        context.load_verify_locations(capath=bundle)
    else:
        context.load_verify_locations(bundle)
    return context


def _system_context() -> ssl.SSLContext:
    # On Linux truststore looks for the system's bundle at each connection, which OpenSSL mostly knows.
    if sys.platform == "linux" and ssl.get_default_verify_paths().cafile:
        context = create_urllib3_context()
        context.load_default_certs()
    else:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context
