"""HTTP as indexes need it: pooled, retried, with their credentials, certificates and proxies."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import InsecureRequestWarning, NewConnectionError, ReadTimeoutError
from urllib3.util.retry import Retry

from mfenvd.domain.redact import redact
from mfenvd.resolve.index.certificates import Unchecked, https_adapter
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.credentials import Credentials
from mfenvd.resolve.index.errors import IndexRefuses, IndexUnreachable, IndexUnreadable
from mfenvd.resolve.index.urls import host_of, reached_directly

_POOL = 16

BACKOFF = 0.3
"""Seconds before the second attempt; each further one waits twice as long."""

_CONNECT_TIMEOUT = 5.0

# Seconds for which a host that could not be reached is not tried again by the same process.
_BENCHED_FOR = 30.0


# What may stand in a chain of errors, the most telling first: the words, and whether it holds for the whole host.
_CAUSES: tuple[tuple[type[BaseException], str, bool], ...] = (
    (ReadTimeoutError, "the time limit is over", False),
    (socket.gaierror, "its name cannot be resolved", True),
    (ConnectionRefusedError, "the connection is refused", True),
    (TimeoutError, "the time limit for connecting is over", True),
)


class HttpTransport:
    """Fetches for one configuration; safe to use from several threads.

    Nothing is taken from this process's own environment: what counts is the configuration.
    """

    def __init__(self, config: IndexConfiguration, environ: Mapping[str, str]) -> None:
        self._config = config
        self._credentials = Credentials(config, environ)
        self._session = _session(config, self._credentials)
        self._benched: dict[str, tuple[float, str]] = {}

    def get(
        self, url: str, *, index: str, headers: Mapping[str, str] | None = None, stream: bool = False
    ) -> requests.Response:
        """As `Transport.get` says."""
        host = host_of(url)
        self._check_bench(host, index)
        try:
            response = self._attempts(url, index, headers, stream=stream)
        except (requests.ConnectionError, requests.Timeout) as error:
            cause, is_host = _cause(error)
            if is_host:
                self._benched[host] = (time.monotonic(), cause)
            raise IndexUnreachable(index, cause) from error
        if response.status_code in {200, 206, 304, 404, 410, 416}:
            return response
        response.close()
        if response.status_code in {401, 403}:
            had = "Authorization" in response.request.headers
            raise IndexRefuses(index, response.status_code, had_credentials=had)
        if response.status_code == 407:
            raise IndexUnreachable(index, "the proxy wants credentials")
        if response.status_code == 429 or response.status_code >= 500:
            raise IndexUnreachable(index, f"HTTP status {response.status_code}")
        raise IndexUnreadable(index, f"HTTP status {response.status_code}")

    def close(self) -> None:
        self._session.close()

    def _attempts(self, url: str, index: str, headers: Mapping[str, str] | None, *, stream: bool) -> requests.Response:
        login = self._credentials.for_url(url)
        response = self._once(url, index, headers, stream=stream)
        if response.status_code == 401 and self._credentials.ask_keyring(url, login):
            response.close()
            response = self._once(url, index, headers, stream=stream)
        return response

    def _once(self, url: str, index: str, headers: Mapping[str, str] | None, *, stream: bool) -> requests.Response:
        """One request; a body that breaks off is asked for once more, as `Retry` sees headers only."""
        for last in (False, True):
            try:
                return self._session.get(
                    url,
                    headers=headers,
                    auth=self._auth(url),
                    timeout=(min(self._config.timeout, _CONNECT_TIMEOUT), self._config.timeout),
                    proxies=self._proxies(url),
                    stream=stream,
                )
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError) as error:
                if last:
                    raise IndexUnreachable(index, "the answer breaks off") from error
            except requests.TooManyRedirects as error:
                raise IndexUnreadable(index, "redirects without end") from error
            except (requests.ConnectionError, requests.Timeout):
                raise
            except requests.RequestException as error:
                raise IndexUnreachable(index, f"it cannot be asked ({redact(str(error))})") from error
            except OSError as error:
                # requests' own words for a bundle or client certificate that is not there.
                raise IndexUnreachable(index, str(error)) from error
        raise AssertionError

    def _check_bench(self, host: str, index: str) -> None:
        since, cause = self._benched.get(host, (float("-inf"), ""))
        if time.monotonic() - since < _BENCHED_FOR:
            raise IndexUnreachable(index, cause)

    def _auth(self, url: str) -> HTTPBasicAuth | None:
        login = self._credentials.for_url(url)
        return _basic(login) if login is not None else None

    def _proxies(self, url: str) -> dict[str, str]:
        if reached_directly(url, self._config.no_proxy):
            return {}
        return self._config.proxies


class _Session(requests.Session):
    """A session that knows the credentials of the host that it is redirected to."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if "Authorization" not in prepared_request.headers and prepared_request.url:
            login = self._credentials.for_url(prepared_request.url)
            if login is not None:
                prepared_request.prepare_auth(_basic(login))


def _session(config: IndexConfiguration, credentials: Credentials) -> _Session:
    session = _Session(credentials)
    session.trust_env = False
    session.headers["User-Agent"] = "mfenv"
    session.cert = config.client_cert
    session.verify = config.cert or True
    # Retry-After is not waited for: an index that asks for an hour of patience is one that does not answer now.
    retries = Retry(
        total=3,
        connect=1,
        read=1,
        other=0,
        backoff_factor=BACKOFF,
        status_forcelist=(429, 500, 502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    session.mount("http://", HTTPAdapter(max_retries=retries, pool_maxsize=_POOL))
    session.mount("https://", https_adapter(config.cert, config.client_cert, max_retries=retries, pool_maxsize=_POOL))
    unchecked = Unchecked(max_retries=retries, pool_maxsize=_POOL)
    for host in config.trusted_hosts:
        place = f"https://[{host}]" if host.count(":") > 1 and "[" not in host else f"https://{host}"
        session.mount(f"{place}/", unchecked)
        session.mount(f"{place}:", unchecked)
    if config.trusted_hosts:
        urllib3.disable_warnings(InsecureRequestWarning)
    return session


def _basic(login: tuple[str, str]) -> HTTPBasicAuth:
    user, password = login
    return HTTPBasicAuth(user.encode(), password.encode())


def _cause(error: requests.RequestException) -> tuple[str, bool]:
    """The reason in a few words, and whether it holds for everything on that host."""
    chain = list(_chain(error))
    detail = redact(str(chain[-1])).strip(" .") or type(chain[-1]).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not accepted ({detail})", True
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy does not let it through ({detail})", True
    for kind, words, is_host in _CAUSES:
        if any(isinstance(link, kind) for link in chain):
            return words, is_host
    return detail, any(isinstance(link, NewConnectionError) for link in chain)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what it wraps, down to the system's own: each library has its own way to say it."""
    while error is not None:
        yield error
        wrapped = (getattr(error, "reason", None), *error.args, error.__cause__)
        error = next((inner for inner in wrapped if isinstance(inner, BaseException)), None)
