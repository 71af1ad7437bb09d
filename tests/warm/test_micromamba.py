"""The micromamba that Metaflow would run is found where Metaflow finds it, and asked."""

from pathlib import Path

import pytest

from mfenvd.domain.surroundings import Surroundings
from mfenvd.warm.micromamba import find_micromamba, read_micromamba_settings
from tests.support.metaflow_world import LOCAL
from tests.support.micromamba import install_micromamba


def surroundings(tmp_path: Path, **environ: str) -> Surroundings:
    return Surroundings(str(tmp_path), environ={"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", **environ})


@pytest.mark.parametrize(
    ("folder", "environ"),
    [
        ("tools", {"PATH": "{tmp}/tools:/usr/bin"}),
        ("tools", {"METAFLOW_PATH_TO_MICROMAMBA": "{tmp}/tools/micromamba"}),
        (".", {}),
        ("bin", {}),
        ("home/.metaflowconfig/micromamba/bin", {}),
        ("mf/micromamba/bin", {"METAFLOW_HOME": "{tmp}/mf"}),
        ("token/micromamba/bin", {"METAFLOW_HOME": "{tmp}/mf", "METAFLOW_TOKEN_HOME": "{tmp}/token"}),
    ],
)
def test_it_is_found_where_metaflow_finds_it(tmp_path: Path, folder: str, environ: dict[str, str]) -> None:
    install_micromamba(tmp_path / folder)
    found = find_micromamba(surroundings(tmp_path, **{k: v.format(tmp=tmp_path) for k, v in environ.items()}))
    assert found is not None
    assert Path(found).resolve() == (tmp_path / folder / "micromamba").resolve()


def test_its_answer_counts(tmp_path: Path) -> None:
    install_micromamba(tmp_path / "bin")
    settings = read_micromamba_settings(surroundings(tmp_path, CONDA_ENVS_DIRS=str(tmp_path / "envs")), trusted=True)
    assert settings.platform == LOCAL
    assert settings.envs_dirs == (str(tmp_path / "envs"),)
    assert settings.pkgs_dirs[0].endswith("/mamba/pkgs")
    assert settings.environments_file == str(tmp_path / "home" / ".conda" / "environments.txt")
    assert settings.binary == str(tmp_path / "bin" / "micromamba")


def test_one_in_the_projects_folder_is_started_in_a_trusted_project_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    trap = tmp_path / "bin" / "micromamba"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    trap.chmod(0o755)
    settings = read_micromamba_settings(surroundings(tmp_path), trusted=False)
    assert settings.binary == str(trap)
    assert settings.envs_dirs == (str(tmp_path / "home" / "micromamba" / "envs"),)
    assert not (tmp_path / "started").exists()
    read_micromamba_settings(surroundings(tmp_path), trusted=True)
    assert (tmp_path / "started").exists()


def test_without_one_the_defaults_are_those_that_metaflow_would_install(tmp_path: Path) -> None:
    settings = read_micromamba_settings(surroundings(tmp_path), trusted=True)
    assert settings.binary is None
    assert settings.platform == LOCAL
    assert settings.envs_dirs == (str(tmp_path / "home" / "micromamba" / "envs"),)
    rooted = read_micromamba_settings(surroundings(tmp_path, MAMBA_ROOT_PREFIX=str(tmp_path / "root")), trusted=True)
    assert rooted.envs_dirs == (str(tmp_path / "root" / "envs"),)
    assert rooted.pkgs_dirs == (str(tmp_path / "root" / "pkgs"), str(tmp_path / "home" / ".mamba" / "pkgs"))


def test_a_program_that_answers_something_else_counts_as_silent(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    other = tmp_path / "bin" / "micromamba"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    settings = read_micromamba_settings(surroundings(tmp_path), trusted=True)
    assert settings.binary == str(other)
    assert settings.envs_dirs == (str(tmp_path / "home" / "micromamba" / "envs"),)
