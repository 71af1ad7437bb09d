"""The seam between what is asked of indexes and HTTP, which most runs get by without."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import msgspec

from mfenvd.resolve.index.configuration import IndexConfiguration

if TYPE_CHECKING:
    import requests

    from mfenvd.resolve.index.http import HttpTransport


class Transport(Protocol):
    """Gets what a URL has."""

    def get(
        self, url: str, *, index: str, headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        """The answer to GET, whatever of 200, 206, 304, 404, 410, 416 it is, complete unless `stream`.

        Args:
            url: Without credentials.
            index: For messages: the index that `url` belongs to.
            headers: Further ones.
            stream: Leave the body to be read by the caller, who closes the response.

        Raises:
            IndexUnreachable: No answer, half an answer, or 5xx and the like after all attempts.
            IndexRefuses: 401 or 403.
            IndexUnreadable: Any other status, or redirects without end.
        """
        ...


class LateTransport:
    """HTTP that is loaded when it is first needed: requests takes longer to load than a warm cache to answer.

    Those of one configuration that are open at the same time share their connections: each one costs a handshake and a
    question to the name server, and name servers drop some of many questions at once.
    """

    def __init__(self, config: IndexConfiguration, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._key = msgspec.json.encode((config, environ), order="deterministic")
        self._loaded: HttpTransport | None = None
        self._lock = threading.Lock()

    def get(
        self, url: str, *, index: str, headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        return self._transport().get(url, index=index, headers=headers, stream=stream)

    def close(self) -> None:
        with self._lock:
            if self._loaded is not None:
                self._loaded = None
                _release(self._key)

    def _transport(self) -> HttpTransport:
        with self._lock:
            if self._loaded is None:
                self._loaded = _acquire(self._key, self._config, self._environ)
            return self._loaded


class _Shared:
    """A transport, and how many use it."""

    def __init__(self, transport: HttpTransport) -> None:
        self.transport = transport
        self.users = 0


_shared: dict[bytes, _Shared] = {}
_sharing = threading.Lock()


def _acquire(key: bytes, config: IndexConfiguration, environ: Mapping[str, str]) -> HttpTransport:
    from mfenvd.resolve.index.http import HttpTransport

    with _sharing:
        if key not in _shared:
            _shared[key] = _Shared(HttpTransport(config, environ))
        _shared[key].users += 1
        return _shared[key].transport


def _release(key: bytes) -> None:
    with _sharing:
        _shared[key].users -= 1
        if not _shared[key].users:
            _shared.pop(key).transport.close()
