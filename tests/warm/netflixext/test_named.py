"""Environments by name appear whole, are taken where they are there, and nobody's work is removed unasked."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import Resolution
from mfenvd.domain.resolver import Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.warm.building import Builder
from mfenvd.warm.findings import uv_missing
from mfenvd.warm.kernels import data_folder, write_kernel
from mfenvd.warm.netflixext import named
from mfenvd.warm.netflixext.conda_binary import envs_dir
from mfenvd.warm.netflixext.locks import YOUNG, environments_lock, held
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.netflixext.named import NamedEnvironments, NameTakenError
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report

ID, OTHER = EnvId("linux-64", "a" * 40, "b" * 40), EnvId("linux-64", "a" * 40, "c" * 40)
WANTED = LocalEnvironment("b" * 15, "linux-64", Resolution("request", Target(Arch.LINUX_64, "3.11"), ()))


class FakeBuilder(Builder):
    """Makes a prefix with a Python that nobody starts; `refuses` fails halfway, `dies` as a killed process does."""

    def __init__(self) -> None:
        self.fetched = self.filled = 0
        self.refuses = self.dies = False

    def fetch(self, *_: Any) -> None:
        self.fetched += 1

    def fill(self, prefix: Path, wanted: LocalEnvironment, report: Report) -> dict[str, Path]:
        del wanted, report
        self.filled += 1
        (prefix / "conda-meta").mkdir(parents=True)
        assert not (prefix / ".metaflowenv").exists()
        assert environments_lock(prefix.parent).exists()
        if self.refuses:
            raise NotMadeError(uv_missing())
        if self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return {}


@pytest.fixture
def builder() -> FakeBuilder:
    return FakeBuilder()


def make(folder: Path, builder: FakeBuilder, id_: EnvId = ID, *, force: bool = False, exist_ok: bool = False) -> Path:
    environments = NamedEnvironments(folder, builder)
    return environments.create("lab", id_, WANTED, lambda _: None, force=force, exist_ok=exist_ok)


def test_it_is_marked_last_as_the_extension_marks_it_and_made_once(tmp_path: Path, builder: FakeBuilder) -> None:
    place = make(tmp_path, builder)
    assert place == tmp_path / "lab"
    assert json.loads((place / ".metaflowenv").read_text()) == [ID.req, ID.full, ID.arch]
    assert make(tmp_path, builder, exist_ok=True) == place
    with pytest.raises(NameTakenError):
        make(tmp_path, builder)
    assert builder.filled == 1
    make(tmp_path, builder, force=True)
    assert builder.filled == 2


def test_what_is_somebody_elses_stays_unless_asked(tmp_path: Path, builder: FakeBuilder) -> None:
    (tmp_path / "lab" / "work").mkdir(parents=True)
    with pytest.raises(NameTakenError) as raised:
        make(tmp_path, builder, exist_ok=True)
    assert raised.value.mark is None
    assert (tmp_path / "lab" / "work").exists()
    make(tmp_path, builder, OTHER, force=True)
    with pytest.raises(NameTakenError) as raised:
        make(tmp_path, builder, exist_ok=True)
    assert raised.value.mark == OTHER


def test_what_failed_leaves_nothing(tmp_path: Path, builder: FakeBuilder) -> None:
    builder.refuses = True
    with pytest.raises(NotMadeError):
        make(tmp_path, builder)
    assert not (tmp_path / "lab").exists()
    # Whoever takes the name now made it himself.
    (tmp_path / "lab" / "work").mkdir(parents=True)
    with pytest.raises(NameTakenError):
        make(tmp_path, builder)


def test_what_was_killed_is_made_again_unasked(tmp_path: Path, builder: FakeBuilder) -> None:
    builder.dies = True
    process = multiprocessing.get_context("spawn").Process(target=make, args=(tmp_path, builder))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    builder.dies = False
    lock = environments_lock(tmp_path)
    assert (lock.exists(), (tmp_path / "lab" / "conda-meta").exists()) == (True, True)
    long_ago = time.time() - 2 * YOUNG
    os.utime(lock, (long_ago, long_ago))
    assert (make(tmp_path, builder) / ".metaflowenv").exists()
    assert not lock.exists()


def test_it_waits_for_the_extension_with_its_packages_here(
    tmp_path: Path, builder: FakeBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named, "_PATIENCE", 0)
    said: list[Progress] = []
    with held(environments_lock(tmp_path), 0), pytest.raises(NotMadeError) as raised:
        NamedEnvironments(tmp_path, builder).create("lab", ID, WANTED, said.append)
    assert raised.value.finding.code is Code.MADE_ELSEWHERE
    assert (builder.fetched, builder.filled, (tmp_path / "lab").exists()) == (1, 0, False)
    assert [step.stage for step in said] == [f"waiting for {environments_lock(tmp_path)}"]


def test_the_folder_is_that_of_the_binary_which_the_extension_uses(tmp_path: Path) -> None:
    mamba = tmp_path / "bin" / "mamba"
    mamba.parent.mkdir()
    mamba.write_text("""#!/bin/sh\necho '{"envs directories": ["/of/mamba", "/second"]}'\n""")
    mamba.chmod(0o755)
    environ = {"PATH": f"{mamba.parent}{os.pathsep}/usr/bin:/bin", "HOME": str(tmp_path), "CONDA_ENVS_DIRS": "/of/rc"}
    shell = Surroundings(str(tmp_path), environ=environ)
    assert envs_dir(shell, environ, trusted=False) == Path("/of/mamba")
    other = {**environ, "METAFLOW_CONDA_DEPENDENCY_RESOLVER": "micromamba"}
    assert envs_dir(shell, other, trusted=False) == Path("/of/rc")
    assert envs_dir(shell, {**other, "METAFLOW_CONDA_LOCAL_PATH": "/own"}, trusted=False) == Path("/own/envs")


def test_a_kernel_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    environ = {"JUPYTER_DATA_DIR": str(tmp_path / "jupyter")}
    for python in ("/envs/old/bin/python", "/envs/new/bin/python"):
        place = write_kernel("team/env/v1", Path(python), environ, tmp_path)
    assert place == tmp_path / "jupyter" / "kernels" / "mf_team_env_v1"
    kernel = json.loads((place / "kernel.json").read_text())
    assert kernel["argv"] == ["/envs/new/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert (kernel["display_name"], kernel["env"]) == ("Metaflow team/env/v1", {"PYTHONPATH": str(tmp_path)})
    assert [path.name for path in place.parent.iterdir()] == ["mf_team_env_v1"]
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "/data"}) in {Path("/data/jupyter"), Path("/h/Library/Jupyter")}
