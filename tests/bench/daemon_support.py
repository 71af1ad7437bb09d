"""A real daemon over a generated project, for the benchmarks of the daemon."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from mfenvd.client.connection import Connection
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import find_paths

# A git requirement is decided without asking any index: what is measured is the daemon, not the network.
_FLOW = """
from metaflow import FlowSpec, step, pypi

class Flow{number}(FlowSpec):
    @pypi(python="3.11", packages={{"package{number}": "@git+https://example.com/package.git"}})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


class MeasuredDaemon:
    """A daemon in a home of its own, with what a benchmark reads off it."""

    def __init__(self, home: Path) -> None:
        environ = {**os.environ, "MFENV_HOME": str(home / "home")}
        self.connection = Connection(find_paths(environ).socket)
        self.root = (home / "project").resolve()
        self.root.mkdir()
        subprocess.run([sys.executable, "-m", "mfenvd.daemon", "start"], env=environ, check=True, capture_output=True)
        self.process = psutil.Process(self.connection.greet().pid)

    def write_flows(self, count: int) -> None:
        for number in range(count):
            (self.root / f"flow{number}.py").write_text(_FLOW.format(number=number))

    def register(self) -> None:
        self.connection.add_project(str(self.root), Surroundings(str(self.root)))

    def wait(self, condition: Callable[[], object], seconds: float = 600) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.05)

    @property
    def is_settled(self) -> bool:
        status = self.connection.status(project="/")
        return not (status.daemon.queued or status.daemon.running or any(one.reading for one in status.projects))

    def cpu_seconds(self) -> float:
        """Of the daemon and the process that reads for it, without its workers."""
        readers = [child for child in self.process.children() if "mfenvd.daemon.reader" in child.cmdline()]
        times = [process.cpu_times() for process in (self.process, *readers)]
        return sum(one.user + one.system for one in times)


@contextmanager
def measured_daemon() -> Iterator[MeasuredDaemon]:
    """Stopped and removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        daemon = MeasuredDaemon(Path(folder))
        try:
            yield daemon
        finally:
            daemon.connection.stop(drain=False)
            daemon.process.wait(20)
