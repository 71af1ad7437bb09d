"""Killed at any instant of a warm-up: the extension finds nothing half made, and the next start completes it."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context
from mfenvd.domain.state import State
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.warming import WarmTask, Warmth
from mfenvd.warm.building import Builder
from mfenvd.warm.netflixext import environments as module
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.environments import ExtensionEnvironments, collect
from mfenvd.warm.netflixext.locks import environments_lock
from mfenvd.warm.netflixext.warmer import NetflixextWarmer
from mfenvd.warm.plan import Report
from tests.support.metaflow_world import LOCAL, World
from tests.warm.laid_out import StoreArchives, pypi, quiet

REQ = "a" * 40
PUBLISHING = "publishing"
STAGES = ("linking", "installing", "starting its Python", PUBLISHING)
"""What a warm-up says of itself, from the manifest that is written to the link that the extension finds."""

_POINTS = 40

_NOBODY = 2 * 60.0
"""Seconds after which a lock that no process has open is nobody's."""


class Machine:
    """Where the environment goes, and what it holds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cache, self.envs = world.root / "cache", world.envs
        self.manifest = world.root / "conda_v2.cnd"
        wanted = pypi(world)
        assert wanted.wheels is not None
        archives = StoreArchives(self.cache / "store")
        conda, wheels = (
            Resolution(one.request, one.target, tuple(_hashed(package, archives) for package in one.packages))
            for one in (wanted.conda, wanted.wheels)
        )
        identity = RequestIdentity(
            REQ, LOCAL, "pypi-only", {"pypi": ("demo==1.0",)}, {"conda": ("conda-forge",)}, "local", None,
            str(self.manifest), LOCAL, envs_dir=str(self.envs),
        )  # fmt: skip
        context = Context(str(self.cache), Surroundings(str(world.project), environ=world.environ), "", LOCAL)
        self.task = WarmTask(identity, {LOCAL: conda}, wheels, context)

    @property
    def environments(self) -> ExtensionEnvironments:
        return environments_of(self.task)

    def killed_at(self, stage: str) -> None:
        process, told = begun(self.task)
        while not str(told.recv()).startswith(stage):
            pass
        kill(process)
        assert process.exitcode == -signal.SIGKILL

    def is_whole_or_away(self) -> bool:
        """What the extension would find; a folder of its name without the mark is what it would trip over."""
        places = [path for path in self.envs.glob("metaflow_*") if not (path / ".metaflowenv").is_file()]
        id_ = manifest.read(self.manifest).default(LOCAL, REQ)
        found = self.environments.find(id_) if id_ else None
        return not places and (found is None or (found / "lib").is_dir())

    def completed(self) -> None:
        """The next start does what is left."""
        lock = environments_lock(self.envs)
        if lock.exists():
            os.utime(lock, (time.time() - _NOBODY,) * 2)
        assert warmed(self.task, quiet).state is State.WARM
        id_ = manifest.read(self.manifest).default(LOCAL, REQ)
        assert id_ is not None
        assert self.environments.find(id_) is not None
        assert not lock.exists()
        assert collect(self.cache).interrupted == ()


def _hashed(package: LockedPackage, archives: StoreArchives) -> LockedPackage:
    content = archives.fetch(package).read_bytes()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return msgspec.structs.replace(package, md5=md5, sha256=hashlib.sha256(content).hexdigest())


def environments_of(task: WarmTask) -> ExtensionEnvironments:
    cache = Path(task.context.cache_dir)
    builder = Builder(cache, StoreArchives(cache / "store"), trusted=True)
    return ExtensionEnvironments(cache, Path(str(task.of_extension.envs_dir)), builder)


def warmed(task: WarmTask, report: Report) -> Warmth:
    return NetflixextWarmer(lambda *_: environments_of(task)).warm(task, report)


def warm_up(encoded: bytes, parent: Connection) -> None:
    link = module._link

    def telling(place: Path, prefix: Path) -> None:
        parent.send(PUBLISHING)
        link(place, prefix)

    setattr(module, "_link", telling)  # noqa: B010 - mypy forbids it otherwise
    parent.send("begun")
    parent.send(str(warmed(msgspec.json.decode(encoded, type=WarmTask), lambda step: parent.send(step.stage)).state))


def begun(task: WarmTask) -> tuple[BaseProcess, Connection]:
    """A process that has just begun with the warm-up."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=warm_up, args=(msgspec.json.encode(task), theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "begun"
    return process, ours


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


@pytest.fixture
def machine(world: World) -> Machine:
    return Machine(world)


def test_killed_at_each_stage_nothing_half_made_is_found_and_the_next_start_completes(machine: Machine) -> None:
    for stage in STAGES:
        machine.killed_at(stage)
        assert machine.is_whole_or_away(), stage
    machine.completed()


@pytest.mark.soak
def test_killed_anywhere(machine: Machine) -> None:
    start = time.perf_counter()
    process, told = begun(machine.task)
    while told.recv() != State.WARM:
        pass
    process.join()
    whole = time.perf_counter() - start
    for share in range(_POINTS):
        for folder in (machine.envs, machine.cache / "environments"):
            shutil.rmtree(folder, ignore_errors=True)
        machine.manifest.unlink(missing_ok=True)
        process, told = begun(machine.task)
        time.sleep(share * whole / _POINTS)
        kill(process)
        assert machine.is_whole_or_away()
        machine.completed()
