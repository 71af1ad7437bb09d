"""The seam between what is asked of indexes and HTTP, which most runs get by without."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

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
    """HTTP that is loaded when it is first needed: requests takes longer to load than a warm cache to answer."""

    def __init__(self, config: IndexConfiguration, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._loaded: HttpTransport | None = None
        self._lock = threading.Lock()

    def get(
        self, url: str, *, index: str, headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        return self._transport().get(url, index=index, headers=headers, stream=stream)

    def close(self) -> None:
        if self._loaded is not None:
            self._loaded.close()

    def _transport(self) -> HttpTransport:
        with self._lock:
            if self._loaded is None:
                from mfenvd.resolve.index.http import HttpTransport

                self._loaded = HttpTransport(self._config, self._environ)
            return self._loaded
