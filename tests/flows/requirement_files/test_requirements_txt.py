"""requirements.txt: what is read beyond what pip's own reader can be asked, and what is said about the rest."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.domain.request import Indexes
from mfenvd.flows.requirement_file import read_requirement_file
from tests.flows.requirement_files.conftest import Read, Write, places, said, texts

NAME = "requirements.txt"


def test_each_requirement_has_its_line_and_column(read: Read) -> None:
    reading = read(NAME, "# head\n\n  six>=1  # why\nattrs \\\n  ==1\n\tidna\n")
    assert places(reading) == [("six>=1", 3, 3), ("attrs==1", 4, 1), ("idna", 6, 2)]
    assert reading.findings == ()


def test_a_wrong_option_is_said_at_its_own_line_of_a_continuation(read: Read) -> None:
    reading = read(NAME, "six==1 \\\n    --hash=md5:ab\n")
    assert [(f.code, f.line, f.column) for f in reading.findings] == [(Code.UNSUPPORTED_OPTION, 2, 5)]


def test_included_files_are_relative_to_the_including_file(read: Read, write: Write, tmp_path: Path) -> None:
    write("req/base.txt", "-r more/deep.txt\nsix\n")
    write("req/more/deep.txt", "attrs\n-c ../limits.txt\n")
    write("req/limits.txt", "idna<4\n")
    reading = read(NAME, "-r req/base.txt\n")
    assert texts(reading) == ["attrs", "six"]
    assert [c.text for c in reading.constraints] == ["idna<4"]
    assert reading.reads == tuple(
        str(tmp_path / name) for name in ("req/base.txt", "req/more/deep.txt", "req/limits.txt")
    )


def test_a_loop_of_includes_is_found_at_the_line_that_closes_it(read: Read, write: Write) -> None:
    other = write("other.txt", "idna\n-r requirements.txt\n")
    reading = read(NAME, "six\n-r other.txt\nattrs\n")
    assert texts(reading) == ["six", "idna", "attrs"]
    (finding,) = reading.findings
    assert (finding.code, finding.path, finding.line) == (Code.INCLUDE_LOOP, str(other), 2)


def test_the_same_file_twice_is_no_loop(read: Read, write: Write) -> None:
    write("other.txt", "idna\n")
    reading = read(NAME, "-r other.txt\n-r other.txt\n")
    assert (texts(reading), reading.findings) == (["idna", "idna"], ())


def test_a_missing_include_is_said_where_it_is_named_and_watched(read: Read, tmp_path: Path) -> None:
    reading = read(NAME, "six\n-r gone.txt\nattrs\n")
    assert texts(reading) == ["six", "attrs"]
    assert said(reading) == [("MFE203", 2)]
    assert reading.reads == (str(tmp_path / "gone.txt"),)


@pytest.mark.parametrize("line", ["-r https://host.example/r.txt", "-r pyproject.toml", "-r environment.yml"])
def test_what_cannot_be_included_blocks(read: Read, line: str) -> None:
    (finding,) = read(NAME, f"{line}\n").findings
    assert (finding.code, finding.severity) == (Code.UNSUPPORTED_OPTION, Severity.ERROR)
    assert finding.fix


def test_indexes_in_the_order_that_pip_gives_them(read: Read) -> None:
    reading = read(
        NAME,
        "--extra-index-url https://lost.example/simple\n-i https://u:p@main.example/simple\n"
        "--extra-index-url https://more.example/simple\n-f https://links.example\n",
    )
    assert reading.indexes == Indexes(
        "https://u:p@main.example/simple", ("https://more.example/simple",), ("https://links.example",)
    )


def test_relative_find_links_start_at_the_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    reading = read(NAME, "--no-index\n-f wheels\n-f gone\n")
    assert reading.indexes == Indexes(None, (), (str(tmp_path / "wheels"), str(tmp_path / "gone")), no_index=True)
    assert said(reading) == [("MFE203", 3)]


SECRET = "s3cr3t-t0ken"


@pytest.mark.parametrize(
    "text",
    [
        "--index-url https://user:${TOKEN}@host.example/${TOKEN}/simple --nonsense",
        "git+https://${TOKEN}@git.example/o/r.git",
        "git+https://${TOKEN}@git.example/o/r.git#egg=x[y]",
        "six=${TOKEN}",
        "--trusted-host ${TOKEN}",
        "--no-binary ${TOKEN}",
        "-r ${TOKEN}.txt",
        "./${TOKEN}",
        "--pre ${TOKEN}",
        "--${TOKEN}",
        "https://user:" + SECRET + "@host.example/archive.zip",
        "-i https://user:" + SECRET + "@host.example/simple six",
        "six @ https://user:" + SECRET + "@host.example/a b",
    ],
)
def test_no_finding_shows_a_secret(read: Read, text: str) -> None:
    reading = read(NAME, f"{text}\n", environ={"TOKEN": SECRET})
    assert reading.findings
    for finding in reading.findings:
        assert SECRET not in f"{finding.message} {finding.fix} {finding.detail} {finding.data}"


def test_variables_reach_the_values(read: Read) -> None:
    reading = read(
        NAME, "-i https://${USER_1}:${TOKEN}@host.example/simple\n", environ={"USER_1": "me", "TOKEN": SECRET}
    )
    assert reading.indexes.index_url == f"https://me:{SECRET}@host.example/simple"
    assert reading.variables == ("TOKEN", "USER_1")


def test_an_unset_or_empty_variable_stops_its_line_alone(read: Read) -> None:
    reading = read(NAME, "six\nattrs==${GONE}${EMPTY}\nidna # ${COMMENT}\n$HOME\n", environ={"EMPTY": ""})
    assert texts(reading) == ["six", "idna"]
    assert said(reading) == [("MFE206", 2), ("MFE201", 4)]
    assert "GONE, EMPTY" in reading.findings[0].message
    assert reading.variables == ("EMPTY", "GONE")


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("six=1.0", "Write `six==1.0`."),
        ("six 1.0", "Write `six==1.0`."),
        ("git@github.example:o/CLIP.git", "Write `clip @ git+ssh://git@github.example/o/CLIP.git`."),
        ("x @ git+git@github.example:o/r.git", "Write `x @ git+ssh://git@github.example/o/r.git`."),
    ],
)
def test_a_common_mistake_has_its_fix(read: Read, written: str, fix: str) -> None:
    (finding,) = read(NAME, written).findings
    assert (finding.code, finding.fix) == (Code.BAD_REQUIREMENT, fix)


def test_a_repository_without_a_name_suggests_one(read: Read) -> None:
    (finding,) = read(NAME, "git+https://git.example/openai/CLIP.git@v1\n").findings
    assert finding.code == Code.UNNAMED_URL
    assert finding.fix == "Write `clip @ git+https://git.example/openai/CLIP.git@v1`."


class TestLocalProjects:
    """Folders and archives of this machine, by the names that they have."""

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("pyproject.toml", "[project]\nname = 'My.Pkg'\n"),
            ("pyproject.toml", "[tool.poetry]\nname = 'My.Pkg'\n"),
            ("setup.cfg", "[metadata]\nname = My.Pkg\n"),
            ("setup.py", "import setuptools\nsetuptools.setup(version='1', name='My.Pkg')\n"),
        ],
    )
    def test_a_folder_is_named_by_its_project(
        self, read: Read, write: Write, tmp_path: Path, file: str, content: str
    ) -> None:
        write("pkg/setup.py", "")
        write(f"pkg/{file}", content)
        reading = read(NAME, "-e ./pkg[dev]\npkg/ ; os_name == 'posix'\n")
        url = (tmp_path / "pkg").as_uri()
        assert texts(reading) == [f"My.Pkg[dev] @ {url}", f'My.Pkg @ {url} ; os_name == "posix"']
        assert str(tmp_path / "pkg" / "pyproject.toml") in reading.reads

    def test_the_project_itself(self, read: Read, write: Write, tmp_path: Path) -> None:
        write("pyproject.toml", "[project]\nname = 'me'\n")
        assert texts(read(NAME, "-e .\n-e file:.\n.\n")) == [f"me @ {tmp_path.as_uri()}"] * 3

    def test_archives_are_named_by_their_filenames(self, read: Read, write: Write, tmp_path: Path) -> None:
        for name in ("a_b-1.0-py3-none-any.whl", "dist/c-d-2.0.tar.gz", "my file-1.zip"):
            write(name, "")
        reading = read(
            NAME, f"a_b-1.0-py3-none-any.whl\n./dist/c-d-2.0.tar.gz\n{tmp_path.as_uri()}/dist/c-d-2.0.tar.gz\n"
        )
        assert texts(reading) == [
            f"a-b @ {(tmp_path / 'a_b-1.0-py3-none-any.whl').as_uri()}",
            *[f"c-d @ {(tmp_path / 'dist/c-d-2.0.tar.gz').as_uri()}"] * 2,
        ]

    def test_a_named_relative_path_becomes_absolute(self, read: Read, write: Write, tmp_path: Path) -> None:
        write("pkg/pyproject.toml", "")
        assert texts(read(NAME, "x[y] @ file:pkg ; os_name == 'nt'\nz @ ./pkg\n")) == [
            f'x[y] @ {(tmp_path / "pkg").as_uri()} ; os_name == "nt"',
            f"z @ {(tmp_path / 'pkg').as_uri()}",
        ]

    @pytest.mark.parametrize("file", ["setup.py", "pyproject.toml", None])
    def test_a_name_that_is_not_written_down_is_asked_for(
        self, read: Read, write: Write, tmp_path: Path, file: str | None
    ) -> None:
        write(f"pkg/{file or 'README'}", "from setuptools import setup\nsetup(name=NAME)\n")
        (finding,) = read(NAME, "./pkg\n").findings
        assert finding.code == Code.LOCAL_IN_FILE
        assert finding.fix == f"Write `NAME @ {(tmp_path / 'pkg').as_uri()}` with the package's name."

    def test_pip_starts_in_its_working_directory(self, write: Write, tmp_path: Path) -> None:
        write("pkg/pyproject.toml", "[project]\nname = 'here'\n")
        write("sub/pkg/pyproject.toml", "[project]\nname = 'there'\n")
        path = write("sub/requirements.txt", "./pkg\n")
        assert texts(read_requirement_file(path, {}, cwd=tmp_path)) == [f"here @ {(tmp_path / 'pkg').as_uri()}"]
        assert texts(read_requirement_file(path, {})) == [f"there @ {(tmp_path / 'sub/pkg').as_uri()}"]

    def test_a_missing_path_is_said(self, read: Read) -> None:
        assert said(read(NAME, "./gone\n../x-1-py3-none-any.whl\n-e gone\n")) == [("MFE203", n) for n in (1, 2, 3)]


class TestOptions:
    """What is said about options that change nothing here."""

    def test_one_hash_asks_for_all(self, read: Read) -> None:
        reading = read(NAME, "six==1 --hash=sha256:ab\nattrs==1\n")
        assert reading.requirements[0].hashes == ("sha256:ab",)
        assert said(reading) == [("MFE209", 2)]

    @pytest.mark.parametrize(
        "line", ["--only-binary=:all:", "--prefer-binary", "--no-binary :none:", "--require-hashes", ""]
    )
    def test_what_holds_anyway_is_not_worth_a_word(self, read: Read, line: str) -> None:
        assert read(NAME, f"{line}\n").findings == ()

    @pytest.mark.parametrize(
        ("line", "severity"),
        [
            ("--no-binary six", Severity.WARNING),
            ("--all-releases six", Severity.WARNING),
            ("--only-final six", Severity.NOTICE),
            ("--trusted-host h", Severity.NOTICE),
            ("--use-feature=fast-deps", Severity.NOTICE),
            ("--nonsense", Severity.WARNING),
            ("--pre six", Severity.WARNING),
            ("--hash=sha256:ab", Severity.NOTICE),
            ("six --pre", Severity.WARNING),
            ("-r requirements.in --pre", Severity.WARNING),
            ("-C x=y", Severity.NOTICE),
        ],
    )
    def test_what_has_no_effect_is_said(self, read: Read, write: Write, line: str, severity: Severity) -> None:
        write("requirements.in", "")
        (finding,) = read(NAME, f"{line}\n").findings
        assert (finding.code, finding.severity, finding.line) == (Code.UNSUPPORTED_OPTION, severity, 1)

    def test_all_releases_of_everything_is_pre(self, read: Read) -> None:
        assert read(NAME, "--all-releases :all:\n").pre

    def test_a_requirement_beside_an_unknown_option_is_kept(self, read: Read) -> None:
        assert texts(read(NAME, "six==1 --nonsense\n")) == ["six==1"]

    @pytest.mark.parametrize("line", ["-e git+https://git.example/r#egg=x", "six[extra]<2"])
    def test_a_constraint_only_limits_versions(self, read: Read, write: Write, line: str) -> None:
        write("limits.txt", f"{line}\nattrs<3\n")
        reading = read(NAME, "-c limits.txt\n")
        assert [c.text for c in reading.constraints] == ["attrs<3"]
        assert said(reading) == [("MFE201", 1)]


class TestNetflixext:
    """The lines that metaflow-netflixext adds."""

    def test_they_are_read(self, read: Read) -> None:
        reading = read(
            NAME,
            "python==3.10.*\n--conda-channel bioconda\n--conda-pkg samtools>=1.2\n--conda-pkg 'conda-forge::git-lfs'\n"
            "--conda-pkg ffmpeg >=6\n--sys-pkg __glibc=2.27=0\nsix\n",
        )
        assert reading.python == "3.10"
        assert reading.channels == ("bioconda",)
        assert reading.conda == (("samtools", ">=1.2"), ("conda-forge::git-lfs", ""), ("ffmpeg", ">=6"))
        assert reading.system == (("__glibc", "2.27"),)
        assert texts(reading) == ["six"]
        assert reading.findings == ()

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            ("--sys-pkg nonsense", "MFE201"),
            ("--sys-pkg __glibc", "MFE201"),
            ("--sys-pkg __glibc=new", "MFE201"),
            ("--sys-pkg __glibc=12.4", "MFE201"),
            ("--sys-pkg __archspec=1", "MFE201"),
            ("--conda-pkg =1", "MFE222"),
        ],
    )
    def test_what_they_cannot_mean_is_said(self, read: Read, line: str, code: str) -> None:
        assert said(read(NAME, line)) == [(code, 1)]

    def test_two_pythons_are_one_too_many(self, read: Read) -> None:
        assert said(read(NAME, "python==3.10\npython>=3.11\npython\n")) == [("MFE201", 2)]


class TestEncodings:
    """Bytes as pip decodes them."""

    @pytest.mark.parametrize(
        ("mark", "encoding"),
        [
            (b"", "utf-8"),
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
        ],
    )
    def test_marks(self, tmp_path: Path, mark: bytes, encoding: str) -> None:
        path = tmp_path / NAME
        path.write_bytes(mark + "six  # größer\r\nattrs\r\n".encode(encoding))
        reading = read_requirement_file(path, {})
        assert (places(reading), reading.findings) == ([("six", 1, 1), ("attrs", 2, 1)], ())

    def test_a_coding_cookie(self, tmp_path: Path) -> None:
        path = tmp_path / NAME
        path.write_bytes("# -*- coding: latin-1 -*-\nsix # größer\n".encode("latin-1"))
        assert texts(read_requirement_file(path, {})) == ["six"]

    @pytest.mark.parametrize(
        "content",
        [b"six # gr\xf6sser\n", b"\x7fELF\x00\x01\x02", b"# coding: klingon\nsix\n", b"six\x00\n", b"\xff\xfes"],
    )
    def test_what_is_not_text_is_said(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / NAME
        path.write_bytes(content)
        assert [f.code for f in read_requirement_file(path, {}).findings] == [Code.UNREADABLE_FILE]
