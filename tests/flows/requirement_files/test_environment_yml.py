"""environment.yml, as conda reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.flows.requirement_file import Format
from tests.flows.requirement_files.conftest import Read, Write, places, said, texts

NAME = "environment.yml"


def test_everything_that_it_may_say(read: Read, write: Write, tmp_path: Path) -> None:
    write("more.txt", "idna\n")
    reading = read(
        NAME,
        """\
name: demo
channels: [conda-forge, 'https://host.example/channel']
dependencies:
  - python=3.10
  - numpy >=1.2,<2  # why
  - conda-forge::pandas=1.5=py_0
  - "scipy==1.10"
  - pip
  - pip:
      - six>=1 ; os_name == 'posix'
      - --extra-index-url https://host.example/simple
      - -r more.txt
      - 'attrs'
      - -e git+https://git.example/o/r.git#egg=named
prefix: /somewhere
""",
    )
    assert reading.format is Format.ENVIRONMENT_YML
    assert reading.findings == ()
    assert reading.python == "3.10"
    assert reading.channels == ("conda-forge", "https://host.example/channel")
    assert reading.conda == (
        ("numpy", ">=1.2,<2"), ("conda-forge::pandas", "=1.5=py_0"), ("scipy", "==1.10"), ("pip", ""),
    )  # fmt: skip
    assert places(reading) == [
        ('six>=1; os_name == "posix"', 10, 9),
        ("idna", 1, 1),
        ("attrs", 13, 10),
        ("named @ git+https://git.example/o/r.git", 14, 9),
    ]
    assert reading.indexes.extra_index_urls == ("https://host.example/simple",)
    assert reading.reads == (str(tmp_path / "more.txt"),)


@pytest.mark.parametrize(
    ("written", "python"),
    [
        ("python=3.10", "3.10"), ("python==3.11.7", "3.11.7"), ("python =3.9", "3.9"), ("python=3.9.*", "3.9"),
        ("python=3.9=*_cpython", "3.9"), ("python>=3.9,<3.12", ">=3.9,<3.12"), ("python", None),
        ("Python=3.12", "3.12"),
    ],
)  # fmt: skip
def test_python(read: Read, written: str, python: str | None) -> None:
    reading = read(NAME, f"dependencies: ['{written}']\n")
    assert (reading.python, reading.conda) == (python, ())


def test_a_number_stays_as_written(read: Read) -> None:
    assert read(NAME, "dependencies:\n- x=1.10\nchannels:\n- 3.10\n").channels == ("3.10",)


def test_a_selector_on_a_conda_package_is_said_to_be_a_comment(read: Read) -> None:
    reading = read(NAME, "dependencies:\n  - cuda  # [linux]\n  - numpy # plain\n")
    assert reading.conda == (("cuda", ""), ("numpy", ""))
    assert said(reading) == [("MFE202", 2)]


def test_a_selector_on_a_wheel_becomes_a_marker(read: Read) -> None:
    reading = read(NAME, "dependencies:\n- pip:\n  - torch==2.0  # [linux64]\n  - six  # [py<39]\n  - 'a'  # [osx]\n")
    assert texts(reading) == [
        'torch==2.0; sys_platform == "linux" and platform_machine == "x86_64"', "six", 'a; sys_platform == "darwin"',
    ]  # fmt: skip
    assert said(reading) == [("MFE202", 4)]


def test_what_conda_lock_and_netflixext_add(read: Read) -> None:
    reading = read(
        NAME,
        "platforms: [linux-64]\npypi-indices:\n- https://host.example/simple\n"
        "dependencies:\n- sys:\n  - __cuda=12.2\n- npm:\n  - x\n",
    )
    assert reading.indexes.extra_index_urls == ("https://host.example/simple",)
    assert reading.system == (("__cuda", "12.2"),)
    assert said(reading) == [("MFE202", 1), ("MFE202", 6), ("MFE202", 7)]


@pytest.mark.parametrize("text", ["", "name: x\n", "dependencies:\n", "dependencies: []\n", "# nothing\n"])
def test_nothing_is_nothing(read: Read, text: str) -> None:
    reading = read(NAME, text)
    assert (reading.requirements, reading.conda, reading.findings) == ((), (), ())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dependencies:\n  - a: [\n", 3), ("a: b: c\n", 1), ("- just\n- a list\n", 1), ("dependencies: numpy\n", 1),
        ("dependencies:\n- [nested]\n", 2), ("dependencies:\n- pip: six\n", 2), ("a: 1\n---\nb: 2\n", 2),
        ("dependencies: &a\n- *a\n", 1), ("x: !!python/object:os.system {}\ndependencies:\n- '=1'\n", 3),
        pytest.param("[" * 2000, None, id="deep"), ("a: \x07\n", None),
    ],
)  # fmt: skip
def test_what_is_malformed_is_said_at_its_line(read: Read, text: str, line: int | None) -> None:
    reading = read(NAME, text)
    assert [finding.line for finding in reading.findings] == [line]
    assert {finding.code for finding in reading.findings} <= {Code.MALFORMED_FILE, Code.BAD_REQUIREMENT}


def test_a_bad_entry_takes_no_other_with_it(read: Read) -> None:
    reading = read(NAME, "dependencies:\n- '=1'\n- numpy\n- pip:\n  - six=1\n  - attrs\n")
    assert (reading.conda, texts(reading)) == ((("numpy", ""),), ["attrs"])
    assert said(reading) == [("MFE201", 2), ("MFE201", 5)]
