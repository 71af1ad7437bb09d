"""What of a shell's variables may be written, and what an answer rests on besides its request."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

from mfenvd.daemon.version import VERSION
from mfenvd.domain.redact import HIDDEN, is_secret, redact
from mfenvd.domain.surroundings import Surroundings

_CONFIGURES_INDEXES = ("PIP_", "UV_", "CONDA_CHANNEL", "CONDA_OVERRIDE_", "MAMBA_")


def storable(surroundings: Surroundings) -> Surroundings:
    """What the journal keeps: no secret; of a URL with credentials everything but these.

    Without its index a project would silently be resolved against another one; with the index alone, that
    index refuses and says so.
    """
    kept = dict(surroundings.stored.environ)
    for name, value in surroundings.environ.items():
        if name not in kept and not is_secret(name):
            kept[name] = redact(value).replace(f"{HIDDEN}@", "")
    return msgspec.structs.replace(surroundings, environ=kept)


def withheld(surroundings: Surroundings) -> tuple[str, ...]:
    """The variables whose secrets the journal does not keep, sorted."""
    kept = storable(surroundings).environ
    return tuple(sorted(name for name, value in surroundings.environ.items() if value and kept.get(name) != value))


def secret_values(surroundings: Surroundings) -> set[str]:
    """Values that no log may show."""
    return {value for name, value in surroundings.environ.items() if is_secret(name)}


def basis(surroundings: Surroundings) -> str:
    """A digest of what an outcome rests on besides its request: the configured indexes and mfenv's version.

    Credentials do not count: they decide whether there is an answer, not which.
    """
    kept = storable(surroundings).environ
    return _digest(tuple(sorted(item for item in kept.items() if item[0].startswith(_CONFIGURES_INDEXES))))


@lru_cache(maxsize=64)
def _digest(items: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(msgspec.json.encode((VERSION, items))).hexdigest()[:16]
