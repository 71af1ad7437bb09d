"""The wheels of an environment, put together over archs."""

from __future__ import annotations

import msgspec

from mfenvd.cli.errors import CannotExportError
from mfenvd.cli.exports.selection import Exported
from mfenvd.domain.arch import Arch
from mfenvd.domain.markers import marker_of_archs
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage


class Pin(msgspec.Struct, frozen=True):
    """One version of a package.

    Attributes:
        name: Canonical.
        version: As its file says.
        files: What archs get, each once.
        marker: On which archs it is needed (PEP 508); None for all of them.
    """

    name: str
    version: str
    files: tuple[LockedPackage, ...]
    marker: str | None = None


def pins(environment: Exported, format_name: str) -> tuple[Pin, ...]:
    """Sorted by name; a package has several where archs differ in its version.

    Raises:
        CannotExportError: There are no wheels.
    """
    found: dict[tuple[str, str, str], dict[Arch, LockedPackage]] = {}
    for arch, wheels in environment.of_kind(Kind.PYPI).items():
        for wheel in wheels:
            # What is built from different places is different, whatever its version.
            place = wheel.url if wheel.built else ""
            found.setdefault((wheel.name, wheel.version, place), {})[arch] = wheel
    if not found:
        fix = "Use `--format conda-lock` or `--format explicit`."
        raise CannotExportError(f"{environment.name} has no wheels, which {format_name} is for.", fix)
    return tuple(
        Pin(
            name,
            version,
            tuple({wheel.filename: wheel for wheel in by_arch.values()}.values()),
            marker_of_archs(by_arch) if len(by_arch) < len(environment.archs) else None,
        )
        for (name, version, _), by_arch in sorted(found.items())
    )
