"""The real mfenvd, with a home of its own, for a world of the real Metaflow."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mfenvd.client.connection import Connection
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths
from tests.daemon.harness import until
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import World

PATIENCE = 180.0
"""Seconds."""


class RealDaemon:
    """A daemon that can be started.

    Attributes:
        home: Its `MFENV_HOME`.
        environ: A shell that has it.
        connection: To ask it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environ = {**os.environ, "MFENV_HOME": str(home)}
        self.connection = Connection(find_paths(self.environ).socket)

    def run(self, command: str) -> None:
        """`start` or `stop`."""
        done = [sys.executable, "-m", "mfenvd.daemon", command]
        subprocess.run(done, env=self.environ, capture_output=True, check=True, timeout=60)

    def up(self, world: World, **environ: str) -> None:
        """Registers the world's project from the world's shell, where `environ` is set as well."""
        surroundings = Surroundings(str(world.project), world.python, PYTHON_VERSION, {**world.environ, **environ})
        self.connection.add_project(str(world.project), surroundings)

    def verdicts(self) -> dict[str, Verdict]:
        """By flow, step and arch."""
        return {f"{one.flow}.{one.step} {one.target.arch}": one for one in self.connection.status().verdicts}

    def becomes(self, state: State, flow: str = "", *, patience: float = PATIENCE) -> None:
        """Returns once there are verdicts and each, or each of `flow`, is in this state.

        Raises:
            AssertionError: `patience` seconds were not enough; says what the verdicts are.
        """

        def reached() -> bool:
            verdicts = [one for one in self.verdicts().values() if not flow or one.flow == flow]
            return {one.state for one in verdicts} == {state}

        try:
            until(reached, patience)
        except AssertionError:
            shown = [(name, one.state, [f.message for f in one.findings]) for name, one in self.verdicts().items()]
            raise AssertionError(shown) from None


@contextmanager
def real_daemon(home: Path) -> Iterator[RealDaemon]:
    """Runs until it is left."""
    daemon = RealDaemon(home)
    daemon.run("start")
    try:
        yield daemon
    finally:
        daemon.run("stop")
