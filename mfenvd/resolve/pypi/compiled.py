"""What `uv pip compile` prints: names, versions, and who asked for what."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec
from packaging.utils import canonicalize_name

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[[^\]]*\])?(==(?P<version>\S+)| @ (?P<url>\S+))")
_VIA = re.compile(r"# via\b *")


class Pinned(msgspec.Struct, frozen=True):
    """One package of uv's answer.

    Attributes:
        name: Canonical name.
        version: None for one that has an address of its own.
        url: That address, perhaps with credentials; None for one from an index.
        via: Canonical names of the packages that need it, sorted; the request is not among them.
    """

    name: str
    version: str | None = None
    url: str | None = None
    via: tuple[str, ...] = ()


def parse_compiled(text: str) -> tuple[Pinned, ...]:
    """The packages of a requirements file as uv writes it with `--annotation-style split`.

    Raises:
        ValueError: A line is of a form that uv is not known to write.
    """
    packages: list[Pinned] = []
    via: list[list[str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if not line.startswith("#"):
            packages.append(_pinned(line))
            via.append([])
        elif packages:
            via[-1].append(_VIA.sub("", line).removeprefix("#").strip())
    return tuple(
        msgspec.structs.replace(package, via=_names(sources)) for package, sources in zip(packages, via, strict=True)
    )


def _pinned(line: str) -> Pinned:
    match = _PINNED.match(line)
    if match is None:
        raise ValueError(f"uv wrote a line that is not understood: {line}")
    return Pinned(canonicalize_name(match["name"]), match["version"], match["url"])


def _names(sources: Iterable[str]) -> tuple[str, ...]:
    """Without `-r FILE` and `-c FILE`, which are the request's own."""
    return tuple(sorted({canonicalize_name(source) for source in sources if source and not source.startswith("-")}))
