"""What a match spec is about, without loading what can parse it."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def spec_name(spec: str) -> str:
    """The package that a match spec is about: `numpy` of `conda-forge::numpy >=1.21,<3`."""
    name = _NAME.match(spec.rpartition("::")[2].strip())
    return name[0].lower() if name else spec
