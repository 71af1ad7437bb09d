"""What Metaflow looks at before it uses an environment, and what it stumbles over later (2.19.39)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mfenvd.domain.resolution import LockedPackage
from mfenvd.warm.lines import stem
from mfenvd.warm.plan import LocalEnvironment


def shortcomings(prefix: Path, wanted: LocalEnvironment) -> Iterator[str]:
    """What keeps the environment at `prefix` from being `wanted`, one phrase each."""
    if not (prefix / "conda-meta" / "history").exists():
        yield "it is no conda environment"
        return
    if not os.access(prefix / "bin" / "python", os.X_OK):
        yield "it has no Python"
    linked = linked_packages(prefix)
    absent = [package.name for package in wanted.conda.packages if stem(package.filename) not in linked]
    if absent:
        yield f"it lacks {_listed(absent)}"
    if wanted.wheels is not None:
        yield from _pip_shortcomings(prefix, wanted.wheels.packages)


def linked_packages(prefix: Path) -> set[str]:
    """Conda packages that are linked, as `name-version-build`."""
    return {path.stem for path in (prefix / "conda-meta").glob("*.json")}


def read_pip_metadata(prefix: Path) -> dict[str, str] | None:
    """`.pip/metadata`: paths of wheels by URL; None when Metaflow could not read it."""
    try:
        return msgspec.json.decode((prefix / ".pip" / "metadata").read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return None


def _pip_shortcomings(prefix: Path, wheels: tuple[LockedPackage, ...]) -> Iterator[str]:
    metadata = read_pip_metadata(prefix)
    if metadata is None:
        yield "its wheels were not downloaded"
        return
    unlisted = [wheel.name for wheel in wheels if wheel.url not in metadata]
    if unlisted:
        yield f"no wheel of {_listed(unlisted)} was downloaded"
    gone = [wheel.name for wheel in wheels if wheel.url in metadata and not Path(metadata[wheel.url]).exists()]
    if gone:
        yield f"the wheel of {_listed(gone)} is gone"
    if not (prefix / ".pip" / "id").is_file():
        yield "its wheels were not installed"


def _listed(names: list[str]) -> str:
    """`numpy, pandas and 3 more`."""
    shown = names[:3]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
