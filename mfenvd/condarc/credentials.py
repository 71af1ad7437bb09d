"""Users, passwords and tokens for channels, found where conda, micromamba and rattler find them."""

from __future__ import annotations

import base64
import binascii
import json
import netrc
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec

_TOKEN = re.compile(r"/t/(?P<token>[a-zA-Z0-9-]+)(?=/|$)")
_API = "https://api."


class Credential(msgspec.Struct, frozen=True):
    """What to send to a host. Its secret is not in its `repr`.

    Attributes:
        place: A host with its port where it has one, a host with a path (`host/team`), or a host pattern (`*.host`).
        user: For basic authentication; None otherwise.
        password: For basic authentication.
        token: conda's token, which goes into the path as `/t/TOKEN/`.
        bearer: A token for the `Authorization: Bearer` header.
    """

    place: str
    user: str | None = None
    password: str | None = None
    token: str | None = None
    bearer: str | None = None

    def __repr__(self) -> str:
        return f"Credential({self.place!r})"

    def covers(self, url: str) -> bool:
        """Whether it is meant for `url` (without credentials)."""
        parts = urlsplit(url)
        host = parts.netloc.lower()
        place = self.place.lower().rstrip("/")
        if place.startswith("*."):
            return fnmatch(parts.hostname or "", place)
        whole = f"{host}{parts.path}"
        return whole == place or whole.startswith(f"{place}/") or place == (parts.hostname or "")


def split_credentials(url: str) -> tuple[str, Credential | None]:
    """A channel's URL without user, password and `/t/TOKEN`, and what was taken out of it.

    What is no URL is returned as it is.
    """
    if "://" not in url or url.lower().startswith("file:"):
        return url, None
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, None
    userinfo, _, host = parts.netloc.rpartition("@")
    found = _TOKEN.search(parts.path)
    if not userinfo and found is None:
        return url, None
    user, colon, password = userinfo.partition(":")
    path = parts.path.replace(found[0], "", 1) if found else parts.path
    bare = urlunsplit(parts._replace(netloc=host, path=path))
    return bare, Credential(
        place=f"{host}{path}".rstrip("/"),
        user=unquote(user) if userinfo else None,
        password=unquote(password) if colon else None,
        token=found["token"] if found else None,
    )


def credential_files(variables: Mapping[str, str], home: Path) -> dict[str, Path]:
    """The files that may hold credentials, by kind: `mamba`, `rattler`, `netrc`, `tokens` (a folder)."""
    named = variables.get("RATTLER_AUTH_FILE")
    return {
        "mamba": home / ".mamba" / "auth" / "authentication.json",
        "rattler": Path(named) if named else home / ".rattler" / "credentials.json",
        "tokens": home / ".continuum" / "anaconda-client" / "tokens",
        "netrc": Path(variables["NETRC"]) if variables.get("NETRC") else home / ".netrc",
    }


def stored_credentials(files: Mapping[str, Path]) -> tuple[Credential, ...]:
    """What the files of `credential_files` hold; what cannot be read is as if it were not there."""
    return (
        *_from_json(files["rattler"]),
        *_from_json(files["mamba"]),
        *_from_tokens(files["tokens"]),
        *_from_netrc(files["netrc"]),
    )


def nearest_credential(url: str, credentials: Iterable[Credential]) -> Credential | None:
    """The one for the longest place that covers `url`; the first of several."""
    covering = [credential for credential in credentials if credential.covers(url)]
    return max(covering, key=lambda credential: len(credential.place), default=None)


def _from_json(file: Path) -> Iterator[Credential]:
    """`authentication.json` of mamba and `credentials.json` of rattler, which differ in their words."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return
    for place, entry in content.items() if isinstance(content, dict) else ():
        if isinstance(entry, dict):
            found = _entry(place, entry)
            if found is not None:
                yield found


def _entry(place: str, entry: Mapping[str, object]) -> Credential | None:
    kind = str(entry.get("type") or next(iter(entry), ""))
    value = entry.get("token", entry.get(kind))
    if kind == "CondaToken" and isinstance(value, str):
        return Credential(place, token=value)
    if kind == "BearerToken" and isinstance(value, str):
        return Credential(place, bearer=value)
    if kind == "BasicHTTP" and isinstance(value, dict):
        return Credential(place, user=str(value.get("username", "")), password=str(value.get("password", "")))
    if kind == "BasicHTTPAuthentication":
        try:
            password = base64.b64decode(str(entry.get("password", "")), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return Credential(place, user=str(entry.get("user", "")), password=password)
    return None


def _from_tokens(folder: Path) -> Iterator[Credential]:
    """anaconda-client's tokens, one file per URL; a token for its API is one for its channels."""
    try:
        files = sorted(folder.glob("*.token"))
    except OSError:
        return
    for file in files:
        url = unquote(file.name.removesuffix(".token"))
        host = urlsplit(url.replace(_API, "https://conda.")).netloc or url
        try:
            token = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if token:
            yield Credential(host, token=token)


def _from_netrc(file: Path) -> Iterator[Credential]:
    try:
        entries = netrc.netrc(os.fspath(file)).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return
    for host, (user, _, password) in entries.items():
        if host != "default":
            yield Credential(host, user=user or "", password=password or "")
