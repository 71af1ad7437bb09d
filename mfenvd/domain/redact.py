"""Keeps credentials out of whatever is shown, logged, stored or hashed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

HIDDEN = "****"

# The scheme's length is bounded, or a long word without a colon would take time by its square.
_URL_WITH_CREDENTIALS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{0,30}://)(?P<userinfo>[^/\s'\"<>]+)@")
# conda's token for a channel. In any text it is taken for one only where nothing else is likely to stand: right behind
# the host, and long.
_TOKEN = re.compile(r"/t/[A-Za-z0-9-]+(?=/|$)")
_URL_WITH_TOKEN = re.compile(
    r"(?P<host>[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/\s'\"<>]+/t/)(?:tk-[A-Za-z0-9-]+|[A-Za-z0-9-]{20,})"
)
# Of a value that a sentence goes on behind, the punctuation at its end is the sentence's.
_PARAMETER = re.compile(r"(?P<name>[?&;#][A-Za-z0-9_.~%\[\]-]{1,60}=)(?P<value>[^\s&#\"<>`]*[^\s&#\"<>`'),.;:\]}])")
# Besides the names that variables have: signed links of the object stores, and tokens in short.
_SECRET_PARAMETER = re.compile(
    r"SIGNATURE|ACCESSKEY|PWD|PASSPHRASE|JWT|SESSION|\b(?:SIG|SAS|KEY|PASS|CODE)\b", re.IGNORECASE
)
_SECRET_NAME = re.compile(
    r"SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY|PRIVATE_KEY|STORAGE_KEY|CONNECTION_STRING|SERVICE_HEADERS|IDENTITY_HEADER|AUTH",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the secrets of every URL in it replaced by `****`.

    That is user and password, conda's tokens (`/t/TOKEN/`), and parameters whose name says so (`?token=…`, `&sig=…`).
    The user `git` of an ssh URL is everybody's, and stays.
    """
    text = _URL_WITH_TOKEN.sub(rf"\g<host>{HIDDEN}", _URL_WITH_CREDENTIALS.sub(_without_userinfo, text))
    return _PARAMETER.sub(_without_value, text)


def secret_parameters(url: str) -> tuple[str, ...]:
    """The values in `url` that `redact` hides behind the names of parameters, as they stand there."""
    return tuple(found["value"] for found in _PARAMETER.finditer(url) if _names_secret(found["name"]))


def shown_url(url: str) -> str:
    """`url` as it may be shown: without user and password, its secret parameters hidden."""
    return redact(without_credentials(url))


def without_credentials(url: str) -> str:
    """`url` without user and password, for hashing and comparing; what is no URL loses what looks like them."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return _URL_WITH_CREDENTIALS.sub(r"\g<scheme>", url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def without_channel_credentials(channel: str) -> str:
    """A conda channel without user, password and token (`/t/TOKEN`), for hashing, comparing and showing."""
    if "://" not in channel or channel.startswith("file:"):
        return channel
    return _TOKEN.sub("", without_credentials(channel), count=1)


def is_secret(name: str) -> bool:
    """Whether an environment variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


def redact_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` as it may be shown: secrets hidden by name, credentials hidden in URLs; sorted by name."""
    return {name: HIDDEN if is_secret(name) and value else redact(value) for name, value in sorted(environ.items())}


def _without_value(parameter: re.Match[str]) -> str:
    return f"{parameter['name']}{HIDDEN}" if _names_secret(parameter["name"]) else parameter[0]


def _names_secret(parameter: str) -> bool:
    return _SECRET_PARAMETER.search(parameter) is not None or is_secret(parameter)


def _without_userinfo(url: re.Match[str]) -> str:
    return url[0] if url["userinfo"] == "git" else f"{url['scheme']}{HIDDEN}@"


def shown_packages(packages: Mapping[str, str]) -> dict[str, str]:
    """The packages as written, but for credentials in URLs."""
    return {redact(name): redact(version) for name, version in packages.items()}
