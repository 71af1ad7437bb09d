"""Beside packages that are there already, whatever brought them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.resolver import PypiResolver
from mfenvd.resolve.pypi.standins import Installed
from tests.resolve.pypi.generated import TARGETS, Search, Wheel, World, worlds
from tests.resolve.pypi.resolving import context, filenames, ignore, packages, request
from tests.support.index_server import IndexServer
from tests.support.wheels import sdist, wheel

LINUX = Target(Arch.LINUX_64, "3.11.9", glibc="2.28")


def installed(**versions: str) -> dict[str, Installed]:
    return {name: Installed(Version(version), name) for name, version in versions.items()}


def resolve(server: IndexServer, context: Context, there: dict[str, Installed], *requirements: str) -> Outcome:
    asked = request(server, *requirements, python=LINUX.python)
    return PypiResolver().resolve_beside(asked, LINUX, context, ignore, there)


def test_what_is_there_is_not_taken_from_the_index_nor_asked_for(index: IndexServer, project: Context) -> None:
    index.add(wheel("numpy", "2.0"), wheel("app", "1.0", requires=["numpy>=1.20", "lib"]), wheel("lib", "1.0"))

    outcome = resolve(index, project, installed(numpy="1.26.4"), "app")

    assert filenames(outcome) == ["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"]
    assert packages(outcome)[0].requires == ("lib", "numpy")
    assert "/simple/numpy/" not in index.log.paths()


def test_a_wheel_gives_way_to_what_is_there(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "2.0", requires=["numpy>=2"]), wheel("app", "1.0", requires=["numpy>=1.20"]))

    assert filenames(resolve(index, project, installed(numpy="1.26.4"), "app")) == ["app-1.0-py3-none-any.whl"]


def test_what_has_no_fitting_wheel_may_be_there_all_the_same(index: IndexServer, project: Context) -> None:
    """What was found out for requests without it counts no longer."""
    old = Target(Arch.LINUX_64, LINUX.python, glibc="2.26")
    too_new = "cp311-cp311-manylinux_2_28_x86_64"
    index.add(wheel("xet", "2.0", too_new), wheel("xet", "2.1", too_new), wheel("app", "1.0"))
    index.add(wheel("hub", "2.0", requires=["xet>=2"]), wheel("hub", "1.0"), wheel("app", "2.0", requires=["hub>=2"]))

    asked = request(index, "app", python=old.python)
    without = PypiResolver().resolve(asked, old, project, ignore)
    beside = PypiResolver().resolve_beside(asked, old, project, ignore, installed(xet="2.0"))

    assert filenames(without) == ["app-1.0-py3-none-any.whl"]
    assert filenames(beside) == [
        "app-2.0-py3-none-any.whl",
        "hub-2.0-py3-none-any.whl",
    ]


@pytest.mark.parametrize("version", ["2.0rc1", "2.1+cu12", "2.1.post1", "1!2.0"])
def test_whatever_version_is_there_it_is_held_against_the_requirements(
    index: IndexServer, project: Context, version: str
) -> None:
    index.add(wheel("app", "1.0", requires=["numpy>=1.20"]))

    assert filenames(resolve(index, project, installed(numpy=version), "app")) == ["app-1.0-py3-none-any.whl"]


def test_nothing_that_goes_with_what_is_there_names_both_and_the_version_to_ask_for(
    index: IndexServer, project: Context
) -> None:
    index.add(wheel("app", "1.0", requires=["mid"]), wheel("mid", "1.0", requires=["torch>=2.3"]))

    there = {"torch": Installed(Version("2.1.0"), "pytorch")}
    outcome = resolve(index, project, there, "app")

    assert outcome.resolution is None
    (finding,) = outcome.findings
    assert finding.code == Code.CONDA_EXCLUDES_WHEEL
    assert finding.message == "pytorch 2.1.0 from conda excludes torch>=2.3 (from app → mid)."
    assert finding.fix == "Ask conda for pytorch >=2.3, or loosen the requirement on `app`."
    assert finding.chain == ("app", "mid", "torch")


def test_extras_of_what_is_there_bring_what_they_need(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("dask", "2.0", requires=["frame>=2; extra == 'frame'", "base"], extras=["frame"]),
        wheel("app", "1.0", requires=["dask[frame]>=1"]),
        wheel("frame", "3.0"),
    )

    outcome = resolve(index, project, installed(dask="2.0"), "app")

    assert filenames(outcome) == ["app-1.0-py3-none-any.whl", "frame-3.0-py3-none-any.whl"]
    assert packages(outcome)[0].requires == ("dask", "frame")
    assert outcome.findings == ()


def test_extras_that_are_asked_for_directly(index: IndexServer, project: Context) -> None:
    index.add(wheel("dask", "2.0", requires=["frame; extra == 'frame'"], extras=["frame"]), wheel("frame", "3.0"))

    assert filenames(resolve(index, project, installed(dask="2.0"), "dask[frame]")) == ["frame-3.0-py3-none-any.whl"]


def test_extras_of_a_version_that_no_index_has_are_told(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0", requires=["dask[frame]"]), wheel("dask", "3.0"))

    outcome = resolve(index, project, installed(dask="2.0"), "app")

    assert filenames(outcome) == ["app-1.0-py3-none-any.whl"]
    (finding,) = outcome.findings
    assert (finding.code, finding.package, finding.data) == (Code.EXTRAS_UNKNOWN, "dask", {"extras": ["frame"]})


def test_a_source_only_dependency_is_not_built_even_here(index: IndexServer, project: Context) -> None:
    index.add(wheel("app", "1.0", requires=["old"]), sdist("old", "0.3"))

    outcome = resolve(index, project, installed(numpy="1.26.4"), "app")

    (finding,) = outcome.findings
    assert finding.code == Code.NON_WHEEL_IN_MIXED
    assert finding.chain == ("app", "old")


def test_before_any_solving_it_is_told_what_can_never_be_a_wheel(index: IndexServer, project: Context) -> None:
    index.add(sdist("old", "0.3"), wheel("app", "1.0"))
    asked = request(index, "old", "app", "numpy", python=LINUX.python)

    refusal = PypiResolver().refusal(asked, LINUX, project, ignore, ["numpy"])

    assert refusal is not None
    assert [finding.package for finding in refusal.findings] == ["old"]
    assert PypiResolver().refusal(asked, LINUX, project, ignore, ["numpy", "old"]) is None


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=worlds(tree=True),
    target=st.sampled_from(TARGETS),
    version=st.sampled_from(("1.0", "1.1", "2.0", "2.1", "3.0", "3.0.post1")),
    name=st.sampled_from(("p1", "p2")),
)
def test_it_is_the_newest_of_everything_that_goes_with_what_is_there(
    world: World, target: Target, version: str, name: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, IndexServer() as server:
        world.serve(server)
        asked = request(server, "p0", python=target.python)
        there = {name: Installed(Version(version), name)}
        outcome = PypiResolver().resolve_beside(asked, target, context(Path(folder)), ignore, there)
        again = PypiResolver().resolve_beside(asked, target, context(Path(folder)), ignore, there)
        # What was found out beside it says nothing about what there is without it.
        without = PypiResolver().resolve(asked, target, context(Path(folder)), ignore)
    note(f"{target}: {outcome}")
    for one in world.wheels:
        note(f"{one}")

    # To the search it is the only wheel of its package, and needs nothing.
    standing = Wheel(name, version, "py3-none-any")
    beside = World((*(one for one in world.wheels if one.name != name), standing))
    assert outcome == again
    _is_newest(outcome, Search(beside, target).newest([Requirement("p0")]), {name})
    _is_newest(without, Search(world, target).newest([Requirement("p0")]), set())


def _is_newest(outcome: Outcome, expected: dict[str, Wheel] | None, there: set[str]) -> None:
    if expected is None:
        assert outcome.resolution is None
        assert outcome.findings
        assert not outcome.failed
    else:
        assert filenames(outcome) == [expected[name].filename for name in sorted(expected) if name not in there]
