"""From a save to all verdicts: the daemon, its workers and real packages, against uv alone.

Run it by hand: `python -m tests.bench.saving [SET…]`. A flow with the set's packages is registered for four archs; then
each save changes its environment into one that was never asked for, by the lower bound of one package. Index caches are
filled first and stay fresh.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mfenvd.client.connection import Connection
from mfenvd.client.start import ensure_running
from mfenvd.domain.event import Settled, VerdictChanged
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths
from tests.bench.resolving import uv_alone
from tests.bench.sets import SETS
from tests.bench.surroundings import four_targets, surroundings

_SAVES = 6

_FLOW = """\
from metaflow import FlowSpec, pypi, step


class BenchFlow(FlowSpec):
    @pypi(packages={packages!r}, python={python!r})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""


def flow(requirements: Sequence[str], python: str) -> str:
    """A flow's source that asks for `requirements` on one step."""
    packages = {}
    for requirement in requirements:
        name, _, version = requirement.partition(">=")
        packages[name] = f">={version}" if version else ""
    return _FLOW.format(packages=packages, python=python)


def settle(connection: Connection, act: Callable[[], object]) -> tuple[float, list[Verdict]]:
    """Seconds from `act` until nothing is left to do, and the verdicts that it changed."""
    with connection.events() as events:
        next(events)
        start = time.perf_counter()
        act()
        found: dict[str, Verdict] = {}
        for event in events:
            if isinstance(event, VerdictChanged):
                found[event.verdict.id] = event.verdict
            # Registering a project settles what is known of it before its flows are read.
            if isinstance(event, Settled) and found and all(verdict.state.is_final for verdict in found.values()):
                return time.perf_counter() - start, list(found.values())
    raise AssertionError("the daemon ended the stream")


def measured(title: str, connection: Connection, folder: Path) -> str:
    """A row of the table."""
    requirements, targets = SETS[title], four_targets()
    python = targets[0].python
    project = folder / title.replace(" ", "-")
    project.mkdir()
    archs = ", ".join(f'"{target.arch}"' for target in targets)
    settings = f'archs = [{archs}]\n[targets.linux-64]\nglibc = "2.26"\n'
    (project / "mfenv.toml").write_text(settings)
    source = project / "flow.py"
    variants = [flow((*requirements, f"cowsay>=1.{number}"), python) for number in range(_SAVES + 1)]
    source.write_text(variants[0])
    here = surroundings(project)
    cold, verdicts = settle(connection, lambda: connection.add_project(str(project), here))
    times = []
    for variant in variants[1:]:
        seconds, verdicts = settle(connection, partial(source.write_text, variant))
        times.append(seconds)
    wrong = [verdict for verdict in verdicts if verdict.state is not State.RESOLVED]
    if wrong or len(verdicts) != len(targets):
        raise SystemExit(f"{len(verdicts)} verdicts, not resolved: {wrong}")
    cache = folder / "home" / "cache"
    uv_alone(requirements, targets, cache.parent)
    alone = []
    for _ in range(_SAVES):
        start = time.perf_counter()
        uv_alone(requirements, targets, cache.parent, "--offline")
        alone.append(time.perf_counter() - start)
    best, uvs = min(times), min(alone)
    return f"| {title} | {cold:.1f} s | {best:.2f} s | {uvs:.2f} s | {best / uvs:.2f} |"


def main(chosen: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["MFENV_HOME"] = str(folder / "home")
        ensure_running(find_paths().socket)
        connection = Connection(find_paths().socket)
        try:
            print(
                "| set | first time | save to 4 verdicts | uv --offline, 4 archs (a) | ratio |\n|---|---|---|---|---|"
            )
            for title in chosen or SETS:
                print(measured(title, connection, folder), flush=True)
        finally:
            connection.stop(drain=False)
            time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1:])
