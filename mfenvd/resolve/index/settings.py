"""What one tool's variables or files say about indexes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class IndexSettings(msgspec.Struct, frozen=True):
    """As `IndexConfiguration` has them; None (or empty) where nothing is said. URLs may hold credentials.

    Attributes:
        keyring: `disabled` switches the `keyring` command off.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool | None = None
    trusted_hosts: tuple[str, ...] = ()
    cert: str | None = None
    client_cert: str | None = None
    proxy: str | None = None
    timeout: float | None = None
    keyring: str | None = None


def merged(layers: Iterable[IndexSettings]) -> IndexSettings:
    """Each setting of the first layer that has it."""
    found: dict[str, object] = {}
    for layer in layers:
        for field in IndexSettings.__struct_fields__:
            value = getattr(layer, field)
            if value is not None and value != ():
                found.setdefault(field, value)
    return msgspec.convert(found, IndexSettings)


def flag(text: str) -> bool | None:
    """What pip and uv take for yes and no; None for anything else."""
    lowered = text.strip().lower()
    if lowered in {"1", "yes", "y", "true", "t", "on"}:
        return True
    return False if lowered in {"0", "no", "n", "false", "f", "off"} else None


def seconds(text: str) -> float | None:
    """A positive number of seconds; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value > 0 else None
