"""What of a shell's variables may be written or shown, and what an answer rests on besides its request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from mfenvd.daemon.version import VERSION
from mfenvd.domain.redact import HIDDEN, redact, secret_parameters
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings

_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_SHORTEST = 6
"""Shorter values (`true`, `1`) would blot out ordinary words."""

_CONFIGURES_INDEXES = ("PIP_", "UV_", "CONDA_CHANNEL", "CONDA_OVERRIDE_", "MAMBA_")


def storable(surroundings: Surroundings) -> Surroundings:
    """What the journal keeps: no secret; of a URL with credentials everything but these.

    Without its index a project would silently be resolved against another one; with the index alone, that
    index refuses and says so.
    """
    kept = dict(surroundings.stored.environ)
    for name, value in surroundings.environ.items():
        if name not in kept and not surroundings.is_secret(name):
            kept[name] = redact(value).replace(f"{HIDDEN}@", "")
    return msgspec.structs.replace(surroundings, environ=kept)


def withheld(surroundings: Surroundings) -> tuple[str, ...]:
    """The variables whose secrets the journal does not keep, sorted."""
    kept = storable(surroundings).environ
    return tuple(sorted(name for name, value in surroundings.environ.items() if value and kept.get(name) != value))


def secret_values(surroundings: Surroundings) -> tuple[str, ...]:
    """Values that nothing may show: of secret variables, and the passwords of URLs. The longest first."""
    found = {value for name, value in surroundings.environ.items() if surroundings.is_secret(name)}
    for value in surroundings.environ.values():
        for secret in (*_PASSWORD.findall(value), *secret_parameters(value)):
            found |= {secret, unquote(secret)}
    # One secret may be part of another.
    return tuple(sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True))


def hide(text: str, secrets: Iterable[str]) -> str:
    """`text` without any of `secrets`, and without the credentials of URLs."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    return redact(text)


def scrubbed(outcome: Outcome, secrets: Collection[str]) -> Outcome:
    """`outcome` without any of `secrets`, however they got into it."""
    clean: Outcome = _without(outcome, secrets)
    return outcome if clean == outcome else clean


def _without(value: Any, secrets: Collection[str]) -> Any:
    """`value`, struct or container, with every secret in its texts hidden; enums stay as they are."""
    if type(value) is str:
        for secret in secrets:
            value = value.replace(secret, HIDDEN)
        return value
    if isinstance(value, msgspec.Struct):
        fields = {name: _without(getattr(value, name), secrets) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    if isinstance(value, dict):
        return {_without(key, secrets): _without(item, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_without(item, secrets) for item in value)
    return value


def basis(surroundings: Surroundings) -> str:
    """A digest of what an outcome rests on besides its request: the configured indexes and mfenv's version.

    Credentials do not count: they decide whether there is an answer, not which.
    """
    kept = storable(surroundings).environ
    return _digest(tuple(sorted(item for item in kept.items() if item[0].startswith(_CONFIGURES_INDEXES))))


@lru_cache(maxsize=64)
def _digest(items: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(msgspec.json.encode((VERSION, items))).hexdigest()[:16]
