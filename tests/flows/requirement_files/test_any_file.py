"""Whatever a path leads to, reading it ends with findings and never with an exception."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.flows.requirement_file import Format, read_requirement_file
from mfenvd.flows.requirement_formats.file_text import MAX_BYTES
from tests.flows.requirement_files.conftest import Read

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


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), parts=st.lists(st.sampled_from(FRAGMENTS), max_size=14))
@example("requirements.txt", ["https://["])
@example("pyproject.toml", ["[project]\n", "dependencies = [", "'a @ http://[b'", "]"])
def test_scraps_of_every_format_never_raise(
    tmp_path_factory: pytest.TempPathFactory, name: str, parts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / name
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
