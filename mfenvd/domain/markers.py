"""The PEP 508 marker environment of a target: what its own interpreter would answer."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from functools import lru_cache

from packaging.markers import Environment, Marker

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import Target

_SYSTEMS = {
    # arch family: os_name, sys_platform, platform_system
    "linux": ("posix", "linux", "Linux"),
    "osx": ("posix", "darwin", "Darwin"),
    "win": ("nt", "win32", "Windows"),
}


@lru_cache(maxsize=256)
def marker_environment(target: Target) -> Environment:
    """All variables of PEP 508. The kernel's release and version are not knowable from here and empty."""
    os_name, sys_platform, platform_system = _SYSTEMS[target.arch.partition("-")[0]]
    return {
        "implementation_name": "cpython",
        "implementation_version": target.python_full,
        "os_name": os_name,
        "platform_machine": target.arch.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": platform_system,
        "platform_version": "",
        "python_full_version": target.python_full,
        "python_version": ".".join(map(str, target.python_minor)),
        "sys_platform": sys_platform,
    }


def holds(marker: str, target: Target) -> bool:
    """Whether a PEP 508 marker holds on `target`.

    Raises:
        packaging.markers.InvalidMarker: It is none.
    """
    variables: dict[str, str | AbstractSet[str]] = {
        name: str(value) for name, value in marker_environment(target).items()
    }
    return Marker(marker).evaluate(variables)


def host_arch(system: str, machine: str) -> Arch | None:
    """The arch whose `platform.system()` and `platform.machine()` these are; None when mfenv knows none."""
    for arch in Arch:
        family = arch.partition("-")[0]
        if _SYSTEMS[family][2] == system and arch.machine.lower() == machine.lower():
            return arch
    return None


def marker_of_archs(archs: Collection[Arch]) -> str:
    """The PEP 508 marker that holds on `archs` (at least one) alone."""
    parts = []
    for family, (_, sys_platform, _) in _SYSTEMS.items():
        every = [arch for arch in Arch if arch.partition("-")[0] == family]
        found = [arch for arch in every if arch in archs]
        if found == every:
            parts.append(f"sys_platform == '{sys_platform}'")
        else:
            parts += [f"sys_platform == '{sys_platform}' and platform_machine == '{arch.machine}'" for arch in found]
    return " or ".join(parts)
