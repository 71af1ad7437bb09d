"""Where the packages of a request stand in the source."""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.utils import canonicalize_name

from mfenvd.domain.finding import Location

_NAME = re.compile(r"\s*([A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9])?)")


def origin_of(name: str, origins: Mapping[str, Location]) -> Location | None:
    """Where a package stands, by its name as written: `pkg[extra]`, `channel::pkg` and `pkg@git+…` count as `pkg`."""
    bare = _NAME.match(name.rpartition("::")[2])
    return origins.get(name) or (origins.get(canonicalize_name(bare[1])) if bare else None)
