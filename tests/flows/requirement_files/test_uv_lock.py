"""uv.lock: against uv's own export of real locks, and what is said about gaps and age."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import cast

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.requirements import Requirement
from uv import find_uv_bin

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.markers import marker_environment
from mfenvd.domain.target import Target
from mfenvd.flows.requirement_file import RequirementFile, lock_findings, read_requirement_file
from tests.flows.requirement_files.conftest import Read, Write, said, texts
from tests.support.wheels import wheel

TARGETS = [
    Target(Arch.LINUX_64, "3.11", glibc="2.26"),
    Target(Arch.LINUX_64, "3.12", glibc="2.35"),
    Target(Arch.OSX_ARM64, "3.11", macos="13.0"),
    Target(Arch.WIN_64, "3.12"),
]
NAMES = ["aa", "bb", "cc", "dd"]
MARKERS = [
    "", "", "", "sys_platform == 'linux'", "sys_platform != 'linux'", "python_version < '3.12'",
    "sys_platform == 'darwin' or python_version >= '3.12'", "platform_machine == 'x86_64'",
]  # fmt: skip
EDGES = st.tuples(st.sampled_from(["", "", "[x]"]), st.sampled_from(["", "", "==1", "==2"]), st.sampled_from(MARKERS))


def requirement(name: str, edge: tuple[str, str, str]) -> str:
    extra, version, marker = edge
    return f"{name}{extra}{version}{f' ; {marker}' if marker else ''}"


@st.composite
def indexes(draw: st.DrawFn) -> dict[str, tuple[list[str], list[str]]]:
    """For each package its requirements and those of its extra `x`, always on packages further down."""
    graph = {}
    for place, name in enumerate(NAMES):
        below = NAMES[place + 1 :]
        own, extra = (
            [requirement(other, draw(EDGES)) for other in draw(st.lists(st.sampled_from(below), max_size=2))]
            if below
            else []
            for _ in range(2)
        )
        graph[name] = (own, extra)
    return graph


ROOTS = st.lists(st.builds(requirement, st.sampled_from(NAMES), EDGES), min_size=1, max_size=3)


def run_uv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [find_uv_bin(), "--offline", "--no-config", "--no-python-downloads", "--quiet", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "UV_CACHE_DIR": str(folder / "cache"), "UV_PYTHON": sys.executable},
    )


def write_wheels(folder: Path, graph: dict[str, tuple[list[str], list[str]]]) -> None:
    (folder / "wheels").mkdir()
    for name, (own, extra) in graph.items():
        requires = [*own, *(str(with_extra(text)) for text in extra)]
        for version in ("1", "2"):
            built = wheel(name, version, requires=requires)
            (folder / "wheels" / built.filename).write_bytes(built.content)


def with_extra(text: str) -> Requirement:
    """The requirement, for the extra `x` alone."""
    found = Requirement(text)
    found.marker = Marker(f"({found.marker}) and extra == 'x'" if found.marker else "extra == 'x'")
    return found


def project(roots: list[str], extra: list[str], group: list[str]) -> str:
    return (
        f"[project]\nname = 'demo'\nversion = '0'\nrequires-python = '>=3.10'\ndependencies = {roots!r}\n"
        f"[project.optional-dependencies]\ngpu = {extra!r}\n[dependency-groups]\ndev = {group!r}\n"
    )


def needed(requirements: list[str], target: Target) -> set[str]:
    """`name==version` of what `target` gets."""
    environment = cast(dict[str, str], marker_environment(target))
    found = map(Requirement, requirements)
    return {f"{r.name}{r.specifier}" for r in found if r.marker is None or r.marker.evaluate(environment)}


@settings(max_examples=12, deadline=None)
@given(graph=indexes(), roots=ROOTS, extra=ROOTS, group=ROOTS, data=st.data())
def test_the_same_packages_as_uv_exports(
    graph: dict[str, tuple[list[str], list[str]]],
    roots: list[str],
    extra: list[str],
    group: list[str],
    data: st.DataObject,
) -> None:
    extras = data.draw(st.sampled_from([(), ("gpu",)]))
    groups = data.draw(st.sampled_from([(), ("dev",)]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        write_wheels(folder, graph)
        (folder / "pyproject.toml").write_text(project(roots, extra, group), encoding="utf-8")
        locked = run_uv(folder, "lock", "--no-index", "--find-links=wheels")
        # Some sets of versions exclude each other; nothing else may go wrong.
        assume("your project's requirements are unsatisfiable" not in locked.stderr)
        assert locked.returncode == 0, locked.stderr
        choices = [*(f"--extra={name}" for name in extras), *(f"--group={name}" for name in groups)]
        plain = ("--no-hashes", "--no-annotate", "--no-header", "--no-default-groups")
        exported = run_uv(folder, "export", "--frozen", *plain, *choices)
        assert exported.returncode == 0, exported.stderr
        expected = [line for line in exported.stdout.splitlines() if line]
        reading = read_requirement_file(folder / "uv.lock", {}, extras=extras, groups=groups)
        standard = run_uv(folder, "export", "--frozen", "--format=pylock.toml", "--no-default-groups", *choices)
        (folder / "pylock.toml").write_text(standard.stdout, encoding="utf-8")
        as_pylock = read_requirement_file(folder / "pylock.toml", {})
    assert [*reading.findings, *as_pylock.findings] == []
    for target in TARGETS:
        assert needed(texts(reading), target) == needed(expected, target)
        assert needed(texts(as_pylock), target) == needed(expected, target)
        assert lock_findings(reading, target) == lock_findings(as_pylock, target) == ()


LOCK = """\
version = 1
revision = 3
requires-python = ">=3.10"

[[package]]
name = "demo"
version = "0"
source = { editable = "." }
dependencies = [
    { name = "native" },
    { name = "old" },
    { name = "cloned" },
    { name = "winonly", marker = "sys_platform == 'win32'" },
]

[package.metadata]
requires-dist = [{ name = "native" }, { name = "old" }, { name = "winonly" }, { name = "cloned" }]

[[package]]
name = "cloned"
version = "1.0"
source = { git = "https://git.example/o/cloned?rev=main#0123abc" }

[[package]]
name = "native"
version = "2.0"
source = { registry = "https://host.example/simple" }
sdist = { url = "https://host.example/native-2.0.tar.gz", hash = "sha256:aa", size = 1 }
wheels = [
    { url = "https://host.example/native-2.0-cp311-cp311-manylinux_2_28_x86_64.whl", hash = "sha256:bb", size = 1 },
    { url = "https://host.example/native-2.0-cp311-cp311-macosx_11_0_arm64.whl", hash = "sha256:cc", size = 1 },
]

[[package]]
name = "old"
version = "1.0"
source = { registry = "https://host.example/simple" }
sdist = { url = "https://host.example/old-1.0.tar.gz", hash = "sha256:dd", size = 1 }

[[package]]
name = "unused"
version = "1.0"
source = { registry = "https://host.example/simple" }

[[package]]
name = "winonly"
version = "1.0"
source = { registry = "https://host.example/simple" }
wheels = [{ path = "winonly-1.0-cp311-cp311-win_amd64.whl", hash = "sha256:ee" }]
"""


@pytest.fixture
def lock(read: Read) -> RequirementFile:
    return read("uv.lock", LOCK)


def test_packages_with_hashes_markers_and_places(lock: RequirementFile) -> None:
    assert [(r.text, r.location.line, r.hashes) for r in lock.requirements] == [
        ("cloned @ git+https://git.example/o/cloned@0123abc", 19, ()),
        ("native==2.0", 24, ("sha256:bb", "sha256:cc", "sha256:aa")),
        ("old==1.0", 34, ("sha256:dd",)),
        ('winonly==1.0; sys_platform == "win32"', 45, ("sha256:ee",)),
    ]
    assert lock.python == ">=3.10"
    assert [(p.name, p.filenames, p.has_sdist, p.marker) for p in lock.locked][1:] == [
        ("old", (), True, None),
        ("winonly", ("winonly-1.0-cp311-cp311-win_amd64.whl",), False, "sys_platform == 'win32'"),
    ]


def test_a_gap_names_what_there_is_instead(lock: RequirementFile) -> None:
    on_linux = lock_findings(lock, Target(Arch.LINUX_64, "3.11", glibc="2.26"))
    assert [(f.code, f.severity, f.package, f.line) for f in on_linux] == [
        (Code.LOCK_GAP, Severity.ERROR, "native", 24), (Code.LOCK_GAP, Severity.ERROR, "old", 34),
    ]  # fmt: skip
    assert on_linux[0].message == (
        "native 2.0 has no wheel for linux-64 python 3.11 glibc 2.26 in uv.lock;"
        " it lists wheels for macosx_11_0_arm64, manylinux_2_28_x86_64."
    )
    assert on_linux[0].fix == (
        "Run `uv lock --upgrade-package native`, or pin a version of native that has a wheel for it."
    )
    assert on_linux[1].message == "old 1.0 has only a source distribution in uv.lock."
    on_mac = lock_findings(lock, Target(Arch.OSX_ARM64, "3.12", macos="13.0"))
    assert on_mac[0].message.endswith("it lists wheels for cp311-cp311 there.")


def test_what_can_be_built_here_is_no_gap(lock: RequirementFile) -> None:
    assert lock_findings(lock, Target(Arch.LINUX_64, "3.11", glibc="2.26"), can_build=True) == ()
    assert lock_findings(lock, Target(Arch.LINUX_64, "3.11", glibc="2.28"), can_build=True) == ()


def test_a_target_that_the_lock_is_not_for(read: Read, lock: RequirementFile) -> None:
    (finding,) = lock_findings(lock, Target(Arch.LINUX_64, "3.9", glibc="2.26"))
    assert finding.message == "The lock is made for Python >=3.10, the target has 3.9."
    limited = read("uv.lock", LOCK.replace("revision = 3", "supported-markers = [\"sys_platform == 'darwin'\"]"))
    (finding,) = lock_findings(limited, Target(Arch.WIN_64, "3.11"))
    assert "sys_platform == 'darwin'" in finding.message
    assert lock_findings(limited, Target(Arch.OSX_ARM64, "3.11", macos="13.0")) != (finding,)


def test_other_files_have_no_gaps(read: Read) -> None:
    assert lock_findings(read("requirements.txt", "six\n"), Target(Arch.WIN_64, "3.11")) == ()


class TestAge:
    """The project beside the lock has moved on."""

    @staticmethod
    def beside(write: Write, dependencies: str) -> None:
        write(
            "pyproject.toml",
            f"[project]\nname = 'demo'\ndependencies = [{dependencies}]\n"
            "[[tool.uv.index]]\nurl = 'https://u:p@host.example/simple'\n",
        )

    def test_a_lock_that_answers_is_not_stale(self, read: Read, write: Write, tmp_path: Path) -> None:
        self.beside(write, "'Native>=2', 'old', 'winonly ; sys_platform == \"win32\"'")
        reading = read("uv.lock", LOCK)
        assert reading.findings == ()
        assert reading.indexes.extra_index_urls == ("https://u:p@host.example/simple",)
        assert reading.reads == (str(tmp_path / "pyproject.toml"),)

    @pytest.mark.parametrize(
        ("dependencies", "words"),
        [
            ("'native>2'", "has native 2.0"),
            ("'fresh'", "does not list it"),
            ("'f ; os_name==\"nt\"'", "does not list it"),
        ],
    )
    def test_a_stale_lock_is_said_at_the_requirement(
        self, read: Read, write: Write, dependencies: str, words: str
    ) -> None:
        self.beside(write, dependencies)
        (finding,) = read("uv.lock", LOCK).findings
        assert (finding.code, finding.severity, finding.line) == (Code.STALE_LOCK, Severity.WARNING, 3)
        assert words in finding.message
        assert finding.fix == "Run `uv lock`."

    def test_extras_and_groups_that_the_lock_does_not_know(self, read: Read) -> None:
        reading = read("uv.lock", LOCK, extras=("gpu",), groups=("dev",))
        assert [f.code for f in reading.findings] == [Code.UNKNOWN_GROUP] * 2


def test_a_chosen_extra_decides_a_conflict(read: Read) -> None:
    text = """\
version = 1
requires-python = ">=3.10"
[[package]]
name = "demo"
source = { virtual = "." }
dependencies = [
    { name = "a", marker = "extra == 'extra-4-demo-cpu'" },
    { name = "b", marker = "extra != 'extra-4-demo-cpu' and os_name == 'nt'" },
    { name = "c", marker = "extra == 'group-4-demo-dev' or extra == 'extra-4-demo-cpu'" },
]
[package.optional-dependencies]
cpu = [{ name = "d", extra = ["x"] }]
[package.dev-dependencies]
dev = []
"""
    for name in "abcde":
        text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "r" }}\n'
        if name == "d":
            text += '[package.optional-dependencies]\nx = [{ name = "e" }]\n'
    environment = Target(Arch.WIN_64, "3.11")
    assert needed(texts(read("uv.lock", text)), environment) == {"b==1"}
    assert needed(texts(read("uv.lock", text, groups=("dev",))), environment) == {"b==1", "c==1"}
    assert needed(texts(read("uv.lock", text, extras=("cpu",))), environment) == {"a==1", "c==1", "d==1", "e==1"}


def test_a_script_or_workspace_without_a_project(read: Read) -> None:
    text = 'version = 1\n[manifest]\nrequirements = [{ name = "a" }]\n'
    text += '[manifest.dependency-groups]\ndev = [{ name = "b" }]\n'
    for name in "abc":
        text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "r" }}\n'
    assert texts(read("uv.lock", text)) == ["a==1"]
    assert texts(read("uv.lock", text, groups=("dev",))) == ["a==1", "b==1"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("version = 2\n", Code.UNSUPPORTED_FORMAT),
        ("", Code.UNSUPPORTED_FORMAT),
        ("version = 1\npackage = 3\n", Code.MALFORMED_FILE),
        ("version = 1\nrequires-python = 'x'\n", Code.MALFORMED_FILE),
        ("version = [\n", Code.MALFORMED_FILE),
        (
            'version = 1\n[manifest]\nrequirements = [{name="a", marker="bad"}]\n[[package]]\nname="a"\n',
            Code.MALFORMED_FILE,
        ),
        ('version = 1\n[manifest]\nrequirements = [{name="a"}]\n[[package]]\nname="a"\n', Code.BAD_REQUIREMENT),
    ],
)
def test_what_is_no_lock_is_said(read: Read, text: str, code: Code) -> None:
    assert code in {finding.code for finding in read("uv.lock", text).findings}


def test_local_packages(read: Read, write: Write, tmp_path: Path) -> None:
    write("lib/pyproject.toml", "")
    write("x-1-py3-none-any.whl", "")
    text = 'version = 1\n[manifest]\nrequirements = [{ name = "a" }, { name = "b" }, { name = "c" }, { name = "d" }]\n'
    for name, source in (
        ("a", '{ editable = "lib" }'), ("b", '{ path = "x-1-py3-none-any.whl" }'), ("c", '{ directory = "gone" }'),
        ("d", '{ url = "https://host.example/d.zip", subdirectory = "s" }'),
    ):  # fmt: skip
        text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {source}\n'
    reading = read("uv.lock", text)
    assert texts(reading) == [
        f"a @ {(tmp_path / 'lib').as_uri()}", f"b @ {(tmp_path / 'x-1-py3-none-any.whl').as_uri()}",
        "d @ https://host.example/d.zip#subdirectory=s",
    ]  # fmt: skip
    assert said(reading) == [("MFE203", 12)]
