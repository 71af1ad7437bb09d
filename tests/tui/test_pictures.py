"""What the screen looks like, in every size that people use; each picture beside the state that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from mfenv_tui.daemon import Follow
from mfenvd.client.errors import DaemonNotRunningError, OtherProtocolError
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.event import ProjectInfo, ResolveProgress, Snapshot, Status
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from tests.support import samples
from tests.tui.support import HELLO, NOWHERE, dashboard, of, of_status, press, recording, shows, text_of, until

Compare = Callable[..., bool]
Size = tuple[int, int]

SMALL, USUAL, LARGE = (60, 20), (80, 24), (140, 45)


def looks(*, colourless: tuple[Size, ...]) -> pytest.MarkDecorator:
    """Every size in colour, and those of `colourless` with NO_COLOR."""
    sizes = [(size, "colour") for size in (SMALL, USUAL, LARGE)] + [(size, "no-color") for size in colourless]
    return pytest.mark.parametrize(
        ("size", "colours"),
        [pytest.param(size, colours, id=f"{colours}-{size[0]}x{size[1]}") for size, colours in sizes],
        indirect=["colours"],
    )


def told(project: Path) -> Follow:
    """The samples, one of their resolves half-way."""
    status = samples.status(project)
    busy = tuple(verdict.id for verdict in status.verdicts if verdict.state is State.RESOLVING)
    return of_status(status, ResolveProgress(status.seq + 1, busy, Progress("reading metadata", 12, 60)))


async def settle(pilot: Pilot[None], text: str = "TrainFlow") -> None:
    """Wait until what was told is drawn, of which `text` is a part."""
    await shows(pilot, text)
    await until(pilot, lambda: "connecting" not in text_of(of(pilot)), "told")
    await asyncio.sleep(0.05)


@pytest.fixture
def colours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without NO_COLOR."""
    if request.param == "no-color":
        monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.usefixtures("colours")
@looks(colourless=(USUAL,))
def test_without_a_daemon(snap_compare: Compare, size: Size) -> None:
    app = dashboard(recording(DaemonNotRunningError(NOWHERE)))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "Press s to start it")

    assert snap_compare(app, terminal_size=size, run_before=look)


@pytest.mark.usefixtures("colours")
@looks(colourless=(USUAL,))
def test_after_the_daemon_has_gone_the_last_state_stays(project: Path, snap_compare: Compare, size: Size) -> None:
    status = samples.status(project)
    app = dashboard(recording(HELLO, Snapshot(status.seq, status), DaemonNotRunningError(NOWHERE)))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "mfenvd not running")
        await settle(pilot, "wheel gap")

    assert snap_compare(app, terminal_size=size, run_before=look)


def test_a_daemon_of_another_version(snap_compare: Compare) -> None:
    app = dashboard(recording(OtherProtocolError("9.0.0", 7)))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "Press s to end it")

    assert snap_compare(app, run_before=look)


def with_projects(project: Path, *projects: ProjectInfo, **more: Any) -> Status:
    return msgspec.structs.replace(samples.status(project), projects=projects, **more)


def test_no_project(project: Path, snap_compare: Compare) -> None:
    app = dashboard(of_status(with_projects(project, verdicts=())))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "Run `mfenv up`")

    assert snap_compare(app, run_before=look)


def test_a_project_without_environments(project: Path, snap_compare: Compare) -> None:
    bare = ProjectInfo(str(project), trusted=False, cwd=str(project))
    app = dashboard(of_status(with_projects(project, bare, verdicts=())))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "No environments in team-flows.")

    assert snap_compare(app, run_before=look)


def test_a_file_that_cannot_be_read_alone(project: Path, snap_compare: Compare) -> None:
    broken = Finding(
        Code.SYNTAX_ERROR,
        Severity.ERROR,
        "'(' was never closed",
        path=str(project / "train.py"),
        line=11,
        column=10,
    )
    told_of = ProjectInfo(str(project), trusted=False, cwd=str(project), findings=(broken,))
    app = dashboard(of_status(with_projects(project, told_of, verdicts=())))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "syntax error")

    assert snap_compare(app, run_before=look)


def test_two_projects_and_all_archs(project: Path, snap_compare: Compare) -> None:
    both = (ProjectInfo(str(project), trusted=False, cwd="/"), ProjectInfo("/home/ana/other", trusted=False, cwd="/"))
    verdicts = samples.verdicts(project)
    more = tuple(
        msgspec.structs.replace(
            verdicts[0],
            source="/home/ana/other/deep/score.py",
            target=msgspec.structs.replace(samples.LINUX, arch=arch),
        )
        for arch in Arch
    )
    app = dashboard(of_status(with_projects(project, *both, verdicts=(*verdicts, *more))))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot, "linux-aarch64")

    assert snap_compare(app, terminal_size=(140, 45), run_before=look)


def test_a_light_theme(project: Path, snap_compare: Compare) -> None:
    app = dashboard(told(project))

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot)
        app.theme = "textual-light"
        await press(pilot, "down", "right")

    assert snap_compare(app, terminal_size=(140, 45), run_before=look)
