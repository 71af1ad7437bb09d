"""environment.yml, as conda reads it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.markers import marker_environment, marker_of_archs
from mfenvd.domain.match_specs import match_spec
from mfenvd.domain.target import Target
from mfenvd.flows.requirement_file import Format
from mfenvd.flows.requirement_formats.conda_spec import spec_fault, split_conda_spec
from mfenvd.flows.requirement_formats.selectors import selected_archs
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
    assert reading.conda_python == ((written.lower().removeprefix("python").strip(),) if python else ())


def test_a_number_stays_as_written(read: Read) -> None:
    assert read(NAME, "dependencies:\n- x=1.10\nchannels:\n- 3.10\n").channels == ("3.10",)


def test_a_selector_says_for_which_archs_a_package_is(read: Read) -> None:
    reading = read(
        NAME,
        "dependencies:\n  - cuda >=12  # [linux64]\n  - numpy # plain\n  - 'macfsevents'  # [osx and arm64]\n"
        "  - sel(win): pywin32=306\n  - six  # [py<39]\n",
    )
    assert reading.conda == (("numpy", ""), ("six", ""))
    assert reading.arch_conda == {
        Arch.LINUX_64: (("cuda", ">=12"),), Arch.OSX_ARM64: (("macfsevents", ""),), Arch.WIN_64: (("pywin32", "=306"),),
    }  # fmt: skip
    assert said(reading) == [("MFE202", 6)]
    assert {name: place.line for name, place in reading.conda_places.items()} == {
        "cuda": 2, "numpy": 3, "macfsevents": 4, "pywin32": 5, "six": 6,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "archs"),
    [
        ("linux", {"linux-64", "linux-aarch64"}), ("unix and not osx", {"linux-64", "linux-aarch64"}),
        ("arm64", {"osx-arm64"}), ("aarch64 or arm64", {"linux-aarch64", "osx-arm64"}), ("win64", {"win-64"}),
        ("x86_64 and (linux or osx)", {"linux-64", "osx-64"}), ("not unix", {"win-64"}), ("linux and win", set()),
    ],
)  # fmt: skip
def test_selectors_combine(condition: str, archs: set[str]) -> None:
    assert set(selected_archs(condition) or ()) == {Arch(arch) for arch in archs}


@pytest.mark.parametrize(
    "condition", ["py39", "py>=39", "linux(1)", "linux and py39", "", "(" * 500, "__import__('os')"]
)
def test_what_is_no_selector_of_archs_is_none(condition: str) -> None:
    assert selected_archs(condition) is None


@given(st.sets(st.sampled_from(list(Arch)), min_size=1))
def test_a_marker_holds_on_its_archs_alone(archs: set[Arch]) -> None:
    marker = Marker(marker_of_archs(archs))
    for arch in Arch:
        target = Target(arch, "3.11", glibc="2.28" if arch.is_linux else None, macos="13.0" if arch.is_macos else None)
        assert marker.evaluate(cast("dict[str, str]", marker_environment(target))) == (arch in archs)


def test_a_selector_on_a_wheel_becomes_a_marker(read: Read) -> None:
    reading = read(
        NAME,
        "dependencies:\n- pip:\n  - torch==2.0  # [linux64]\n  - six  # [py<39]\n  - 'a'  # [osx]\n"
        "  - b  # [linux or win]\n  - c ; os_name == 'nt'  # [win]\n  - d  # [linux and win]\n",
    )
    assert texts(reading) == [
        'torch==2.0; sys_platform == "linux" and platform_machine == "x86_64"', "six", 'a; sys_platform == "darwin"',
        'b; sys_platform == "linux" or sys_platform == "win32"', 'c; os_name == "nt"',
    ]  # fmt: skip
    assert said(reading) == [("MFE202", 4), ("MFE202", 7)]


@pytest.mark.parametrize(
    ("written", "package"),
    [
        ("numpy", ("numpy", "")), ("numpy  >= 1.2 , < 2", ("numpy", ">=1.2,<2")),
        ("numpy 1.2|1.3", ("numpy", "1.2|1.3")),
        ("numpy=1.2=py39_0", ("numpy", "=1.2=py39_0")), ("numpy[version='>=1']", ("numpy", "[version='>=1']")),
        ("https://host.example/x::numpy==1", ("https://host.example/x::numpy", "==1")),
        ("_libgcc_mutex", ("_libgcc_mutex", "")),
        ("conda-forge/label/dev::numpy", ("conda-forge/label/dev::numpy", "")),
    ],
)  # fmt: skip
def test_a_package_is_split_from_its_versions(written: str, package: tuple[str, str]) -> None:
    assert split_conda_spec(written) == package
    assert spec_fault(*package) is None


@given(st.text(alphabet="=<>!~^,| 1.2*a", max_size=8))
def test_what_is_called_wrong_is_wrong_to_the_solver_too(spec: str) -> None:
    package = split_conda_spec(f"numpy{spec}") if spec[:1] in set("=<>!~ ") else None
    if package is None or spec_fault(*package) is None:
        return
    with pytest.raises(InvalidMatchSpecError):
        MatchSpec(match_spec(*package))


@pytest.mark.parametrize("written", ["numpy=>1", "numpy>=", "numpy===1", "numpy>=1,", "numpy[version='1'", "numpy[x]"])
def test_what_a_hand_slips_into_is_said_at_its_line(read: Read, written: str) -> None:
    reading = read(NAME, f'dependencies:\n- six\n- "{written}"\n')
    assert reading.conda == (("six", ""),)
    assert said(reading) == [("MFE222", 3)]


def test_what_conda_lock_and_netflixext_add(read: Read) -> None:
    reading = read(
        NAME,
        "platforms: [linux-64]\npypi-indices:\n- https://host.example/simple\n"
        "dependencies:\n- sys:\n  - __cuda=12.2\n- npm:\n  - x\n",
    )
    assert reading.indexes.extra_index_urls == ("https://host.example/simple",)
    assert reading.system == (("__cuda", "12.2"),)
    assert said(reading) == [("MFE202", 1), ("MFE202", 7)]


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
    assert {finding.code for finding in reading.findings} <= {Code.MALFORMED_FILE, Code.BAD_MATCH_SPEC}


def test_a_bad_entry_takes_no_other_with_it(read: Read) -> None:
    reading = read(NAME, "dependencies:\n- '=1'\n- numpy\n- pip:\n  - six=1\n  - attrs\n")
    assert (reading.conda, texts(reading)) == ((("numpy", ""),), ["attrs"])
    assert said(reading) == [("MFE222", 2), ("MFE201", 5)]
