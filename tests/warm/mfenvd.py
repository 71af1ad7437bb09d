"""A real daemon that makes environments ready in a world of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mfenvd.client.connection import Connection
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths
from tests.daemon.harness import until
from tests.support.conda_python import PYTHON_VERSION
from tests.support.metaflow_world import World

PATIENCE = 150.0
"""Seconds."""


class Mfenvd:
    """A daemon with a home of its own."""

    def __init__(self, home: Path) -> None:
        self.environ = {**os.environ, "MFENV_HOME": str(home)}
        self.connection = Connection(find_paths(self.environ).socket)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        done = [sys.executable, "-m", "mfenvd.daemon", command]
        return subprocess.run(done, env=self.environ, capture_output=True, text=True, check=True, timeout=60)

    def up(self, world: World, **environ: str) -> None:
        surroundings = Surroundings(str(world.project), world.python, PYTHON_VERSION, {**world.environ, **environ})
        self.connection.add_project(str(world.project), surroundings)

    def verdicts(self) -> dict[str, Verdict]:
        """By flow, step and arch."""
        return {f"{one.flow}.{one.step} {one.target.arch}": one for one in self.connection.status().verdicts}

    def becomes(self, state: State, flow: str = "") -> None:
        """Returns when every verdict, or every one of `flow`, is in this state."""

        def reached() -> bool:
            verdicts = [one for one in self.verdicts().values() if not flow or one.flow == flow]
            return {one.state for one in verdicts} == {state}

        try:
            until(reached, PATIENCE)
        except AssertionError:
            shown = [(name, one.state, [f.message for f in one.findings]) for name, one in self.verdicts().items()]
            raise AssertionError(shown) from None
