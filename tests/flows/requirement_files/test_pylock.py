"""pylock.toml, the standard lock file (PEP 751)."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.target import Target
from mfenvd.flows.requirement_file import Format, lock_findings
from tests.flows.requirement_files.conftest import Read, Write, said, texts

NAME = "pylock.toml"
HEAD = 'lock-version = "1.0"\ncreated-by = "hand"\nrequires-python = ">=3.9"\n'
LOCK = (
    HEAD
    + """\
environments = ["sys_platform == 'linux'", "sys_platform == 'darwin'"]
extras = ["gpu"]
dependency-groups = ["dev", "main"]
default-groups = ["main"]

[[packages]]
name = "a"
version = "1.0"
marker = "os_name == 'posix'"
wheels = [
    { url = "https://host.example/a-1.0-py3-none-any.whl", hashes = { sha256 = "ab", sha512 = "cd" } },
]

[[packages]]
name = "b"
version = "2.0"
marker = "'gpu' in extras and sys_platform == 'linux'"
sdist = { path = "b-2.0.tar.gz", hashes = { sha256 = "ef" } }

[[packages]]
name = "c"
version = "1"
marker = "'dev' in dependency_groups"
wheels = [{ name = "c-1-cp39-cp39-win_amd64.whl", path = "x", hashes = { sha256 = "ab" } }]

[[packages]]
name = "d"
marker = "'main' in dependency_groups or 'gpu' not in extras"
vcs = { type = "git", url = "https://git.example/d", commit-id = "0123", subdirectory = "s" }

[[packages]]
name = "e"
directory = { path = "lib", editable = true }

[[packages]]
name = "f"
archive = { url = "https://host.example/f.zip", hashes = { sha256 = "ab" } }
"""
)
LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")


@pytest.fixture(autouse=True)
def library(write: Write) -> None:
    write("lib/pyproject.toml", "[project]\nname = 'e'\n")


def test_packages_with_hashes_markers_and_places(read: Read, tmp_path: Path) -> None:
    reading = read(NAME, LOCK)
    assert reading.format is Format.PYLOCK
    assert (reading.python, len(reading.environments), reading.findings) == (">=3.9", 2, ())
    assert [(r.text, r.location.line, r.hashes) for r in reading.requirements] == [
        ('a==1.0; os_name == "posix"', 9, ("sha256:ab", "sha512:cd")),
        ("d @ git+https://git.example/d@0123#subdirectory=s", 29, ()),
        (f"e @ {(tmp_path / 'lib').as_uri()}", 34, ()),
        ("f @ https://host.example/f.zip", 38, ()),
    ]


def test_extras_and_groups_are_chosen(read: Read) -> None:
    reading = read(NAME, LOCK, extras=("gpu",), groups=("dev",))
    assert texts(reading)[1:3] == ['b==2.0; sys_platform == "linux"', "c==1"]
    assert not [text for text in texts(reading) if text.startswith("d ")]
    assert said(read(NAME, LOCK, extras=("gone",), groups=("gone",))) == [("MFE213", None)] * 2


def test_gaps(read: Read) -> None:
    reading = read(NAME, LOCK, extras=("gpu",), groups=("dev",))
    assert [(f.package, f.line, f.message) for f in lock_findings(reading, LINUX)] == [
        ("b", 17, "b 2.0 has only a source distribution in pylock.toml."),
        ("c", 23, f"c 1 has no wheel for {LINUX} in pylock.toml; it lists wheels for cp39-cp39-win_amd64."),
    ]
    (foreign,) = lock_findings(reading, Target(Arch.WIN_64, "3.11"))
    assert "sys_platform == 'linux'" in foreign.message or 'sys_platform == "linux"' in foreign.message


def test_a_project_beside_it_that_asks_for_another_version(read: Read, write: Write) -> None:
    write("pyproject.toml", "[project]\nname = 'x'\ndependencies = ['a>=2', 'unlisted']\n")
    reading = read(NAME, LOCK)
    assert said(reading) == [("MFE212", 3)]
    assert said(read("pylock.other.toml", LOCK)) == []


@pytest.mark.parametrize("name", ["pylock.gpu.toml", "requirements.lock", "other.toml"])
def test_it_is_known_by_name_or_content(read: Read, name: str) -> None:
    assert read(name, LOCK).format is Format.PYLOCK


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (HEAD.replace("1.0", "2.0") + "packages = []\n", Code.UNSUPPORTED_FORMAT),
        (HEAD, Code.MALFORMED_FILE),
        (HEAD + "packages = 1\n", Code.MALFORMED_FILE),
        (HEAD + "[[packages]]\nname = 'a'\n", Code.MALFORMED_FILE),
        (HEAD + "[[packages]]\nname = 'a'\ndirectory = { path = 'gone' }\n", Code.MISSING_FILE),
        ("lock-version = [", Code.MALFORMED_FILE),
    ],
)
def test_what_is_no_lock_is_said(read: Read, text: str, code: Code) -> None:
    assert [finding.code for finding in read(NAME, text).findings] == [code]
