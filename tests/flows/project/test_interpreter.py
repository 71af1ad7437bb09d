from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.host import Host
from mfenvd.flows.interpreter import Interpreter, find_interpreter, is_users_choice


def venv(prefix: Path, config: str = "version = 3.10.4\n") -> Path:
    python = prefix / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (prefix / "pyvenv.cfg").write_text(config)
    return python


def conda(prefix: Path, version: str = "3.9.18") -> Path:
    python = prefix / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / f"python-{version}-h955ad1f_0.json").touch()
    (prefix / "conda-meta" / "python-dateutil-2.8.2-py_0.json").touch()
    return python


def find(root: Path, host: Host, settings: Settings | None = None, **shell: object) -> Interpreter:
    environ = {str(k): str(v) for k, v in shell.pop("environ", {}).items()}  # type: ignore[attr-defined]
    surroundings = Surroundings(cwd=str(root), environ={"HOME": str(root.parent), **environ}, **shell)  # type: ignore[arg-type]
    return find_interpreter(root, settings or Settings(), surroundings, host)


def version_of(root: Path, host: Host, executable: str) -> str | None:
    """What is known of a configured Python."""
    found = find(root, host, Settings(interpreter=executable))
    return None if found.assumed else found.version


def test_without_any_hint_the_python_of_mfenv_is_assumed(root: Path, linux: Host) -> None:
    found = find(root, linux)
    assert (found.version, found.assumed, found.path) == ("3.11.7", True, None)


def test_the_configured_interpreter_is_first(root: Path, linux: Host, tmp_path: Path) -> None:
    python = venv(tmp_path / "other", "version_info = 3.8.10.final.0\n")
    venv(root / ".venv")
    found = find(root, linux, Settings(interpreter=str(python)), environ={"VIRTUAL_ENV": root / ".venv"})
    assert (found.version, found.path, found.assumed) == ("3.8.10", str(python), False)


def test_the_activated_environment_of_the_shell_is_next(root: Path, linux: Host, tmp_path: Path) -> None:
    conda(tmp_path / "conda")
    venv(root / ".venv")
    found = find(root, linux, environ={"CONDA_PREFIX": tmp_path / "conda"})
    assert (found.version, found.why) == ("3.9.18", "the activated environment")
    told = find(root, linux, python="3.12.1", interpreter="/x/python", environ={"VIRTUAL_ENV": "/x"})
    assert (told.version, told.path) == ("3.12.1", "/x/python")


def test_what_the_shell_runs_is_the_users_choice_and_what_the_project_names_is_not(root: Path) -> None:
    own = str(root / ".venv" / "bin" / "python")
    elsewhere = Surroundings(cwd=str(root), interpreter="/usr/bin/python3")
    assert not is_users_choice(own, elsewhere)
    assert not is_users_choice("/bin/rm", Surroundings(cwd=str(root)))
    assert is_users_choice(own, Surroundings(cwd=str(root), interpreter=f"{own}3"))
    assert is_users_choice(sys.executable, elsewhere)


def test_an_environment_in_the_project_wins_over_the_shells_plain_python(root: Path, linux: Host) -> None:
    venv(root / ".venv", "home = /usr/bin\nversion_info = 3.10.2\nuv = 0.5\n")
    found = find(root, linux, python="3.12.1", interpreter="/usr/bin/python")
    assert (found.version, found.why, found.path) == ("3.10.2", ".venv", str(root / ".venv/bin/python"))


def test_the_shells_plain_python_wins_over_requires_python(root: Path, linux: Host) -> None:
    (root / "pyproject.toml").write_text("[project]\nrequires-python = '==3.9.*'\n")
    assert find(root, linux, python="3.12.1", interpreter="/usr/bin/python").version == "3.12.1"


def test_an_environment_at_the_top_of_the_repository_counts(root: Path, linux: Host) -> None:
    (root / ".git").mkdir()
    venv(root / "venv")
    inner = root / "flows"
    inner.mkdir()
    assert find(inner, linux).version == "3.10.4"


def test_layouts_of_pixi_pdm_uv_and_poetry(root: Path, linux: Host, tmp_path: Path) -> None:
    conda(root / ".pixi/envs/default", "3.12.5")
    assert find(root, linux).version == "3.12.5"
    venv(root / "uvs", "version_info = 3.13.1\n")
    assert find(root, linux, environ={"UV_PROJECT_ENVIRONMENT": "uvs"}).version == "3.13.1"


def test_pdm_names_its_interpreter_in_a_file(root: Path, linux: Host, tmp_path: Path) -> None:
    (root / ".pdm-python").write_text(f"{venv(tmp_path / 'far')}\n")
    assert find(root, linux).version == "3.10.4"


def test_poetrys_own_folder_is_found_by_its_hash(root: Path, linux: Host) -> None:
    import base64
    import hashlib

    (root / "pyproject.toml").write_text('[tool.poetry]\nname = "My Flows"\n')
    digest = base64.urlsafe_b64encode(hashlib.sha256(str(root).encode()).digest()).decode()[:8]
    venv(root.parent / f".cache/pypoetry/virtualenvs/my_flows-{digest}-py3.10")
    assert find(root, linux).version == "3.10.4"


@pytest.mark.parametrize(
    ("text", "version"), [("3.9.6\n", "3.9.6"), ("# pin\n3.12\n", "3.12"), ("cpython-3.10.1", "3.10.1")]
)
def test_python_version_file(root: Path, linux: Host, text: str, version: str) -> None:
    (root / ".python-version").write_text(text)
    found = find(root, linux)
    assert (found.version, found.assumed) == (version, False)


def test_a_python_version_file_that_names_a_virtualenv_says_nothing(root: Path, linux: Host) -> None:
    (root / ".python-version").write_text("my-env\n")
    assert find(root, linux).assumed


@pytest.mark.parametrize(
    ("requires", "version", "assumed"),
    [
        ("==3.9.*", "3.9", False),
        (">=3.12", "3.12", False),
        (">3.11.20,<3.14", "3.11", False),
        ("==3.11.*", "3.11.7", False),
        (">=3.9", "3.11.7", True),
        ("nonsense", "3.11.7", True),
    ],
)
def test_requires_python_is_the_last_resort(
    root: Path, linux: Host, requires: str, version: str, assumed: bool
) -> None:
    (root / "pyproject.toml").write_text(f'[project]\nname = "x"\nrequires-python = "{requires}"\n')
    found = find(root, linux)
    assert (found.version, found.assumed) == (version, assumed)


def test_a_configured_version_wins_and_takes_the_patch_release_from_the_interpreter(root: Path, linux: Host) -> None:
    venv(root / ".venv")
    assert find(root, linux, Settings(python="3.10")).version == "3.10.4"
    other = find(root, linux, Settings(python="3.12"))
    assert (other.version, other.assumed, other.path) == ("3.12", False, None)


@pytest.mark.parametrize(
    ("config", "version"),
    [("version = 3.10.4\n", "3.10.4"), ("version_info = 3.10.4.final.0\nversion = 3.9\n", "3.10.4"), ("garbage", None)],
)
def test_versions_of_virtual_environments(
    root: Path, linux: Host, tmp_path: Path, config: str, version: str | None
) -> None:
    python = venv(tmp_path / "v", config)
    assert version_of(root, linux, str(python)) == version


def test_an_environment_without_version_says_that_of_its_home(root: Path, linux: Host, tmp_path: Path) -> None:
    home = tmp_path / "versions" / "3.7.12" / "bin"
    home.mkdir(parents=True)
    python = venv(tmp_path / "v", f"home = {home}\n")
    assert version_of(root, linux, str(python)) == "3.7.12"


def test_installations_say_their_version_in_headers_paths_and_names(root: Path, linux: Host, tmp_path: Path) -> None:
    header = tmp_path / "usr/include/python3.11/patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('#define PY_VERSION      "3.11.2"\n')
    (tmp_path / "usr/bin").mkdir()
    (tmp_path / "usr/bin/python3.11").touch()
    (tmp_path / "usr/bin/python3").symlink_to("python3.11")
    assert version_of(root, linux, str(tmp_path / "usr/bin/python3")) == "3.11.2"
    assert version_of(root, linux, "/opt/uv/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12") == "3.12.4"
    assert version_of(root, linux, "/nowhere/bin/python3.8") == "3.8"
    assert version_of(root, linux, "/nowhere/bin/python") is None
