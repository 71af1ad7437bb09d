"""requirements.txt against pip's own reader: the same requirements, at the same lines, from the same places."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from pip._internal.exceptions import PipError
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Severity
from mfenvd.flows.requirement_file import RequirementFile, read_requirement_file

ENVIRON = {"MFENV_TEST_HOST": "wheels.example", "MFENV_TEST_EMPTY": ""}
DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

SPECS = ["", "==1.0", ">=1,<2", " ~= 1.4", "!=1.5", "===1.0+x", " (>=2)", "=1.0", "==1.*", ">1.*"]
MARKERS = ["", "", "; python_version<'3.9'", " ; sys_platform == \"linux\" and extra == 'x'", ";", "; nonsense"]
HASHES = ["", "", "", f" --hash=sha256:{DIGEST}", f" --hash sha384:{DIGEST} --hash=sha256:{DIGEST}", " --hash=md5:ab"]
URLS = [
    "git+https://git.example/o/r.git@v1#egg=named",
    "git+https://git.example/o/r.git#egg=named&subdirectory=sub",
    "git+ssh://git@git.example/o/r.git#egg=named[x]",
    "https://${MFENV_TEST_HOST}/six-1.16.0-py2.py3-none-any.whl",
    "https://wheels.example/six-1.16.0-py2.py3-none-any.whl#sha256=" + DIGEST,
    "https://wheels.example/bad.whl",
    "six @ https://wheels.example/six-1.16.0.tar.gz",
    "six[a] @ git+https://git.example/six.git ; os_name == 'posix'",
    "-e git+https://git.example/o/r.git#egg=named",
    "--editable=git+https://git.example/o/r.git#egg=named",
    "-e six @ git+https://git.example/six.git",
]
OPTIONS = [
    "-i https://a.example/simple", "--index-url=https://b.example/simple", "--pypi-url https://c.example/simple",
    "--extra-index-url https://d.example/simple", "--extra https://e.example/simple", "--no-index", "--pre",
    "-f https://links.example/page", "--find-links=https://links.example/other", "--prefer-binary",
    "--only-binary :all:", "--no-binary=six", "--trusted-host wheels.example", "-r nested.txt", "-rnested.txt",
    "-c limits.txt", "--constraint=limits.txt", "--require-hashes", "--nonsense", "-i",
    "--extra-index-url 'https://f.example/simple' --pre", '--extra-index-url "unbalanced', "--pre six",
]  # fmt: skip

PLAIN = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["six", "a.b_c", "x[y]", "x[b,a]", "Fiona", "-x", "1", "né"]),
        st.sampled_from(SPECS), st.sampled_from(MARKERS), st.sampled_from(HASHES),
    ),
)  # fmt: skip
LINES = st.one_of(
    PLAIN, PLAIN, st.sampled_from(URLS), st.sampled_from(OPTIONS), st.sampled_from(["", "   ", "# only a comment"])
)
ENDINGS = st.sampled_from(["", "", "", "  ", " # why", "\t# tab", "#glued", " \\", "\\", " \\\n    "])


@st.composite
def files(draw: st.DrawFn) -> str:
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    # Two addresses without a blank between them are one that means nothing.
    pairs = st.tuples(LINES, ENDINGS).filter(lambda pair: pair[1] != "\\" or "://" not in pair[0])
    lines = draw(st.lists(pairs.map("".join), max_size=5))
    return newline.join(lines) + draw(st.sampled_from(["", newline]))


@contextmanager
def folder(content: str, nested: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(os.path.realpath(name))
        (root / "requirements.txt").write_text(content, encoding="utf-8", newline="")
        (root / "nested.txt").write_text(nested, encoding="utf-8", newline="")
        (root / "limits.txt").write_text("six<2\n# why\nattrs==1\n", encoding="utf-8")
        yield root


SESSION = PipSession()


def as_pip_reads(path: Path) -> dict[str, Any]:
    """What pip makes of the file; raises PipError where pip does."""
    scope = SearchScope.create(find_links=[], index_urls=[], no_index=False)
    finder = PackageFinder.create(
        link_collector=LinkCollector(session=SESSION, search_scope=scope),
        selection_prefs=SelectionPreferences(allow_yanked=False),
    )
    entries: dict[bool, list[tuple[str, str, int, set[str]]]] = {False: [], True: []}
    for parsed in parse_requirements(str(path), SESSION, finder):
        read = install_req_from_parsed_requirement(parsed)
        hashes = {f"{name}:{digest}" for name, digests in read.hash_options.items() for digest in digests}
        line, _, file = (parsed.line_source or "").removeprefix("line ").partition(" of ")
        entries[parsed.constraint].append((pip_text(read), file, first_with_text(file, int(line)), hashes))
    return {
        "requirements": entries[False],
        "constraints": entries[True],
        "index_urls": finder.index_urls,
        "find_links": finder.find_links,
        "pre": bool(finder.release_control and ":all:" in finder.release_control.all_releases),
    }


def first_with_text(file: str, line: int) -> int:
    """pip names the line where a continuation begins; what is continued may be nothing."""
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    while not lines[line - 1].strip(" \\"):
        line += 1
    return line


def pip_text(read: Any) -> str:
    """A requirement of pip's as PEP 508. pip keeps the URL apart, with the name still in its fragment."""
    requirement = read.req
    marker = f" ; {read.markers}" if read.markers else ""
    if read.link is None:
        return normal(f"{requirement.name}{extras(read.extras)}{requirement.specifier}{marker}")
    if requirement is None or " " in read.link.url:
        raise PipError("pip finds out later that it cannot use this")
    url, _, fragment = read.link.url.partition("#")
    rest = "&".join(part for part in fragment.split("&") if part and not part.startswith("egg="))
    named = extras(read.extras or requirement.extras)
    return normal(f"{requirement.name}{named} @ {url}{f'#{rest}' if rest else ''}{marker}")


def extras(names: set[str]) -> str:
    return f"[{','.join(sorted(names))}]" if names else ""


def normal(text: str) -> str:
    """Both sides through one version of `packaging`; names compare as indexes compare them."""
    requirement = Requirement(text)
    requirement.name = requirement.name.lower()
    return str(requirement)


def as_we_read(path: Path) -> dict[str, Any]:
    reading = read_requirement_file(path, ENVIRON)
    return {
        "requirements": entries_of(reading, "requirements"),
        "constraints": entries_of(reading, "constraints"),
        "index_urls": [
            url for url in (reading.indexes.index_url, *reading.indexes.extra_index_urls) if url is not None
        ],
        "find_links": list(reading.indexes.find_links),
        "pre": reading.pre,
    }


def entries_of(reading: RequirementFile, part: str) -> list[tuple[str, str, int, set[str]]]:
    return [
        (normal(entry.text), entry.location.path, entry.location.line or 0, set(entry.hashes))
        for entry in getattr(reading, part)
    ]


def once(items: list[str]) -> list[str]:
    return list(dict.fromkeys(items))


@settings(max_examples=120, deadline=None)
@given(content=files(), nested=files())
def test_what_pip_accepts_we_read_the_same_and_what_it_refuses_we_report(content: str, nested: str) -> None:
    with folder(content, nested) as root, mock.patch.dict(os.environ, ENVIRON):
        path = root / "requirements.txt"
        reading = read_requirement_file(path, ENVIRON)
        try:
            expected = as_pip_reads(path)
        except PipError:
            assert any(finding.severity is not Severity.NOTICE for finding in reading.findings)
            return
        assert not [finding for finding in reading.findings if finding.severity is Severity.ERROR]
        found = as_we_read(path)
        # The same index twice changes nothing, so it is kept once.
        for part in ("index_urls", "find_links"):
            expected[part] = once(expected[part])
        assert found == expected


@settings(max_examples=60, deadline=None)
@given(content=files())
def test_a_bad_line_takes_no_other_line_with_it(content: str) -> None:
    """Requirements around a line that pip refuses are read as if the line were not there."""
    with folder(f"first==1\n=== bad\n{content}", "") as root:
        broken = read_requirement_file(root / "requirements.txt", ENVIRON)
        (root / "requirements.txt").write_text(f"first==1\n# fine\n{content}", encoding="utf-8", newline="")
        whole = read_requirement_file(root / "requirements.txt", ENVIRON)
    assert broken.requirements == whole.requirements
    assert broken.indexes == whole.indexes
    extra = [finding for finding in broken.findings if finding not in whole.findings]
    assert [(finding.code, finding.line) for finding in extra] == [(Code.BAD_REQUIREMENT, 2)]
