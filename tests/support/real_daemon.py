"""The real mfenvd, with a home of its own, for a world of the real Metaflow."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfenvd.client.connection import Connection
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.paths import find_paths
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import World


class RealDaemon:
    """A running daemon.

    Attributes:
        home: Its `MFENV_HOME`.
        connection: To ask it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._environ = {**os.environ, "MFENV_HOME": str(home)}
        self.connection = Connection(find_paths(self._environ).socket)
        self.run("start")

    def run(self, command: str) -> None:
        done = [sys.executable, "-m", "mfenvd.daemon", command]
        subprocess.run(done, env=self._environ, capture_output=True, check=True, timeout=60)

    def watch(self, world: World) -> None:
        """Registers the world's project from the world's shell."""
        surroundings = Surroundings(str(world.project), world.python, PYTHON_VERSION, world.environ)
        self.connection.add_project(str(world.project), surroundings)

    def wait_for(self, state: State, patience: float = 180.0) -> None:
        """Returns once every verdict has reached `state`.

        Raises:
            AssertionError: `patience` seconds were not enough; says what the verdicts are.
        """
        until = time.monotonic() + patience
        while True:
            verdicts = self.connection.status().verdicts
            if verdicts and all(verdict.state is state for verdict in verdicts):
                return
            if time.monotonic() > until:
                told = [(one.name, one.state, [found.message for found in one.findings]) for one in verdicts]
                raise AssertionError(told)
            time.sleep(0.1)


@contextmanager
def real_daemon(home: Path) -> Iterator[RealDaemon]:
    """Runs until it is left."""
    daemon = RealDaemon(home)
    try:
        yield daemon
    finally:
        daemon.run("stop")
