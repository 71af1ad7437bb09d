"""What clients ask besides verdicts: wheels of a package, the process, and an end to a resolve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.client import calls
from mfenvd.client.errors import RequestRefusedError
from mfenvd.domain.arch import Arch
from mfenvd.domain.availability import ANY_PYTHON, Availability, PythonWheel
from mfenvd.domain.codes import Code
from mfenvd.domain.state import State
from tests.daemon.harness import Daemon, until
from tests.support.conda_channel import package, repodata_of, write_repodata
from tests.support.index_server import Fault, IndexServer
from tests.support.wheels import wheel


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer(credentials=("ana", "s3cret")) as server:
        server.add(wheel("demo", "1.0"), wheel("demo", "2.0", "cp311-cp311-manylinux_2_28_x86_64"))
        yield server


def test_wheels_of_a_package_on_the_indexes_of_a_project(running: Daemon, root: Path, index: IndexServer) -> None:
    running.settle(root, PIP_INDEX_URL=index.url_with_credentials)
    found = running.connection.call(calls.wheels("Demo", str(root)))
    assert (found.name, [row.version for row in found.rows], found.versions) == ("demo", ["2.0", "1.0"], 2)
    cells = {cell.arch: cell for cell in found.rows[0].cells}
    assert (cells[Arch.LINUX_64].glibc, cells[Arch.OSX_ARM64].pythons) == ("2.28", ())
    assert len(running.connection.call(calls.wheels("demo", str(root), limit=1)).rows) == 1
    assert [row.version for row in running.connection.call(calls.wheels("demo<2", str(root))).rows] == ["1.0"]
    for asked, said, fix in (
        ("de mo", "is not a package name", "torch==2.2.2"),
        ("demo>5", "There is no such version: demo>5.", "The newest is 2.0."),
        ("absent", "absent", None),
    ):
        with pytest.raises(RequestRefusedError) as refused:
            running.connection.call(calls.wheels(asked, str(root)))
        assert said in refused.value.message
        assert (fix or "") in (refused.value.fix or "")
    index.fail("broken", Fault(status=500))
    with pytest.raises(RequestRefusedError) as refused:
        running.connection.call(calls.wheels("broken", str(root)))
    assert "s3cret" not in f"{refused.value.message}{refused.value.fix}"


def test_builds_of_a_conda_package_on_the_channels_of_the_shell(running: Daemon, root: Path, tmp_path: Path) -> None:
    repodata = repodata_of(
        package("demo", "2.0", subdir="linux-64", depends=("python >=3.11,<3.12.0a0", "__glibc >=2.28")),
        package("demo", "2.0", build="1", subdir="linux-64", depends=("python >=3.12,<3.13.0a0",)),
        package("demo", "1.0"),
        package("open", "1.0", depends=("python >=3.14",)),
    )
    running.settle(root, CONDA_CHANNELS=write_repodata(tmp_path / "channel", repodata).as_uri())

    def asked(spec: str) -> Availability:
        return running.connection.call(calls.wheels(spec, str(root), conda=True))

    found = asked("demo")
    assert (found.name, [row.version for row in found.rows], found.versions) == ("demo", ["2.0", "1.0"], 2)
    new, old = ({cell.arch: cell for cell in row.cells} for row in found.rows)
    assert new[Arch.LINUX_64].pythons == (PythonWheel("3.11", "2.28"), PythonWheel("3.12"))
    assert new[Arch.OSX_ARM64].pythons == ()
    assert old[Arch.WIN_64].pythons == (PythonWheel(ANY_PYTHON),)
    assert [row.version for row in asked("demo<2").rows] == ["1.0"]
    assert asked("open").rows[0].cells[0].pythons == (PythonWheel("3.14"), PythonWheel("3.15", newer=True))
    for spec, said, fix in (("demo[", "is not a conda package", "numpy=1.26"), ("demp", "package demp", "demo")):
        with pytest.raises(RequestRefusedError) as refused:
            asked(spec)
        assert said in refused.value.message
        assert fix in (refused.value.fix or "")


def test_the_process_describes_itself_without_the_verdicts(running: Daemon) -> None:
    info = running.connection.call(calls.daemon())
    assert (info.pid, info.socket) == (running.pid, str(running.paths.socket))
    assert info.memory > 1_000_000


def test_a_cancelled_resolve_ends_with_its_worker_and_is_taken_up_when_asked(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: sleep==60\nend: requests\n")
    running.up(root)
    until(lambda: running.states().get("start linux-64") is State.RESOLVING)
    until(lambda: running.states().get("end linux-64") is State.RESOLVED)
    busy = running.verdicts()["start linux-64"].id
    with running.follow() as followed:
        assert running.connection.call(calls.cancel(str(root), [busy])).jobs == 1
        followed.settled()
    cancelled = running.verdicts()["start linux-64"]
    assert cancelled.state is State.FAILED
    assert [finding.code for finding in cancelled.findings] == [Code.CANCELLED]
    assert running.connection.call(calls.cancel(str(root))).jobs == 0
    assert running.connection.resolve_again(str(root), [busy]) == 1
    until(lambda: running.states()["start linux-64"] is State.RESOLVING)
    assert running.connection.call(calls.cancel(str(root))).jobs == 1
