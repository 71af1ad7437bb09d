"""Why a wheel does not fit a target, and what there is instead: the reasons are the product."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.platforms import ANY, LINUX, MACOS, Platform, machine_of, parse_platform, system_of
from mfenvd.domain.tags import best_rank, platform_tags, tag_ranks
from mfenvd.domain.target import DEFAULT_GLIBC, DEFAULT_MACOS, Target, version_pair
from mfenvd.resolve.index.files import DistFile

_INTERPRETER = re.compile(r"(?P<implementation>[a-z]+)(?P<major>[0-9])(?P<minor>[0-9]*)")
_ABI = re.compile(r"cp(?P<version>[0-9]+)(?P<flags>[a-z]*)")
_IMPLEMENTATIONS = {"cp": "Python", "py": "Python", "pp": "PyPy", "graalpy": "GraalPy"}


class Axis(str, Enum):
    """One way in which a wheel and a target can differ, by the word that users read."""

    OS = "OS"
    ARCH = "arch"
    PYTHON = "Python"
    ABI = "ABI"
    LIBC = "libc"
    MACOS = "macOS"
    GLIBC = "GLIBC"

    def __str__(self) -> str:
        return self.value


# From what separates most to what separates least: of a wheel's tags, the one that fails on the least is told.
_WEIGHT = {axis: weight for weight, axis in enumerate(reversed(Axis))}


class Rejection(msgspec.Struct, frozen=True):
    """A wheel that does not fit.

    Attributes:
        filename: Of the wheel.
        version: As its name says.
        axes: All on which its nearest tag fails, in the order of `Axis`; never empty.
        needs: What it would fit, in a few words: `Python 3.12, GLIBC 2.28`.
        glibc: The GLIBC it needs, where that is among the axes.
        macos: The macOS it needs, where that is among the axes.
    """

    filename: str
    version: str
    axes: tuple[Axis, ...]
    needs: str
    glibc: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None

    def __str__(self) -> str:
        return f"{self.filename}: {', '.join(map(str, self.axes))} (needs {self.needs})"


class _Misfit(msgspec.Struct, frozen=True):
    """How one tag misses a target; no axes when it does not."""

    axes: frozenset[Axis]
    tag: str
    needs: dict[Axis, str]
    glibc: tuple[int, int] | None = None
    macos: tuple[int, int] | None = None

    @property
    def weight(self) -> tuple[int, int, tuple[int, int], str]:
        """Orders misfits, the nearest first."""
        total = sum(2 ** _WEIGHT[axis] for axis in self.axes)
        return len(self.axes), total, self.glibc or self.macos or (0, 0), self.tag


def fits(file: DistFile, target: Target) -> bool:
    """Whether `file` is a wheel that installs on `target`, by its tags and by the index's word on Python."""
    return file.is_wheel and best_rank(file.tags, target) is not None and python_allows(file.requires_python, target)


@lru_cache(maxsize=8192)
def python_allows(requires_python: str | None, target: Target) -> bool:
    """Whether `Requires-Python` admits the target's interpreter; as in pip, one that is not valid does."""
    if not requires_python:
        return True
    try:
        return SpecifierSet(requires_python).contains(target.python_full, prereleases=True)
    except InvalidSpecifier:
        return True


def rejections(files: Iterable[DistFile], target: Target) -> tuple[Rejection, ...]:
    """One for each wheel that does not fit, in the given order; source distributions are passed over."""
    found = (rejection(file, target) for file in files if file.is_wheel)
    return tuple(reason for reason in found if reason is not None)


def rejection(file: DistFile, target: Target) -> Rejection | None:
    """Why wheel `file` does not fit; None when it does."""
    misfit = _nearest_misfit(file.tags, target)
    axes, needs = set(misfit.axes), dict(misfit.needs)
    if not python_allows(file.requires_python, target):
        axes.add(Axis.PYTHON)
        needs[Axis.PYTHON] = f"Python {file.requires_python}"
    if not axes:
        return None
    return Rejection(
        filename=file.filename,
        version=file.version,
        axes=tuple(axis for axis in Axis if axis in axes),
        needs=", ".join(needs[axis] for axis in Axis if axis in axes),
        glibc=misfit.glibc if Axis.GLIBC in axes else None,
        macos=misfit.macos if Axis.MACOS in axes else None,
    )


def glibc_needed(file: DistFile, arch: Arch | None = None) -> tuple[int, int] | None:
    """The oldest GLIBC that a wheel runs with: of several tags the lowest; None when it asks for none.

    Args:
        file: Any file.
        arch: Counts only tags of this arch; None counts all.
    """
    return _lowest(platform.glibc for platform in _platforms(file, LINUX, arch) if platform.musl is None)


def macos_needed(file: DistFile, arch: Arch | None = None) -> tuple[int, int] | None:
    """Likewise the oldest macOS."""
    return _lowest(platform.macos for platform in _platforms(file, MACOS, arch))


def archs_with_wheels(files: Iterable[DistFile]) -> tuple[Arch, ...]:
    """The archs that at least one of the wheels is for, whatever Python, GLIBC or macOS it asks for."""
    platforms = {parse_platform(tag.platform) for file in files for tag in file.tags}
    return tuple(arch for arch in Arch if any(platform.runs_on(arch) for platform in platforms))


def nearest_version(files: Iterable[DistFile], specifier: str | SpecifierSet | None, target: Target) -> str | None:
    """The version to write instead: one with a wheel that fits `target`, as near as possible to `specifier`.

    Within the specifier the newest. Else the newest below the newest version that the specifier admits (or, when none
    exists, that it names), else the oldest above. Final releases go before pre-releases, withdrawn ones do not count.

    Returns:
        As the file says it; None when no version has a wheel that fits.

    Raises:
        InvalidSpecifier: `specifier` is not one.
    """
    files = list(files)
    allowed = specifier if isinstance(specifier, SpecifierSet) else SpecifierSet(specifier or "")
    fitting = {file.parsed_version: file.version for file in files if file.yanked is None and fits(file, target)}
    candidates = [version for version in fitting if not version.is_prerelease] or list(fitting)
    if not candidates:
        return None
    within = [version for version in candidates if allowed.contains(version, prereleases=True)]
    if within:
        return fitting[max(within)]
    wanted = _wanted_version(files, allowed)
    below = [version for version in candidates if wanted is None or version <= wanted]
    return fitting[max(below) if below else min(candidates)]


def _wanted_version(files: Iterable[DistFile], allowed: SpecifierSet) -> Version | None:
    """The newest existing version that `allowed` admits, else the highest that it names."""
    existing = {file.parsed_version for file in files}
    admitted = [version for version in existing if allowed.contains(version, prereleases=True)]
    named = [Version(spec.version.removesuffix(".*")) for spec in allowed if spec.operator != "==="]
    return max(admitted or named, default=None)


@lru_cache(maxsize=32768)
def _nearest_misfit(tags: frozenset[Tag], target: Target) -> _Misfit:
    return min((_misfit(tag, target) for tag in tags), key=lambda misfit: misfit.weight)


@lru_cache(maxsize=32768)
def _misfit(tag: Tag, target: Target) -> _Misfit:
    if tag in tag_ranks(target):
        return _Misfit(frozenset(), str(tag), {})
    platform = parse_platform(tag.platform)
    needs = _platform_needs(tag.platform, platform, target) | _python_needs(tag, target)
    if not needs:
        # Each part is known to the target, their combination is not, as in cp311-cp311-any.
        needs = {Axis.ABI: f"the tag {tag}"}
    return _Misfit(frozenset(needs), str(tag), needs, glibc=platform.glibc, macos=platform.macos)


def _platform_needs(tag: str, platform: Platform, target: Target) -> dict[Axis, str]:
    """What the platform part asks for and the target has not, by axis."""
    if platform.system == ANY or tag in platform_tags(target):
        return {}
    needs = {}
    if platform.system != system_of(target.arch):
        needs[Axis.OS] = platform.system
    if platform.machines and machine_of(target.arch) not in platform.machines:
        needs[Axis.ARCH] = " or ".join(platform.machine_names)
    if Axis.OS not in needs:
        needs |= _version_needs(platform, target)
    # A tag of the right system, machine and age that installers do not know all the same, as macosx_11_1_arm64.
    return needs or {Axis.OS: f"a platform {tag}"}


def _version_needs(platform: Platform, target: Target) -> dict[Axis, str]:
    """What a platform of the target's own system asks for beyond it."""
    if platform.musl is not None:
        return {Axis.LIBC: f"musl {_dotted(platform.musl)}"}
    if platform.glibc is not None and platform.glibc > (target.glibc_version or version_pair(DEFAULT_GLIBC)):
        return {Axis.GLIBC: f"GLIBC {_dotted(platform.glibc)}"}
    if platform.macos is not None and platform.macos > (target.macos_version or version_pair(DEFAULT_MACOS)):
        return {Axis.MACOS: f"macOS {_dotted(platform.macos)}"}
    return {}


def _python_needs(tag: Tag, target: Target) -> dict[Axis, str]:
    """What the interpreter and ABI parts ask for and the target has not, by axis."""
    interpreter = _INTERPRETER.fullmatch(tag.interpreter)
    if interpreter is None or interpreter["implementation"] not in {"cp", "py"}:
        return {Axis.PYTHON: _interpreter_name(tag.interpreter)}
    needs = {}
    major, minor = int(interpreter["major"]), int(interpreter["minor"]) if interpreter["minor"] else None
    if not _python_serves(interpreter["implementation"], tag.abi, (major, minor), target.python_minor):
        at_least = " or newer" if tag.abi == "abi3" else ""
        needs[Axis.PYTHON] = f"{_interpreter_name(tag.interpreter)}{at_least}"
    if not _abi_serves(tag.abi, target):
        needs[Axis.ABI] = _abi_name(tag.abi)
    return needs


def _python_serves(implementation: str, abi: str, wanted: tuple[int, int | None], own: tuple[int, int]) -> bool:
    """Whether the target's Python is one that a tag's interpreter part stands for, given its ABI part."""
    major, minor = wanted
    if major != own[0]:
        return False
    if implementation == "py" or abi == "abi3":
        return minor is None or minor <= own[1]
    return minor == own[1]


def _abi_serves(abi: str, target: Target) -> bool:
    """Whether the ABI part is of the target's build of Python, whichever version it is of."""
    if abi == "none":
        return True
    if abi == "abi3":
        return not target.free_threaded
    known = _ABI.fullmatch(abi)
    return known is not None and ("t" in known["flags"]) == target.free_threaded and "d" not in known["flags"]


def _interpreter_name(interpreter: str) -> str:
    """`Python 3.12` for `cp312`."""
    known = _INTERPRETER.fullmatch(interpreter)
    if known is None or known["implementation"] not in _IMPLEMENTATIONS:
        return f"the interpreter {interpreter}"
    version = f"{known['major']}.{known['minor']}" if known["minor"] else known["major"]
    return f"{_IMPLEMENTATIONS[known['implementation']]} {version}"


def _abi_name(abi: str) -> str:
    known = _ABI.fullmatch(abi)
    if abi == "abi3" or (known is not None and not known["flags"]):
        return "a Python with the GIL"
    return "a free-threaded Python" if known is not None and known["flags"] == "t" else f"the ABI {abi}"


def _platforms(file: DistFile, system: str, arch: Arch | None) -> list[Platform]:
    """The platforms of `system` that a wheel is tagged for; none when it runs anywhere."""
    platforms = {parse_platform(tag.platform) for tag in file.tags}
    if any(platform.system == ANY for platform in platforms):
        return []
    return [
        platform for platform in platforms if platform.system == system and (arch is None or platform.runs_on(arch))
    ]


def _lowest(versions: Iterable[tuple[int, int] | None]) -> tuple[int, int] | None:
    """The lowest; None when one of them is None, or there are none."""
    found = list(versions)
    known = [version for version in found if version is not None]
    return min(known) if known and len(known) == len(found) else None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
