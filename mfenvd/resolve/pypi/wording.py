"""Phrases that findings share."""

from __future__ import annotations

from collections.abc import Sequence

from mfenvd.domain.target import Target
from mfenvd.resolve.explain import glibc_needed
from mfenvd.resolve.index.files import DistFile

MOST_LINES = 40
"""Of details: what a person still reads; the rest is summed up."""

Chain = tuple[str, ...]
"""Canonical names from a root requirement to a package, both included."""


def place(target: Target) -> str:
    """`linux-64 with Python 3.11`."""
    return f"{target.arch} with Python {target.python}"


def needed_by(chain: Chain) -> str:
    """A sentence about how the request leads to the package; empty for the request's own."""
    return f" It is needed through {' → '.join(chain)}." if len(chain) > 1 else ""


def side(chain: Chain, specifier: str) -> str:
    """One of two requirements that clash: `numpy<2 (from a → b)`."""
    wanted = f"{chain[-1]}{specifier}"
    return f"{wanted} (asked for directly)" if len(chain) == 1 else f"{wanted} (from {' → '.join(chain[:-1])})"


def only_sdist(file: DistFile) -> str:
    return f"{file.filename}: a source distribution, and there is no wheel"


def because(reason: str) -> str:
    return f" ({reason})" if reason else ""


def cut(lines: Sequence[str]) -> tuple[str, ...]:
    """`lines` up to what a person still reads."""
    if len(lines) <= MOST_LINES:
        return tuple(lines)
    return (*lines[:MOST_LINES], f"… and {len(lines) - MOST_LINES} more")


def glibc_of(file: DistFile, target: Target) -> str:
    """The GLIBC that a wheel needs on the target's arch, as `2.28`."""
    return dotted(glibc_needed(file, target.arch) or (0, 0))


def dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
