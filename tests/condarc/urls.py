"""Credentials as they would stand in a URL."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.condarc.credentials import Credential


def with_credential(url: str, credential: Credential | None) -> str:
    """`url` with the credential in it, as conda takes it; a bearer token has no place in a URL."""
    if credential is None:
        return url
    parts = urlsplit(url)
    token = f"/t/{credential.token}" if credential.token else ""
    user = quote(credential.user, safe="") if credential.user is not None else ""
    password = f":{quote(credential.password, safe='')}" if credential.password is not None else ""
    netloc = f"{user}{password}@{parts.netloc}" if user else parts.netloc
    return urlunsplit(parts._replace(netloc=netloc, path=f"{token}{parts.path}"))


def authenticated(found: CondaConfiguration, url: str) -> str:
    """`url`, which has no credentials, with those that the configuration has for it."""
    return with_credential(url, found.credential(url))
