"""Environments by name appear whole, are taken where they are there, and nobody's work is removed unasked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.resolution import Resolution
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.warm.building import Builder
from mfenvd.warm.findings import uv_missing
from mfenvd.warm.kernels import data_folder, write_kernel
from mfenvd.warm.netflixext.conda_binary import envs_dir
from mfenvd.warm.netflixext.manifest import EnvId
from mfenvd.warm.netflixext.named import NamedEnvironments, NameTakenError
from mfenvd.warm.plan import LocalEnvironment, NotMadeError, Report

ID, OTHER = EnvId("linux-64", "a" * 40, "b" * 40), EnvId("linux-64", "a" * 40, "c" * 40)
WANTED = LocalEnvironment("b" * 15, "linux-64", Resolution("request", Target(Arch.LINUX_64, "3.11"), ()))


class FakeBuilder(Builder):
    """Makes a prefix with a Python that nobody starts; `refuses` fails halfway, `dies` as a killed process does."""

    def __init__(self) -> None:
        self.filled = 0
        self.refuses = self.dies = False

    def fill(self, prefix: Path, wanted: LocalEnvironment, report: Report) -> dict[str, Path]:
        del wanted, report
        self.filled += 1
        (prefix / "conda-meta").mkdir(parents=True)
        assert not (prefix / ".metaflowenv").exists()
        if self.refuses:
            raise NotMadeError(uv_missing())
        return {}


@pytest.fixture
def builder() -> FakeBuilder:
    return FakeBuilder()


def make(folder: Path, builder: FakeBuilder, id_: EnvId = ID, *, force: bool = False) -> Path:
    return NamedEnvironments(folder, builder).create("lab", id_, WANTED, lambda _: None, force=force)


def test_it_is_marked_last_as_the_extension_marks_it_and_made_once(tmp_path: Path, builder: FakeBuilder) -> None:
    place = make(tmp_path, builder)
    assert place == tmp_path / "lab"
    assert json.loads((place / ".metaflowenv").read_text()) == [ID.req, ID.full, ID.arch]
    assert make(tmp_path, builder) == place
    assert builder.filled == 1
    make(tmp_path, builder, force=True)
    assert builder.filled == 2


def test_what_is_somebody_elses_stays_unless_asked(tmp_path: Path, builder: FakeBuilder) -> None:
    (tmp_path / "lab" / "work").mkdir(parents=True)
    with pytest.raises(NameTakenError) as raised:
        make(tmp_path, builder)
    assert raised.value.held is None
    assert (tmp_path / "lab" / "work").exists()
    make(tmp_path, builder, OTHER, force=True)
    with pytest.raises(NameTakenError) as raised:
        make(tmp_path, builder)
    assert raised.value.held == OTHER


def test_what_failed_leaves_nothing_and_what_was_killed_is_made_again(tmp_path: Path, builder: FakeBuilder) -> None:
    builder.refuses = True
    with pytest.raises(NotMadeError):
        make(tmp_path, builder)
    assert not (tmp_path / "lab").exists()
    # As a killed process leaves it: the folder without its mark.
    (tmp_path / "lab" / "conda-meta").mkdir(parents=True)
    builder.refuses = False
    assert (make(tmp_path, builder) / ".metaflowenv").exists()


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
