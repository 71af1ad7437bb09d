"""URLs of indexes: paths among them, credentials in them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from mfenvd.domain.file_urls import path_of_file_url


def split(url: str) -> SplitResult:
    """`urlsplit(url)`; what is not a URL comes out as a path, and fails where it is asked for."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", url, "", "")


def as_url(index: str, base: Path) -> str:
    """`index` as a URL without a trailing slash; pip takes the path of a folder, relative to `base`, as well."""
    if "://" not in index and not index.startswith("file:"):
        index = (base / index).absolute().as_uri()
    return index if index.endswith("://") else index.rstrip("/")


def location(link: str, base: Path) -> str:
    """A find-links entry as a URL or an absolute path; `~` is the home folder's, as in pip."""
    if "://" in link or link.startswith("file:"):
        return link
    return str((base / Path(link).expanduser()).absolute())


def path_of(place: str) -> Path | None:
    """The path that a `file:` URL or a plain path means; None for every other URL."""
    if place.startswith("file:"):
        return path_of_file_url(place)
    return None if "://" in place else Path(place)


def userinfo(url: str) -> tuple[str, str | None] | None:
    """User and password of `url`, decoded; None when it holds neither."""
    parts = split(url)
    if parts.username is None and parts.password is None:
        return None
    return unquote(parts.username or ""), unquote(parts.password) if parts.password is not None else None


def with_userinfo(url: str, user: str | None, password: str | None) -> str:
    """`url` with these credentials, unless it has its own or there are none."""
    parts = split(url)
    if (user is None and password is None) or "@" in parts.netloc:
        return url
    secret = f":{quote(password, safe='')}" if password is not None else ""
    return urlunsplit(parts._replace(netloc=f"{quote(user or '', safe='')}{secret}@{parts.netloc}"))


def host_of(url: str) -> str:
    """`host` or `host:port` of `url`, lower case, without credentials."""
    return split(url).netloc.rpartition("@")[2].lower()


def is_loopback(url: str) -> bool:
    """Whether `url` is of this machine, by a name or address that cannot mean another one."""
    host = split(url).hostname or ""
    return host == "localhost" or _in_network(host, "127.0.0.0/8") or host == "::1"


def names_host(hosts: Iterable[str], url: str) -> bool:
    """Whether one of `hosts` (`host` or `host:port`, as in pip's trusted hosts) is that of `url`."""
    return not {host_of(url), (split(url).hostname or "")}.isdisjoint(host.lower() for host in hosts)


def reached_directly(url: str, no_proxy: str) -> bool:
    """Whether `no_proxy` (comma-separated hosts, domains, addresses, networks; `*` for all) exempts `url`."""
    host = split(url).hostname or ""
    for entry in filter(None, (part.strip().lower() for part in no_proxy.split(","))):
        domain = entry.lstrip("*.")
        if entry in {"*", host_of(url)} or domain == host or host.endswith(f".{domain}") or _in_network(host, entry):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def quoted_for_list(place: str) -> str:
    """`place` as one entry of a comma-separated variable."""
    return place.replace(",", "%2C")
