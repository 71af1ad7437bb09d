"""What the dashboard looks like before, without and after a daemon, and with nothing or with trouble to show.

One dashboard per size and look is led through all of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from syrupy.assertion import SnapshotAssertion

from mfenv_tui.daemon import Told
from mfenvd.client.errors import ClientError, DaemonNotRunningError, DaemonUnresponsiveError, OtherProtocolError
from mfenvd.client.view import DaemonView
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.event import ProjectInfo, Snapshot, Status
from mfenvd.domain.finding import Finding, Severity
from tests.support import samples
from tests.tui.camera import Camera, Look
from tests.tui.support import HELLO, NOWHERE, dashboard, press, until


class Teller:
    """Tells a dashboard what the test says, when it says so."""

    def __init__(self) -> None:
        self._news: asyncio.Queue[Status | ClientError] = asyncio.Queue()

    def tell(self, news: Status | ClientError) -> None:
        self._news.put_nowait(news)

    async def follow(self, _socket: Path, view: DaemonView) -> AsyncIterator[Told]:
        while True:
            news = await self._news.get()
            if isinstance(news, Status):
                yield HELLO
                yield view.apply(Snapshot(news.seq, news))
            else:
                yield news


async def test_every_state(project: Path, snapshot: SnapshotAssertion, look: Look) -> None:
    teller, started = Teller(), threading.Event()
    app = dashboard(teller.follow, start=lambda _socket: started.wait(60), ascii_only=look.ascii_only)
    async with app.run_test(size=look.size) as pilot:
        camera = Camera(pilot, look, snapshot)
        await camera.take("connecting", "Connecting to mfenvd…")
        teller.tell(DaemonNotRunningError(NOWHERE))
        await camera.take("no-daemon", "✗ mfenvd not running", "Press s to start it")
        await press(pilot, "s")
        await camera.take("starting", "◌ starting mfenvd", "Starting mfenvd…")
        started.set()
        await until(pilot, lambda: not app.link.starting, "started")
        teller.tell(OtherProtocolError("9.0.0", 7))
        await camera.take("other-version", "✗ mfenvd other version", "speaks protocol 7", "Press s to end it")
        teller.tell(DaemonUnresponsiveError(5.0))
        await camera.take("stuck", "✗ mfenvd no answer", "does not answer within 5 s", "Press s to end it")
        teller.tell(told(project, verdicts=()))
        await camera.take("no-project", "✓ mfenvd 0.1.0", "No project is watched.", "Run `mfenv up`")
        teller.tell(told(project, watched(project, reading=True), verdicts=()))
        await camera.take("reading", "Reading team-flows…")
        teller.tell(told(project, watched(project), verdicts=()))
        await camera.take("no-environments", "No environments in team-flows.", "They appear here")
        teller.tell(told(project, watched(project, unclosed(project)), verdicts=()))
        await camera.take("unreadable-file", "✗ 1", "train.py", "✗ syntax error", "'(' was never closed")
        teller.tell(told(project, watched(project, unclosed(project))))
        await camera.take("unreadable-flow", "✗ syntax error", "TrainFlow")
        of_train = [row for key in app.matrix.order if (row := app.matrix.rows[key]).source.endswith("train.py")]
        assert [bool(row.names) for row in of_train] == [False, True, True, True, True]
        teller.tell(everywhere(project))
        await camera.take("all-archs", "linux-aarch64")
        assert app.matrix.archs == tuple(Arch)
        teller.tell(samples.status(project))
        teller.tell(DaemonNotRunningError(NOWHERE))
        await camera.take("gone", "✗ mfenvd not running", "Below is what", "✗ glibc")
        assert len(app.matrix.rows) == len(app.matrix.order) == 6
    camera.assert_nothing_differs()


def told(project: Path, *projects: ProjectInfo, **more: object) -> Status:
    return msgspec.structs.replace(samples.status(project), projects=projects, **more)


def watched(project: Path, *findings: Finding, reading: bool = False) -> ProjectInfo:
    return ProjectInfo(str(project), trusted=False, cwd=str(project), findings=findings, reading=reading)


def unclosed(project: Path) -> Finding:
    message, path = "'(' was never closed", str(project / "train.py")
    return Finding(Code.SYNTAX_ERROR, Severity.ERROR, message, path=path, line=11, column=10)


def everywhere(project: Path) -> Status:
    """Two projects, one of them with an environment on every arch."""
    other = "/home/ana/other"
    verdicts = samples.verdicts(project)
    more = tuple(
        msgspec.structs.replace(
            verdicts[0],
            source=f"{other}/deep/score.py",
            target=msgspec.structs.replace(samples.LINUX, arch=arch),
        )
        for arch in Arch
    )
    both = (watched(project), ProjectInfo(other, trusted=False, cwd="/"))
    return told(project, *both, verdicts=(*verdicts, *more))
