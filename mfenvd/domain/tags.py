"""Wheel tags of a target, most wanted first, as pip orders them on the target itself.

Built from explicit platform lists: `packaging.tags.platform_tags()` would read this machine instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import DEFAULT_GLIBC, DEFAULT_MACOS, Target, version_pair

# PEP 600 keeps these older names as aliases of a GLIBC version.
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_OLDEST_GLIBC = {Arch.LINUX_64: (2, 5), Arch.LINUX_AARCH64: (2, 17)}


@lru_cache(maxsize=256)
def wheel_tags(target: Target) -> tuple[Tag, ...]:
    """Every tag that a wheel may carry to be installed on `target`, the preferred first."""
    return tuple(_tags(target.python_minor, target.free_threaded, platform_tags(target)))


@lru_cache(maxsize=256)
def tag_ranks(target: Target) -> dict[Tag, int]:
    """`{tag: rank}`; the lowest rank is the preferred one."""
    return {tag: rank for rank, tag in reversed(list(enumerate(wheel_tags(target))))}


def best_rank(tags: Iterable[Tag], target: Target) -> int | None:
    """The rank of the most wanted of a wheel's tags on `target`; None when none of them fits."""
    ranks = tag_ranks(target)
    return min((ranks[tag] for tag in tags if tag in ranks), default=None)


def platform_tags(target: Target) -> tuple[str, ...]:
    """The platform part of the tags, the preferred first, without `any`."""
    if target.arch.is_linux:
        return tuple(_linux_platforms(target.arch, target.glibc_version or version_pair(DEFAULT_GLIBC)))
    if target.arch.is_macos:
        version = target.macos_version or version_pair(DEFAULT_MACOS)
        return tuple(mac_platforms(version, target.arch.machine))
    return ("win_amd64",)


def _linux_platforms(arch: Arch, glibc: tuple[int, int]) -> Iterator[str]:
    machine = arch.machine
    oldest = _OLDEST_GLIBC[arch]
    # A wheel built on the target itself comes first, as in packaging 26 and the pip that vendors it.
    yield f"linux_{machine}"
    for minor in range(glibc[1], oldest[1] - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        legacy = _LEGACY_MANYLINUX.get((2, minor))
        if legacy:
            yield f"{legacy}_{machine}"


def _tags(python: tuple[int, int], free_threaded: bool, platforms: tuple[str, ...]) -> Iterator[Tag]:
    interpreter = f"cp{python[0]}{python[1]}"
    yield from cpython_tags(python, abis=_cpython_abis(python, free_threaded), platforms=platforms)
    yield from compatible_tags(python, interpreter, platforms)


def _cpython_abis(python: tuple[int, int], free_threaded: bool) -> list[str]:
    version = f"{python[0]}{python[1]}"
    if free_threaded:
        return [f"cp{version}t"]
    # Before 3.8 the ABI was named after its memory allocator, pymalloc.
    return [f"cp{version}m"] if python < (3, 8) else [f"cp{version}"]
