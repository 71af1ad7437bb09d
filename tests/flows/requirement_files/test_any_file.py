"""Whatever a path leads to, reading it ends with findings and never with an exception."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.target import Target
from mfenvd.flows.requirement_file import Format, lock_findings, read_requirement_file
from mfenvd.flows.requirement_formats.file_text import MAX_BYTES
from tests.flows.requirement_files.conftest import Read, Write, texts

NAMES = ["requirements.txt", "pyproject.toml", "environment.yml", "uv.lock", "pylock.toml", "other.toml", "x.lock"]
FRAGMENTS = [
    "[project]\n", "dependencies = [", "]", "'six'", "\n", "= ", "- ", "pip:", "  ", "dependencies:", "[[package]]\n",
    "[tool.uv.sources]\n", "x = {", "}", "version = 1\n", "name = 'a'\n", "lock-version = '1.0'\n", "-r ", "-e .", "\\",
    "source = { editable = '.' }\n", "marker = 'os_name'", "\0", "\ufeff", "é", "&a ", "*a", "!!python/name:x", "${X}",
    "file://", "git+", "@", ";", "#", "1", "{}", "'''", '"', "https://[", "a @ http://[b", "--hash=sha256:", "%zz",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
class TestWhatIsNoFile:
    """Each kind by its name, each way of not being a file."""

    def test_missing(self, tmp_path: Path, name: str) -> None:
        self.assert_one(tmp_path / name, Code.MISSING_FILE)

    def test_a_folder(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).mkdir()
        self.assert_one(tmp_path / name, Code.UNREADABLE_FILE)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    def test_a_pipe_that_nobody_writes_to(self, tmp_path: Path, name: str) -> None:
        os.mkfifo(tmp_path / name)
        self.assert_one(tmp_path / name, Code.UNREADABLE_FILE)

    def test_a_loop_of_links(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).symlink_to(tmp_path / "other")
        (tmp_path / "other").symlink_to(tmp_path / name)
        self.assert_one(tmp_path / name, Code.UNREADABLE_FILE)

    def test_binary(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(bytes(range(256)))
        self.assert_one(tmp_path / name, Code.UNREADABLE_FILE)

    @staticmethod
    def assert_one(path: Path, code: Code) -> None:
        (finding,) = read_requirement_file(path, {}).findings
        assert (finding.code, finding.severity, finding.path) == (code, Severity.ERROR, str(path))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"six\n" * (MAX_BYTES // 4 + 1))
    (finding,) = read_requirement_file(path, {}).findings
    assert finding.code == Code.UNREADABLE_FILE
    assert "2.0 MiB" in finding.message


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("six\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    assert [f.code for f in read_requirement_file(path, {}).findings] == [Code.UNREADABLE_FILE]


def _overwritten(factory: pytest.TempPathFactory, name: str) -> Path:
    """One file for all examples, in a folder of its own: a stray pyproject.toml makes a project of those around it."""
    folder = factory.getbasetemp() / "any-file"
    folder.mkdir(exist_ok=True)
    return folder / name


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), parts=st.lists(st.sampled_from(FRAGMENTS), max_size=14))
@example("requirements.txt", ["https://["])
@example("pyproject.toml", ["[project]\n", "dependencies = [", "'a @ http://[b'", "]"])
def test_scraps_of_every_format_never_raise(
    tmp_path_factory: pytest.TempPathFactory, name: str, parts: list[str]
) -> None:
    path = _overwritten(tmp_path_factory, name)
    path.write_text("".join(parts), encoding="utf-8")
    reading = read_requirement_file(path, {}, groups=("dev",), extras=("gpu",))
    assert reading.path == str(path)


@pytest.mark.parametrize("name", ["poetry.lock", "Pipfile", "Pipfile.lock", "setup.py", "setup.cfg", "conda-lock.yml"])
def test_other_formats_say_what_to_do(read: Read, name: str) -> None:
    reading = read(name, "")
    (finding,) = reading.findings
    assert (reading.format, finding.code) == (Format.UNKNOWN, Code.UNSUPPORTED_FORMAT)
    assert finding.fix


def test_groups_and_extras_where_there_can_be_none(read: Read) -> None:
    reading = read("requirements.txt", "six\n", groups=("dev",), extras=("gpu",))
    assert [f.code for f in reading.findings] == [Code.UNKNOWN_GROUP] * 2


@pytest.mark.parametrize(
    ("name", "kind"), [("requirements.in", Format.REQUIREMENTS_TXT), ("deps", Format.REQUIREMENTS_TXT)]
)
def test_other_names_are_requirements(read: Read, name: str, kind: Format) -> None:
    assert read(name, "six\n").format is kind


LONG_LINES = [
    " " * 100_000, " " * 100_000 + "x", "a" * 100_000 + "@", "./" + "[" * 100_000, "six" + " " * 100_000 + "!",
    "-" * 100_000, "a" * 300_000, "git+https://user:" + "p" * 100_000, "six ; " + "(" * 50_000, "#" * 100_000,
    "'" * 100_000, "six" + "==1," * 20_000, "a[" * 50_000, "--x=" + "a" * 100_000, "x @ " + "a" * 100_000 + ":",
]  # fmt: skip


class TestBounds:
    """Files that would keep a reader busy for hours, or fill the screen."""

    @pytest.mark.parametrize("text", LONG_LINES, ids=range(len(LONG_LINES)))
    @pytest.mark.parametrize("name", ["requirements.txt", "environment.yml", "pyproject.toml"])
    def test_long_lines_take_no_time_and_make_short_messages(self, read: Read, name: str, text: str) -> None:
        wrapped = {"environment.yml": "dependencies:\n- pip:\n  - >-\n    {}\n", "requirements.txt": "{}\n"}
        template = wrapped.get(name, "[project]\ndependencies = ['''{}''']\n")
        started = time.process_time()
        reading = read(name, template.replace("{}", text))
        assert time.process_time() - started < 5
        assert all(len(finding.message) + len(finding.fix or "") < 3000 for finding in reading.findings)

    def test_files_that_include_each_other_a_billion_times(self, read: Read, write: Write) -> None:
        for number in range(30):
            write(f"{number}.txt", f"-r {number + 1}.txt\n-r {number + 1}.txt\n")
        write("30.txt", "six\n")
        reading = read("requirements.txt", "-r 0.txt\nattrs\n")
        assert texts(reading)[-1] == "attrs"
        assert {finding.code for finding in reading.findings} == {Code.INCLUDE_LOOP}

    def test_a_chain_of_files(self, read: Read, write: Write) -> None:
        for number in range(400):
            write(f"{number}.txt", f"-r {number + 1}.txt\n")
        assert [f.code for f in read("requirements.txt", "-r 0.txt\n").findings] == [Code.INCLUDE_LOOP]

    def test_extras_and_groups_that_name_each_other_a_billion_times(self, read: Read) -> None:
        rows = range(40)
        extras = "".join(f"e{n} = ['me[e{n + 1}]', 'me[e{n + 1}]']\n" for n in rows)
        groups = "".join(f"g{n} = [{{include-group='g{n + 1}'}}, {{include-group='g{n + 1}'}}]\n" for n in rows)
        text = f"[project]\nname='me'\n[project.optional-dependencies]\n{extras}e40=['six']\n"
        text += f"[dependency-groups]\n{groups}g40=['attrs']\n"
        assert texts(read("pyproject.toml", text, extras=("e0",), groups=("g0",))) == ["six", "attrs"]

    def test_a_file_that_is_something_else_has_a_few_findings(self, read: Read) -> None:
        reading = read("requirements.txt", "id;name;value?\n" * 5000)
        assert len(reading.findings) == 201
        assert "4800 more findings" in reading.findings[-1].message


VALUES = st.recursive(
    st.one_of(st.integers(0, 9), st.booleans(), st.sampled_from(["a", "1.0", ".", "os_name == 'nt'", "", "x" * 9])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["name", "version", "source", "dependencies", "marker", "extra", "wheels", "sdist", "url", "hash",
                 "registry", "editable", "git", "metadata", "requires-dist", "members", "optional-dependencies",
                 "dev-dependencies", "dev", "gpu", "provides-extras", "path", "subdirectory", "virtual"]
            ),
            inner, max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip
LOCK_KEYS = ["package", "packages", "manifest", "requires-python", "supported-markers", "lock-version", "created-by"]


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(["uv.lock", "pylock.toml"]),
    values=st.dictionaries(st.sampled_from(LOCK_KEYS), VALUES),
    packages=st.lists(VALUES, max_size=3),
)
def test_locks_with_anything_for_a_value_never_raise(
    tmp_path_factory: pytest.TempPathFactory, name: str, values: dict[str, Any], packages: list[Any]
) -> None:
    path = _overwritten(tmp_path_factory, name)
    document = {"version": 1, "lock-version": "1.0", "created-by": "x", "package": packages, "packages": packages}
    path.write_text(toml({**document, **values}), encoding="utf-8")
    reading = read_requirement_file(path, {}, groups=("dev",), extras=("gpu",))
    lock_findings(reading, Target(Arch.LINUX_64, "3.11", glibc="2.26"))


def toml(document: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(key)} = {inline(value)}\n" for key, value in document.items())


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)
