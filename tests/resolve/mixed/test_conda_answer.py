"""What conda-lock runs in place of conda."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mfenvd.resolve.mixed import conda_answer

CREATE = ["create", "--prefix", "p", "--dry-run", "--json", "--override-channels", "--channel", "c", "numpy 1.26.*"]


def run(arguments: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-S", conda_answer.__file__, *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environ)


def test_it_prints_the_solution_of_the_subdir_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "osx-64.json").write_text('{"actions": {"FETCH": []}}')

    done = run(CREATE, CONDA_SUBDIR="osx-64", MFENV_CONDA_ANSWERS=str(tmp_path))

    assert (done.returncode, json.loads(done.stdout)) == (0, {"actions": {"FETCH": []}})


def test_it_has_a_version_and_a_folder_of_packages() -> None:
    assert run(["--version"]).stdout == "conda 24.1.0\n"
    for arguments in (["info", "--json"], ["config", "--json", "list", "pkgs_dirs"]):
        assert json.loads(run(arguments, CONDA_PKGS_DIRS="/pkgs").stdout) == {"pkgs_dirs": ["/pkgs"]}


@pytest.mark.parametrize("arguments", [CREATE, ["create", "numpy"], ["install", "--json", "numpy"], []])
def test_what_it_cannot_answer_it_refuses_in_condas_form(tmp_path: Path, arguments: list[str]) -> None:
    done = run(arguments, CONDA_SUBDIR="linux-64", MFENV_CONDA_ANSWERS=str(tmp_path))

    assert done.returncode == 1
    assert json.loads(done.stdout)["message"]
