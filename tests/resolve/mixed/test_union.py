"""Whatever channel and index there are: conda's packages and the wheels together meet every wheel's requirements.

It is looked up with `packaging` in what was generated, not asked of any solver.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from mfenvd.domain.request import Kind
from tests.resolve.mixed.mixing import LINUX, MAC, PYTHON, request, resolve
from tests.resolve.pypi.generated import World, worlds
from tests.resolve.pypi.resolving import context
from tests.support.conda_channel import package, repodata_of, write_repodata
from tests.support.index_server import IndexServer

_FINAL = st.sampled_from(("1.0", "1.1", "2.0", "2.1", "3.0", "3.0.post1"))

_MARKERS = {
    LINUX: {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"},
    MAC: {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin", "os_name": "posix"},
}


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    world=worlds(tree=False),
    versions=st.dictionaries(st.sampled_from(("p1", "p2", "p3")), _FINAL, min_size=1, max_size=2),
    target=st.sampled_from((LINUX, MAC)),
)
def test_every_requirement_is_met_by_the_union(world: World, versions: dict[str, str], target: object) -> None:
    assert target in (LINUX, MAC)
    where = LINUX if target is LINUX else MAC
    by_filename = {one.filename: one for one in world.wheels}
    python = package("python", PYTHON, subdir=str(where.arch))
    pip = package("pip", "24.0", depends=("python",))
    brought = [package(name, version, depends=("python",)) for name, version in versions.items()]
    with tempfile.TemporaryDirectory() as folder, IndexServer() as server:
        world.serve(server)
        channel = write_repodata(Path(folder, "channel"), repodata_of(python, pip, *brought)).as_uri()
        asked = request(channel, server, [(name, "") for name in versions], ["p0"])
        outcome = resolve(asked, where, context(Path(folder)))
    note(str(outcome))
    if outcome.resolution is None:
        assert outcome.findings
        assert not outcome.failed
        return

    union = {one.name: Version(one.version) for one in outcome.resolution.packages}
    wheels = [one for one in outcome.resolution.packages if one.kind is Kind.PYPI]
    assert len(union) == len(outcome.resolution.packages)
    assert {one.name for one in wheels}.isdisjoint(versions)
    assert "p0" in union
    environment = {
        **_MARKERS[where],
        "implementation_name": "cpython", "platform_python_implementation": "CPython", "python_version": "3.11",
        "python_full_version": PYTHON, "implementation_version": PYTHON, "platform_release": "",
        "platform_version": "", "extra": "",
    }  # fmt: skip
    needed = {"p0"}
    for one in wheels:
        for need in map(Requirement, by_filename[one.filename].requires):
            if need.marker is None or need.marker.evaluate(environment):
                assert need.specifier.contains(union[need.name], prereleases=True)
                assert need.name in one.requires
                needed.add(need.name)
    assert {one.name for one in wheels} <= needed
