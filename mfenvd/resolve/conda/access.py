"""The way to channels: mirrors, credentials, proxies and certificates, as conda's configuration has them.

Credentials stay in memory. Channels are asked for by their bare URL, which is what py-rattler writes into its cache and
into its records; whatever has to be in a URL is added underneath, as a mirror of the channel is.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import msgspec

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.condarc.credentials import Credential, split_credentials
from mfenvd.resolve.conda.buckets import Bucket, bucket

if TYPE_CHECKING:
    from rattler import Client

_TIMEOUT = 300
"""Seconds for one request from start to end: a whole `repodata.json.zst` over a slow line."""

_ATTEMPTS_AGAIN = 2

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

_environment = threading.Lock()


class Login(msgspec.Struct, frozen=True):
    """What the `Authorization` header tells a host: user and password, or a bearer token."""

    host: str
    user: str = ""
    password: str = ""
    bearer: str | None = None

    def __repr__(self) -> str:
        return f"Login({self.host!r})"


class Access(msgspec.Struct, frozen=True):
    """How to reach a request's channels. Its `repr` holds no credentials, `key` follows from them.

    Attributes:
        channels: URLs without credentials and without a `/` at the end, in order of priority.
        mirrors: `(channel, URLs to fetch from)`; URLs may hold conda's tokens.
        logins: At most one per host.
        http_proxy: URL, possibly with credentials; None for none.
        https_proxy: Likewise.
        verify: Whether servers must prove who they are.
        ca_bundle: File or folder of certificates; None for the system's.
        buckets: Those of S3 that channels are in.
    """

    channels: tuple[str, ...]
    mirrors: tuple[tuple[str, tuple[str, ...]], ...] = ()
    logins: tuple[Login, ...] = ()
    http_proxy: str | None = None
    https_proxy: str | None = None
    verify: bool = True
    ca_bundle: str | None = None
    buckets: tuple[Bucket, ...] = ()

    def __repr__(self) -> str:
        return f"Access({self.channels!r})"

    @property
    def key(self) -> str:
        """For telling one access from another in this process. Never to be stored."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    @property
    def is_anonymous(self) -> bool:
        """Whether everybody who asks this way sees the same: nobody is asked by name or with a token.

        Where no key for a bucket is known here, py-rattler looks for one itself.
        """
        reached = [*self.channels, *(place for _, places in self.mirrors for place in places)]
        return not (self.logins or any(map(_shows_who_asks, map(urlsplit, reached))))

    def client(self) -> Client:
        """An HTTP client of py-rattler that goes this way."""
        from rattler import Client, Config

        with _authentication_file(self) as logins, _trusting(self.ca_bundle):
            return Client.from_config(
                Config.from_toml(_toml(self, logins)), max_retries=_ATTEMPTS_AGAIN, timeout=_TIMEOUT
            )


def access_to(
    channels: Sequence[str], configuration: CondaConfiguration, environ: Mapping[str, str] | None = None
) -> Access:
    """The way to `channels`.

    Args:
        channels: Names or URLs, possibly with credentials, in order of priority.
        configuration: conda's.
        environ: The shell's variables, for channels in S3.
    """
    written: dict[str, Credential] = {}
    urls: list[str] = []
    for channel in channels:
        bare, credential = split_credentials(channel)
        for url in configuration.urls(bare):
            urls.append(url)
            if credential is not None:
                written[url] = credential
    mirrors: dict[str, tuple[str, ...]] = {}
    logins: dict[str, Login] = {}
    for url in dict.fromkeys(urls):
        places = _mirrors(url, configuration) or (url,)
        reached = []
        for place in places:
            credential = written.get(place) or configuration.credential(place)
            reached.append(_with_token(place, credential))
            login = _login(place, credential)
            if login is not None:
                logins.setdefault(login.host, login)
        if tuple(reached) != (url,):
            mirrors[url] = tuple(reached)
    return Access(
        channels=tuple(dict.fromkeys(urls)),
        mirrors=tuple(mirrors.items()),
        logins=tuple(logins.values()),
        http_proxy=configuration.proxies.get("http") or configuration.proxies.get("all"),
        https_proxy=configuration.proxies.get("https") or configuration.proxies.get("all"),
        verify=configuration.verify,
        ca_bundle=configuration.ca_bundle,
        buckets=tuple(_buckets([*urls, *(place for places in mirrors.values() for place in places)], environ or {})),
    )


def _shows_who_asks(url: SplitResult) -> bool:
    return url.scheme == "s3" or "@" in url.netloc or url.path.startswith("/t/")


def _buckets(urls: Iterable[str], environ: Mapping[str, str]) -> Iterator[Bucket]:
    names = dict.fromkeys(parts.netloc for url in urls if (parts := urlsplit(url)).scheme == "s3")
    found = (bucket(name, environ) for name in names)
    yield from (one for one in found if one is not None)


def _mirrors(url: str, configuration: CondaConfiguration) -> tuple[str, ...]:
    for channel, places in configuration.mirrors.items():
        if url in configuration.urls(channel):
            return tuple(place.rstrip("/") for place in places)
    return ()


def _with_token(url: str, credential: Credential | None) -> str:
    if credential is None or credential.token is None:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/t/{quote(credential.token, safe='')}{parts.path}"))


def _login(url: str, credential: Credential | None) -> Login | None:
    host = urlsplit(url).hostname
    if host is None or credential is None:
        return None
    if credential.bearer is not None:
        return Login(host, bearer=credential.bearer)
    if credential.user is not None:
        return Login(host, credential.user, credential.password or "")
    return None


def _toml(access: Access, logins: Path) -> str:
    lines = [f"authentication-override-file = {_quoted(str(logins))}"]
    if not access.verify:
        lines.append("tls-no-verify = true")
    if access.ca_bundle is not None:
        lines.append('tls-root-certs = "system"')
    proxies = {"http": access.http_proxy, "https": access.https_proxy}
    lines.append("[proxy-config]")
    lines += [f"{scheme} = {_quoted(proxy)}" for scheme, proxy in proxies.items() if proxy]
    lines.append("[mirrors]")
    lines += [f"{_quoted(url)} = [{', '.join(map(_quoted, places))}]" for url, places in access.mirrors]
    for each in access.buckets:
        lines += [
            f"[s3-options.{_quoted(each.name)}]",
            f"endpoint-url = {_quoted(each.endpoint)}",
            f"region = {_quoted(each.region)}",
            f"addressing-style = {_quoted('path' if each.by_path else 'virtual-host')}",
        ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return msgspec.json.encode(text).decode()


@contextlib.contextmanager
def _authentication_file(access: Access) -> Iterator[Path]:
    """A file that only this user can read, there for as long as it takes py-rattler to read it."""
    entries: dict[str, dict[str, Any]] = {
        login.host: {"BearerToken": login.bearer}
        if login.bearer is not None
        else {"BasicHTTP": {"username": login.user, "password": login.password}}
        for login in access.logins
    }
    for each in access.buckets:
        key = {"access_key_id": each.key_id, "secret_access_key": each.secret, "session_token": each.token}
        entries[f"s3://{each.name}"] = {"S3Credentials": key}
    handle, name = tempfile.mkstemp(prefix="mfenv-")
    file = Path(name)
    try:
        with os.fdopen(handle, "wb") as content:
            content.write(msgspec.json.encode(entries))
        yield file
    finally:
        file.unlink()


@contextlib.contextmanager
def _trusting(ca_bundle: str | None) -> Iterator[None]:
    """The certificates that OpenSSL's variables name are the system's for py-rattler."""
    if ca_bundle is None:
        yield
        return
    with _environment:
        before = {name: os.environ.pop(name, None) for name in _CERTIFICATES}
        os.environ["SSL_CERT_DIR" if Path(ca_bundle).is_dir() else "SSL_CERT_FILE"] = ca_bundle
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
