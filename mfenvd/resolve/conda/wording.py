"""Phrases that findings about conda packages share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mfenvd.domain.arch import Arch
from mfenvd.resolve.conda.words import shortened

Chain = tuple[str, ...]
"""Names from what is asked for to a package, both included."""

MOST_LINES = 200
"""Of the solver's words: these are shown on demand only, but a terminal has an end."""

_MOST_VERSIONS = 5


def side(specs: Sequence[str]) -> str:
    """One of two chains that clash: `pandas ==2.2.2, which needs numpy >=1.22.4`."""
    return ", which needs ".join(specs)


def needed_by(chain: Chain) -> str:
    """A sentence about how the request leads to the package; empty for the request's own."""
    return f" It is needed through {' → '.join(chain)}." if len(chain) > 1 else ""


def few(versions: Sequence[str]) -> str:
    """`2.2.2, 2.2.1, …`."""
    return ", ".join(versions[:_MOST_VERSIONS]) + (", …" if len(versions) > _MOST_VERSIONS else "")


def elsewhere(archs: Mapping[Arch, Sequence[str]]) -> str:
    """`linux-64 (2.2.2, 2.2.1), win-64 (2.2.2)`."""
    return ", ".join(f"{arch} ({few(versions)})" for arch, versions in archs.items())


def told(words: str) -> tuple[str, ...]:
    """The solver's words as details."""
    lines = shortened(words.splitlines())
    return lines if len(lines) <= MOST_LINES else (*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more")


def listed(channels: Iterable[str]) -> str:
    return ", ".join(channels) or "any channel"
