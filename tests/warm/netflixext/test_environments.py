"""Local environments appear whole, under the extension's lock, and what the extension made stays its own."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import Resolution
from mfenvd.domain.target import Target
from mfenvd.warm.building import Builder
from mfenvd.warm.findings import uv_missing
from mfenvd.warm.netflixext import environments as module
from mfenvd.warm.netflixext.environments import ExtensionEnvironments, collect, environment_name, made_here
from mfenvd.warm.netflixext.locks import environments_lock
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report
from mfenvd.warm.trash import new_trash

ID = EnvId("linux-64", "a" * 40, "b" * 40)
WANTED = LocalEnvironment("b" * 15, "linux-64", Resolution("request", Target(Arch.LINUX_64, "3.11"), ()))
DAY = 24 * 3600.0


class FakeBuilder(Builder):
    """Makes a prefix with a Python that nobody starts."""

    def __init__(self) -> None:
        self.filled: list[Path] = []
        self.refusal = False

    def fill(self, prefix: Path, wanted: LocalEnvironment, report: Report) -> dict[str, Path]:
        del wanted, report
        self.filled.append(prefix)
        python = prefix / "bin" / "python"
        for folder in (python.parent, prefix / "conda-meta"):
            folder.mkdir(parents=True)
        python.touch(0o755)
        if self.refusal:
            raise NotMadeError(uv_missing())
        return {}


class Bench:
    def __init__(self, folder: Path) -> None:
        self.cache, self.envs = folder / "cache", folder / "envs"
        self.builder = FakeBuilder()
        self.environments = ExtensionEnvironments(self.cache, self.envs, self.builder)
        self.place = self.envs / environment_name(ID)

    def create(self) -> Path:
        return self.environments.create(ID, WANTED, lambda _: None)

    def by_extension(self, *, whole: bool = True) -> None:
        """As the extension leaves it, or a killed run."""
        (self.place / "bin").mkdir(parents=True)
        (self.place / "bin" / "python").touch(0o755)
        if whole:
            (self.place / ".metaflowenv").write_text(json.dumps([ID.req, ID.full, ID.arch]))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_it_is_there_whole_or_not_at_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    real = module._link

    def link(place: Path, prefix: Path) -> None:
        seen.extend((place.exists(), environments_lock(bench.envs).exists(), (prefix / ".metaflowenv").exists()))
        real(place, prefix)

    monkeypatch.setattr(module, "_link", link)
    assert bench.create() == bench.place
    assert seen == [False, True, True]
    assert json.loads((bench.place / ".metaflowenv").read_text()) == [ID.req, ID.full, ID.arch]
    assert not environments_lock(bench.envs).exists()
    assert bench.environments.find(ID) == bench.place
    assert [path.name for path in bench.envs.iterdir() if not path.name.startswith(".")] == [bench.place.name]


def test_it_is_made_once(bench: Bench) -> None:
    bench.create()
    bench.create()
    bench.place.unlink()
    bench.create()
    assert len(bench.builder.filled) == 1


def test_what_the_extension_made_stays(bench: Bench) -> None:
    bench.by_extension()
    assert bench.create() == bench.place
    assert bench.builder.filled == []
    assert not bench.place.is_symlink()
    assert made_here(bench.cache) == ()


def test_what_a_killed_run_left_is_replaced(bench: Bench) -> None:
    bench.by_extension(whole=False)
    assert bench.environments.find(ID) is None
    bench.create()
    assert bench.place.is_symlink()


def test_while_the_extension_is_at_work_it_is_tried_again_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    bench.envs.mkdir()
    environments_lock(bench.envs).touch()
    with pytest.raises(NotMadeError) as caught:
        bench.create()
    assert caught.value.finding.code == Code.MADE_ELSEWHERE
    assert not bench.place.exists()
    environments_lock(bench.envs).unlink()
    bench.create()
    assert len(bench.builder.filled) == 1


def test_what_cannot_be_made_leaves_nothing(bench: Bench) -> None:
    bench.builder.refusal = True
    with pytest.raises(NotMadeError):
        bench.create()
    assert not bench.place.exists()
    assert not bench.builder.filled[0].exists()


def test_what_a_killed_mfenv_left_is_made_anew(bench: Bench) -> None:
    bench.create()
    prefix = bench.place.readlink()
    bench.place.unlink()
    (prefix / ".mfenv.json").unlink()
    (prefix / "half").touch()
    assert bench.environments.find(ID) is None
    bench.create()
    assert not (prefix / "half").exists()
    assert bench.environments.find(ID) == bench.place
    assert len(bench.builder.filled) == 2


def test_a_cache_that_was_deleted_takes_no_environment_with_it(bench: Bench) -> None:
    bench.create()
    (bench.cache / "environments").rename(bench.cache / "gone")
    assert bench.environments.find(ID) == bench.place
    bench.create()
    assert len(bench.builder.filled) == 1


def test_what_nobody_wants_is_collected_and_what_was_interrupted(bench: Bench) -> None:
    bench.create()
    prefix = bench.place.readlink()
    assert collect(bench.cache, DAY).idle == ()
    for path in (prefix / ".mfenv.json", prefix / "bin" / "python"):
        os.utime(path, (time.time() - 2 * DAY, time.time() - 2 * DAY))
    trash = new_trash(prefix.parent)
    (idle,) = collect(bench.cache, DAY, dry_run=True).idle
    assert (idle.prefix, bench.place.exists(), trash.exists()) == (str(prefix), True, True)
    assert len(collect(bench.cache, DAY).idle) == 1
    assert not prefix.exists()
    assert not trash.exists()
    assert not bench.place.is_symlink()
    assert made_here(bench.cache) == ()

    bench.create()
    (prefix / ".mfenv.json").unlink()
    assert collect(bench.cache, DAY).interrupted == (str(prefix),)
    assert not bench.place.is_symlink()
