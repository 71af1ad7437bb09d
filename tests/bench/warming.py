"""How long making ready takes, against Metaflow's own bootstrap; `tests.bench.creating` is about its longest part.

Run it by hand: `python -m tests.bench.warming`, with TMPDIR for another disk. It needs no network: channel and index
are on loopback. Where no real micromamba is on PATH the stand-in of the tests takes its place, whose linking is
py-rattler's too: what it takes longer than mfenv is then Metaflow's way of going about it, not micromamba's own speed.
"""

from __future__ import annotations

import importlib.metadata
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import rich

from mfenvd.domain.state import State
from mfenvd.warm.marker import read_marker
from tests.support.conda_python import installed_as_wheel
from tests.support.metaflow_world import PYPI_FLOW, World, metaflow_world
from tests.support.real_daemon import RealDaemon, real_daemon
from tests.support.wheels import Archive

_EVERYDAY = ("aiohttp", "boto3", "jinja2", "pydantic", "requests", "textual", "typer")

_TURNS = 3
"""The best of so many is shown, as other work only ever makes a run slower, and the median of their ratios."""

_PATIENCE = 300.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        with metaflow_world(root / "world", wheels=installed_wheels(), compiled=False) as world:
            bootstraps(world)


def bootstraps(world: World) -> None:
    """A flow of two steps that share an environment of some forty packages: cold, then warm."""
    cold, second, from_up, from_save, after_mfenv = [], [], [], [], []
    for _ in range(_TURNS):
        set_aside(world)
        world.write("flow.py", flow())
        cold.append(bootstrap_seconds(world))
        second.append(bootstrap_seconds(world))

        with forgetful_daemon(world) as daemon:
            from_up.append(seconds(lambda: becomes_warm(daemon, lambda: daemon.up(world))))
        world.write("flow.py", "")
        with forgetful_daemon(world) as daemon:
            daemon.up(world)
            wait_until(lambda: not any(project.reading for project in daemon.connection.status().projects))
            from_save.append(seconds(lambda: becomes_warm(daemon, lambda: world.write("flow.py", flow()))))
            wait_for_bytecode(daemon)
            world.calls.clear()
            after_mfenv.append(bootstrap_seconds(world))
            if world.bootstrapping:
                raise SystemExit(f"Metaflow still had to do {world.bootstrapping}")
    row("Metaflow's cold bootstrap", cold)
    row("mfenv, from a save to warm, nothing cached", from_save, cold, "at most 0.3")
    row("mfenv, from `mfenv up` to warm, nothing cached", from_up, cold)
    row("Metaflow's bootstrap of a second run", second)
    row("its bootstrap of the first run after mfenv", after_mfenv, second, "at most 1.1")


@contextmanager
def forgetful_daemon(world: World) -> Iterator[RealDaemon]:
    """On a machine where nothing is cached."""
    set_aside(world)
    with real_daemon(Path(tempfile.mkdtemp(dir=world.root))) as daemon:
        yield daemon


def set_aside(world: World) -> None:
    """As `World.forget`, with nothing removed: the disk would still be busy with that when the next is timed.

    ext4 without a journal looks at each inode that was freed in the last minutes before it takes one.
    """
    aside = Path(tempfile.mkdtemp(dir=world.root))
    for folder in world.traces:
        if folder.exists():
            folder.rename(aside / folder.name)
    world.calls.clear()


def becomes_warm(daemon: RealDaemon, begin: Callable[[], object]) -> None:
    begin()
    daemon.becomes(State.WARM)


def wait_for_bytecode(daemon: RealDaemon) -> None:
    """The few moments after a save: Metaflow's own second run found its bytecode as well."""
    prefixes = list((daemon.home / "cache" / "environments").glob("metaflow/*/*"))
    wait_until(lambda: all(marker is not None and marker.compiled for marker in map(read_marker, prefixes)))


def wait_until(reached: Callable[[], bool]) -> None:
    until = time.monotonic() + _PATIENCE
    while not reached():
        if time.monotonic() > until:
            raise SystemExit("this takes too long")
        time.sleep(0.1)


def flow() -> str:
    """The tests' flow, with packages of everyday use in their installed versions."""
    packages = {name: importlib.metadata.version(name) for name in _EVERYDAY}
    return PYPI_FLOW.replace('{"demo": "1.0"}', repr({"demo": "1.0", **packages}))


def bootstrap_seconds(world: World) -> float:
    """What Metaflow says of itself: from "Bootstrapping" to "bootstrapped"."""
    lines = world.run("flow.py").splitlines()
    stamps = [line.partition(" Virtual environment(s) bootstrapped!")[0] for line in lines if "bootstrapped!" in line]
    begins = [line.partition(" Bootstrapping virtual")[0] for line in lines if "Bootstrapping virtual" in line]
    return _clock(stamps[0]) - _clock(begins[0])


def _clock(stamp: str) -> float:
    day, _, rest = stamp.partition(" ")
    whole, _, fraction = rest.partition(".")
    return time.mktime(time.strptime(f"{day} {whole}", "%Y-%m-%d %H:%M:%S")) + float(f"0.{fraction}")


def installed_wheels() -> list[Archive]:
    """Of all distributions that are installed here."""
    names = set()
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
        if name.lower() not in {"pip", "mfenv"} and not origin.get("dir_info"):
            names.add(name)
    return [installed_as_wheel(name) for name in sorted(names, key=str.lower)]


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def row(what: str, took: Sequence[float], than: Sequence[float] = (), target: str = "") -> None:
    """The best of the turns, and the ratios of those that followed upon each other."""
    ratios = sorted(one / other for one, other in zip(took, than, strict=False))
    said = f"  {statistics.median(ratios):5.3f} x  ({ratios[0]:.3f} to {ratios[-1]:.3f})" if ratios else ""
    line = f"{what:50} {min(took):7.2f} s{said}{f'  target: {target}' if target else ''}"
    rich.get_console().print(line, soft_wrap=True)


if __name__ == "__main__":
    main()
