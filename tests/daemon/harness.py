"""A real daemon process with a home of its own, and what a test wants to ask and tell it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil

from mfenvd.client.calls import read_event
from mfenvd.client.connection import Connection
from mfenvd.domain.event import AnyEvent, Event, ProjectInfo, Settled, Snapshot
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import Paths, find_paths
from tests.daemon import fakes

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 20.0
"""Seconds; the machine may be busy with other tests."""

E = TypeVar("E", bound=Event)


class Followed:
    """The events that a follower has seen so far."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def read(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            event = read_event(line)
            if event is not None:
                self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def settled(self, count: int = 1) -> None:
        """Returns when the project has been settled `count` times."""
        until(lambda: len(self.of(Settled)) >= count)


class Daemon:
    """`python -m tests.daemon.fake_daemon` in `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {**os.environ, "MFENV_HOME": str(home), "PYTHONPATH": str(REPOSITORY)}
        self.paths: Paths = find_paths(self.environ)
        self.connection = Connection(self.paths.socket)
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Starts it and returns its readiness line."""
        self.process = self.spawn()
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def spawn(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.daemon.fake_daemon"]
        return subprocess.Popen(command, env=self.environ, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """As `kill -9` does."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> int:
        """Sends it and returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        assert self.process is not None
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def end(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.kill()

    def up(self, root: Path, **environ: str) -> ProjectInfo:
        return self.connection.add_project(str(root), Surroundings(str(root), environ=environ))

    def settle(self, root: Path, **environ: str) -> None:
        """Registers the project and returns when it is settled."""
        with self.follow() as followed:
            self.up(root, **environ)
            followed.settled()

    @contextmanager
    def follow(self) -> Iterator[Followed]:
        """Follows the events from now on."""
        followed = Followed()
        url = "http://mfenvd/v1/events"
        command = ["curl", "--silent", "--no-buffer", "--unix-socket", str(self.paths.socket), url]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
            assert curl.stdout is not None
            assert isinstance(read_event(curl.stdout.readline()), Snapshot)
            reading = threading.Thread(target=followed.read, args=(curl.stdout,))
            reading.start()
            try:
                yield followed
            finally:
                curl.kill()
                reading.join()

    def verdicts(self, root: Path | None = None) -> dict[str, Verdict]:
        """By `step arch`."""
        found = self.connection.status(str(root) if root else None).verdicts
        return {f"{verdict.step} {verdict.target.arch}": verdict for verdict in found}

    def states(self, root: Path | None = None) -> dict[str, State]:
        return {name: verdict.state for name, verdict in self.verdicts(root).items()}

    def project(self, root: Path) -> ProjectInfo:
        return next(one for one in self.connection.status().projects if one.root == str(root))

    def notes(self, kind: str) -> list[str]:
        return fakes.notes(Path(self.paths.cache), kind)

    @property
    def log(self) -> str:
        return self.paths.log_file.read_text()

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)


def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Returns as soon as the condition holds; fails when it does not in time."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


async def eventually(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """As `until`, while the loop goes on."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
