from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mfenvd.client.shell import surroundings


def python_in(prefix: Path) -> Path:
    interpreter = prefix / "bin" / "python"
    interpreter.parent.mkdir(parents=True)
    interpreter.write_text("#!/bin/sh\necho must not run >&2; exit 1\n")
    interpreter.chmod(0o755)
    return interpreter


@pytest.mark.parametrize(
    "config",
    [
        "home = /usr/bin\nversion = 3.9.18\n",
        "home = /usr/bin\nimplementation = CPython\nversion_info = 3.9.18.final.0\n",
        "home = /usr/bin\nuv = 0.5.1\nversion_info = 3.9.18\n",
    ],
)
def test_the_active_virtual_environment(tmp_path: Path, config: str) -> None:
    interpreter = python_in(tmp_path)
    (tmp_path / "pyvenv.cfg").write_text(config)
    found = surroundings({"VIRTUAL_ENV": str(tmp_path), "PATH": "/usr/bin"}, tmp_path)
    assert (found.interpreter, found.python) == (str(interpreter), "3.9.18")


def test_the_active_conda_environment(tmp_path: Path) -> None:
    interpreter = python_in(tmp_path)
    records = tmp_path / "conda-meta"
    records.mkdir()
    for name in ("python-dateutil-2.9.0-pyhd8ed1ab_0", "python-3.12.4-h194c7f8_0_cpython", "python_abi-3.12-4_cp312"):
        (records / f"{name}.json").write_text(json.dumps({}))
    found = surroundings({"CONDA_PREFIX": str(tmp_path), "PATH": "/usr/bin"}, tmp_path)
    assert (found.interpreter, found.python) == (str(interpreter), "3.12.4")


def test_a_virtual_environment_inside_conda_wins(tmp_path: Path) -> None:
    interpreter = python_in(tmp_path / "venv")
    python_in(tmp_path / "conda")
    environ = {"VIRTUAL_ENV": str(tmp_path / "venv"), "CONDA_PREFIX": str(tmp_path / "conda")}
    assert surroundings(environ, tmp_path).interpreter == str(interpreter)


def test_a_deleted_virtual_environment_is_passed_over(tmp_path: Path) -> None:
    interpreter = python_in(tmp_path / "usr")
    environ = {"VIRTUAL_ENV": str(tmp_path / "gone"), "PATH": str(interpreter.parent)}
    assert surroundings(environ, tmp_path).interpreter == str(interpreter)


def test_the_python_on_the_path_with_its_own_version(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    found = surroundings({"PATH": str(tmp_path)}, tmp_path)
    assert found.interpreter == str(tmp_path / "python")
    assert found.python == ".".join(map(str, sys.version_info[:3]))


def test_an_installation_with_headers_says_its_version(tmp_path: Path) -> None:
    real = python_in(tmp_path / "opt").rename(tmp_path / "opt" / "bin" / "python3.10")
    header = tmp_path / "opt" / "include" / "python3.10" / "patchlevel.h"
    header.parent.mkdir(parents=True)
    header.write_text('/* … */\n#define PY_VERSION      \t"3.10.13"\n')
    (tmp_path / "python").symlink_to(real)
    assert surroundings({"PATH": str(tmp_path)}, tmp_path).python == "3.10.13"


def test_pyenvs_stand_in_is_looked_through(tmp_path: Path) -> None:
    shim = python_in(tmp_path / "pyenv")
    shims = tmp_path / "pyenv" / "shims"
    shim.parent.rename(shims)
    interpreter = python_in(tmp_path / "pyenv" / "versions" / "3.8.18")
    work = tmp_path / "work" / "deep"
    work.mkdir(parents=True)
    (tmp_path / "work" / ".python-version").write_text("3.8.18\n")
    environ = {"PATH": str(shims)}
    assert surroundings(environ, work).interpreter == str(interpreter)
    assert surroundings({**environ, "PYENV_VERSION": "9.9.9"}, work).interpreter == str(shims / "python")


def test_no_python_at_all(tmp_path: Path) -> None:
    found = surroundings({"PATH": str(tmp_path)}, tmp_path)
    assert (found.interpreter, found.python, found.cwd) == (None, None, str(tmp_path))


def test_only_what_matters_is_taken_along(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "PIP_INDEX_URL": "https://index.example/", "EDITOR": "vi", "AWS_PROFILE": "team"}
    assert set(surroundings(environ, tmp_path).environ) == {"PATH", "PIP_INDEX_URL", "AWS_PROFILE"}


def test_what_files_use_is_taken_along_and_is_a_secret(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "CORP_LOGIN": "me-and-hush", "EDITOR": "vi"}
    found = surroundings(environ, tmp_path, {"CORP_LOGIN", "GONE"})

    assert found.environ["CORP_LOGIN"] == "me-and-hush"
    assert found.used == ("CORP_LOGIN",)
    assert found.shown == {"CORP_LOGIN": "****", "PATH": str(tmp_path)}
    assert set(found.stored.environ) == {"PATH"}
