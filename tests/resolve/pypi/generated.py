"""Small made-up indexes with every trait that decides about wheels, and an exhaustive search over them.

The search knows nothing of mfenv: it goes by `packaging` and by what PEP 425, 440, 503, 592 and 600 and pip's
documentation say.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import msgspec
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import Target
from tests.support.index_server import IndexServer
from tests.support.wheels import Archive, wheel

_PLATFORMS = (
    "any", "any", "manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_24_x86_64.manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64.manylinux_2_28_x86_64", "manylinux_2_28_x86_64", "manylinux_2_31_x86_64",
    "manylinux_2_34_x86_64", "manylinux1_x86_64", "linux_x86_64", "musllinux_1_2_x86_64",
    "manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "macosx_10_9_x86_64", "macosx_11_0_arm64",
    "macosx_10_12_universal2", "macosx_14_0_arm64", "macosx_13_0_x86_64", "win_amd64", "win32",
)  # fmt: skip
_COMPILED = ("cp39-cp39", "cp311-cp311", "cp38-abi3", "cp310-abi3", "py3-none", "cp311-none")
_PURE = ("py3-none", "py2.py3-none", "py311-none", "cp39-none")

TARGETS = (
    *(Target(Arch.LINUX_64, python, glibc=glibc)
      for python in ("3.9.18", "3.11.4") for glibc in ("2.17", "2.20", "2.26", "2.27", "2.28", "2.30", "2.35")),
    Target(Arch.LINUX_AARCH64, "3.11.4", glibc="2.26"),
    Target(Arch.OSX_64, "3.11.4", macos="12.0"),
    Target(Arch.OSX_64, "3.9.18", macos="13.0"),
    Target(Arch.OSX_ARM64, "3.11.4", macos="13.0"),
    Target(Arch.OSX_ARM64, "3.11.4", macos="14.0"),
    Target(Arch.WIN_64, "3.11.4"),
)  # fmt: skip


class Wheel(msgspec.Struct, frozen=True):
    """A wheel of the made-up index."""

    name: str
    version: str
    tags: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    build: str | None = None
    yanked: bool = False

    @property
    def archive(self) -> Archive:
        return wheel(
            self.name,
            self.version,
            self.tags,
            requires=self.requires,
            requires_python=self.requires_python,
            build=self.build,
        )

    @property
    def filename(self) -> str:
        return self.archive.filename


class World(msgspec.Struct, frozen=True):
    """All wheels there are, in the index's order."""

    wheels: tuple[Wheel, ...]

    def serve(self, server: IndexServer) -> None:
        for one in self.wheels:
            server.add(one.archive, yanked="withdrawn" if one.yanked else None)


@st.composite
def worlds(draw: st.DrawFn, *, tree: bool) -> World:
    """An index of packages p0, p1, …, which need only packages of higher numbers.

    Args:
        draw: Hypothesis's.
        tree: Each package is needed by one other at most, so that no two requirements can clash and the newest of
            everything that fits is the one right answer.
    """
    count = draw(st.integers(2, 4))
    parents = {child: draw(st.integers(0, child - 1)) for child in range(1, count)}
    found: dict[str, Wheel] = {}
    for number in range(count):
        children = [child for child in range(number + 1, count) if not tree or parents[child] == number]
        for version in draw(st.lists(_VERSIONS, min_size=1, max_size=4, unique=True)):
            for one in draw(_wheels_of(f"p{number}", version, children)):
                found[one.filename] = one
    return World(tuple(found.values()))


_VERSIONS = st.sampled_from(("1.0", "1.1", "2.0", "2.1", "3.0", "3.0.post1", "4.0a1", "4.0rc1"))
_SPECIFIERS = st.sampled_from(
    ("", "", "", ">=1.1", "<3", "!=2.0", "==2.*", "~=1.0", "==3.0", ">=4.0a1", ">=2.0a1", "<4.0rc1")
)
_MARKERS = st.sampled_from(
    (
        "", "", "", "sys_platform == 'linux'", "platform_machine == 'arm64'", "platform_system != 'Windows'",
        "python_full_version >= '3.11.4'", "python_version < '3.10'",
        "os_name == 'posix' and platform_machine != 'AMD64'",
    )
)  # fmt: skip


@st.composite
def _wheels_of(draw: st.DrawFn, name: str, version: str, children: list[int]) -> list[Wheel]:
    """The wheels of one version; mostly they need the same."""
    needs = draw(_requirements(children))
    requires_python = draw(
        st.sampled_from((None, None, None, ">=3.8", ">=3.10", "<3.11", ">=3.8,!=3.11.4", ">=3.11.5"))
    )
    # Dependencies pin 3.0: whether pip takes a withdrawn version that only a dependency pins is a test of its own.
    yanked = draw(st.integers(0, 9)) == 0 and version != "3.0"
    wheels = []
    for _ in range(draw(st.integers(1, 3))):
        platform = draw(st.sampled_from(_PLATFORMS))
        tags = f"{draw(st.sampled_from(_PURE if platform == 'any' else _COMPILED))}-{platform}"
        own = draw(_requirements(children)) if draw(st.integers(0, 4)) == 0 else needs
        build = draw(st.sampled_from((None, None, None, "1", "2a", "10")))
        wheels.append(Wheel(name, version, tags, own, requires_python, build, yanked))
    return wheels


@st.composite
def _requirements(draw: st.DrawFn, children: list[int]) -> tuple[str, ...]:
    found = []
    for child in children:
        if draw(st.booleans()):
            marker = draw(_MARKERS)
            found.append(f"p{child}{draw(_SPECIFIERS)}" + (f"; {marker}" if marker else ""))
    return tuple(found)


class Search:
    """Everything that could be installed on one target."""

    def __init__(self, world: World, target: Target) -> None:
        self._target = target
        ranks = {tag: rank for rank, tag in reversed(list(enumerate(_tags(target))))}
        self._wheels: dict[str, dict[Version, list[Wheel]]] = {}
        for position, one in enumerate(world.wheels):
            _, version, build, tags = parse_wheel_filename(one.filename)
            rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
            if rank is None or not SpecifierSet(one.requires_python or "").contains(target.python, prereleases=True):
                continue
            self._wheels.setdefault(one.name, {}).setdefault(version, []).append(one)
            self._order = getattr(self, "_order", {})
            self._order[one.filename] = (-rank, build, position)

    def candidates(self, name: str, specifiers: list[SpecifierSet]) -> list[Wheel]:
        """One wheel per version, the newest first, as pip would try them."""
        specifier = SpecifierSet(",".join(str(part) for part in specifiers if str(part)))
        pinned = any(part.operator == "==" and not part.version.endswith("*") for part in specifier)
        usable = {}
        for version, wheels in self._wheels.get(name, {}).items():
            usable[version] = max(wheels, key=lambda one: self._order[one.filename])
        allowed = sorted(specifier.filter(usable), reverse=True)
        if not (pinned and all(usable[version].yanked for version in allowed)):
            allowed = [version for version in allowed if not usable[version].yanked]
        return [usable[version] for version in allowed]

    def needs(self, one: Wheel) -> list[Requirement]:
        environment = _markers(self._target)
        parsed = map(Requirement, one.requires)
        return [need for need in parsed if need.marker is None or need.marker.evaluate(environment)]

    def newest(self, roots: list[Requirement]) -> dict[str, Wheel] | None:
        """The answer where no two requirements concern the same package: the newest that works, everywhere."""
        found: dict[str, Wheel] = {}
        for root in roots:
            chosen = next(
                (
                    {root.name: one, **below}
                    for one in self.candidates(root.name, [root.specifier])
                    if (below := self.newest(self.needs(one))) is not None
                ),
                None,
            )
            if chosen is None:
                return None
            found.update(chosen)
        return found

    def solutions(self, roots: list[Requirement]) -> Iterator[dict[str, Wheel]]:
        """Every consistent set, by trying all combinations of versions."""
        names = sorted(self._wheels)
        everything = [
            [None, *(max(w, key=lambda one: self._order[one.filename]) for w in self._wheels[n].values())]
            for n in names
        ]
        for combination in itertools.product(*everything):
            picked = {one.name: one for one in combination if one is not None}
            if self.is_consistent(picked, roots):
                yield picked

    def is_consistent(self, picked: dict[str, Wheel], roots: list[Requirement]) -> bool:
        """Whether `picked` is what the roots need, no less and no more, each version one that pip may take."""
        demands: dict[str, list[SpecifierSet]] = {}
        reached: list[Requirement] = list(roots)
        for need in reached:
            first = need.name not in demands
            demands.setdefault(need.name, []).append(need.specifier)
            if first and need.name in picked:
                reached.extend(self.needs(picked[need.name]))
        return demands.keys() == picked.keys() and all(
            picked[name] in self.candidates(name, specifiers) for name, specifiers in demands.items()
        )


def _tags(target: Target) -> list[Tag]:
    python = target.python_minor
    platforms = list(_platforms(target))
    abi = f"cp{python[0]}{python[1]}"
    return [*cpython_tags(python, [abi], platforms), *compatible_tags(python, abi, platforms)]


def _platforms(target: Target) -> Iterator[str]:
    if target.arch is Arch.WIN_64:
        yield "win_amd64"
    elif target.macos:
        version = tuple(map(int, target.macos.split(".")))
        yield from mac_platforms((version[0], version[1]), target.arch.machine)
    else:
        machine = target.arch.machine
        assert target.glibc
        yield f"linux_{machine}"
        for minor in range(int(target.glibc.split(".")[1]), 16, -1):
            yield f"manylinux_2_{minor}_{machine}"
        yield f"manylinux2014_{machine}"
        if machine == "x86_64":
            yield from (f"manylinux_2_{minor}_x86_64" for minor in range(16, 11, -1))
            yield "manylinux2010_x86_64"
            yield from (f"manylinux_2_{minor}_x86_64" for minor in range(11, 4, -1))
            yield "manylinux1_x86_64"


def _markers(target: Target) -> dict[str, str]:
    system, platform, name = {
        "linux": ("Linux", "linux", "posix"), "osx": ("Darwin", "darwin", "posix"), "win": ("Windows", "win32", "nt")
    }[target.arch.value.partition("-")[0]]  # fmt: skip
    return {
        "implementation_name": "cpython", "implementation_version": target.python, "os_name": name,
        "platform_machine": target.arch.machine, "platform_python_implementation": "CPython", "platform_release": "",
        "platform_system": system, "platform_version": "", "python_full_version": target.python,
        "python_version": target.python.rpartition(".")[0], "sys_platform": platform, "extra": "",
    }  # fmt: skip
