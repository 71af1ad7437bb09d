"""Which resolver serves which kind of environment."""

from __future__ import annotations

from mfenvd.domain.request import Kind
from mfenvd.domain.resolver import Resolver
from mfenvd.resolve.pypi.resolver import PypiResolver


def resolvers() -> dict[Kind, Resolver]:
    """Those that there are; the engine says of every other kind that it is not resolved yet."""
    return {Kind.PYPI: PypiResolver()}
