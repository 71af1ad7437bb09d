"""Python beyond plain values: generators, exceptions, patterns, contexts, objects with special methods.

The programs stand in `programs/`, each below a comment with its name; what they compute is `P`.
"""

from __future__ import annotations

import platform
import re
import textwrap
from pathlib import Path

import pytest

from tests.flows.static.reading import errors, flow, oracle, read_start, write


def _programs(name: str) -> dict[str, str]:
    text = (Path(__file__).parent / "programs" / name).read_text(encoding="utf-8")
    parts = re.split(r"^# (.+)$", text, flags=re.MULTILINE)[1:]
    return {title: code.strip() + "\n" for title, code in zip(parts[::2], parts[1::2], strict=True)}


KNOWN = _programs("known.txt")
CHANGED = _programs("changed.txt")
FILES = {"p.json": '{"f": "1"}', "consts.py": "V = {'c': '1'}"}


@pytest.mark.parametrize("program", KNOWN.values(), ids=KNOWN)
def test_a_program_computes_what_it_computes_in_python(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some of them change it

    step = read_start(tmp_path, flow("@pypi(packages=P)", header=program), FILES, python=platform.python_version())

    assert not step.findings
    assert step.pypi == oracle(program, "P")


@pytest.mark.parametrize("program", CHANGED.values(), ids=CHANGED)
def test_what_may_have_changed_is_not_known(program: str, tmp_path: Path) -> None:
    source = flow("@pypi(packages=P)", header=f"P = {{'a': '1'}}\n{program}")

    step = read_start(tmp_path, source, FILES)

    assert errors(step)
    assert not step.pypi


def test_a_program_that_only_answers_leaves_files_alone(tmp_path: Path) -> None:
    header = "import subprocess as s\nR = s.check_output(['git', 'log'])\nP = json.load(open('p.json'))"

    step = read_start(tmp_path, flow("@pypi(packages=P)", header=header), FILES)

    assert not errors(step)
    assert step.pypi == {"f": "1"}


@pytest.mark.parametrize(("installed", "version"), [("torch/__init__.py", "1"), ("other.py", "2")])
def test_the_projects_packages_say_what_can_be_imported(installed: str, version: str, tmp_path: Path) -> None:
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    write(tmp_path, {".venv/pyvenv.cfg": "include-system-site-packages = false\n"})
    write(packages, {installed: ""})
    header = "try:\n    import torch\n    V = '1'\nexcept ImportError:\n    V = '2'"

    step = read_start(tmp_path, flow("@pypi(packages={'a': V})", header=header), site_packages=str(packages))

    assert step.pypi == {"a": version}


def test_what_is_not_in_a_folder_that_others_add_to_may_be_elsewhere(tmp_path: Path) -> None:
    packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
    write(tmp_path, {".venv/pyvenv.cfg": "include-system-site-packages = false\n"})
    write(packages, {"__editable__.mine.pth": "import __editable___finder"})
    header = "try:\n    import torch\n    V = '1'\nexcept ImportError:\n    V = '2'"

    step = read_start(tmp_path, flow("@pypi(packages={'a': V})", header=header), site_packages=str(packages))

    assert errors(step)


def test_a_flow_that_a_function_makes_is_read(tmp_path: Path) -> None:
    source = flow("@pypi(packages=pk)")
    head, body = source.split("class F(FlowSpec):\n")
    body, end = body.split("\n\nif __name__")
    made = textwrap.indent(f"class F(FlowSpec):\n{body}\nreturn F\n", "    ")

    step = read_start(tmp_path, f"{head}def make(pk):\n{made}\nF = make({{'a': '1'}})\nif __name__{end}")

    assert step.pypi == {"a": "1"}
