"""What a wheel says about itself, however the index lets it be read."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import msgspec
import pytest

from mfenvd.resolve.index.errors import IndexProblem, IndexUnreachable, IndexUnreadable
from mfenvd.resolve.index.metadata import Metadata, parse_metadata
from tests.resolve.index.conftest import MakeClient, ServeIndex
from tests.support.index_server import Fault, IndexServer, Style
from tests.support.wheels import Archive, sdist, wheel

REQUIRES = ('other>=1; sys_platform == "linux"', "third[extra]")
BALLAST = 600_000


@pytest.fixture(scope="module")
def archive() -> Archive:
    return wheel("demo", "1.0", requires=REQUIRES, requires_python=">=3.8", padding=BALLAST)


@pytest.mark.parametrize("style", [Style.JSON, Style.HTML])
@pytest.mark.parametrize(("metadata", "ranges"), [(True, True), (True, False), (False, True), (False, False)])
def test_it_is_read_from_every_kind_of_index_with_as_few_bytes_as_it_allows(
    client_of: MakeClient, archive: Archive, style: Style, metadata: bool, ranges: bool
) -> None:
    with IndexServer(style=style, metadata=metadata, ranges=ranges) as index:
        index.add(archive)
        client = client_of(index.url)
        (file,) = client.files("demo")
        assert client.metadata(file) == Metadata("demo", "1.0", REQUIRES, ">=3.8")
    sent = sum(asked.sent for asked in index.log if asked.path.startswith("/files/"))
    if metadata:
        assert sent == len(archive.metadata)
    elif ranges:
        assert sent <= 64 * 1024
    else:
        assert sent == len(archive.content), "one download, not two"


def test_it_is_asked_for_once(index: IndexServer, client_of: MakeClient, archive: Archive) -> None:
    index.add(archive)
    (file,) = client_of(index.url).files("demo")
    expected = client_of(index.url).metadata(file)
    asked = len(index.log)
    assert client_of(index.url, offline=True).metadata_of_many([file, file]) == {file: expected}
    assert len(index.log) == asked


def test_many_are_read_at_once_and_each_gets_its_answer(index: IndexServer, client_of: MakeClient) -> None:
    index.add(*(wheel("demo", f"1.{minor}", requires=[f"other=={minor}"]) for minor in range(20)))
    client = client_of(index.url)
    files = client.files("demo")
    index.fail(files[3].filename + ".metadata", Fault(status=500))
    answers = client.metadata_of_many(files)
    assert isinstance(answers[files[3]], IndexUnreachable)
    for minor, file in enumerate(files):
        answer = answers[file]
        assert minor == 3 or (isinstance(answer, Metadata) and answer.requires == (f"other=={minor}",))


def test_an_offered_file_with_another_hash_is_not_believed(
    index: IndexServer, client_of: MakeClient, archive: Archive
) -> None:
    index.add(archive)
    index.fail(f"{archive.filename}.metadata", Fault(body=b"Name: demo\nVersion: 1.0\nRequires-Dist: evil\n"))
    client = client_of(index.url)
    assert client.metadata(client.files("demo")[0]).requires == REQUIRES


def test_an_offered_file_that_is_missing_is_replaced(
    index: IndexServer, client_of: MakeClient, archive: Archive
) -> None:
    index.add(archive)
    index.fail(f"{archive.filename}.metadata", Fault(status=404))
    client = client_of(index.url)
    assert client.metadata(client.files("demo")[0]).requires == REQUIRES


def test_a_directory_longer_than_one_stretch_is_read_in_several(serve: ServeIndex, client_of: MakeClient) -> None:
    archive = _wheel_with({f"demo/module_{number:05}_with_a_long_name.py": b"" for number in range(3000)})
    index = serve(metadata=False)
    index.add(archive)
    client = client_of(index.url)
    assert client.metadata(client.files("demo")[0]).name == "demo"
    asked = [asked for asked in index.log if asked.range]
    assert 1 < len(asked) <= 5
    assert sum(each.sent for each in asked) < len(archive.content)


@pytest.mark.parametrize("stretch", [b"first", b"middle"])
def test_metadata_far_from_the_end_is_found(serve: ServeIndex, client_of: MakeClient, stretch: bytes) -> None:
    ballast = {"demo/one.bin": b"\1" * 300_000, "demo/two.bin": b"\2" * 300_000}
    archive = _wheel_with(ballast, metadata_at=0 if stretch == b"first" else 1)
    index = serve(metadata=False)
    index.add(archive)
    client = client_of(index.url)
    assert client.metadata(client.files("demo")[0]).name == "demo"
    assert sum(asked.sent for asked in index.log if asked.range) < 200_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip at all",
        b"PK\x05\x06" + b"\0" * 18,
        wheel("demo", "1.0").content[:-30],
        wheel("demo", "1.0").content.replace(b"demo-1.0.dist-info/METADATA", b"demo-1.0.dist-info/METADATO"),
        wheel("demo", "1.0").content.replace(b"Name: demo", b"Nome: demo"),
    ],
    ids=["empty", "text", "no members", "cut off", "no metadata", "another checksum"],
)
@pytest.mark.parametrize("ranges", [True, False])
def test_what_is_no_wheel_is_unreadable(serve: ServeIndex, client_of: MakeClient, content: bytes, ranges: bool) -> None:
    index = serve(metadata=False, ranges=ranges)
    index.add(msgspec.structs.replace(wheel("demo", "1.0"), content=content))
    client = client_of(index.url)
    with pytest.raises(IndexUnreadable, match=r"demo-1\.0"):
        client.metadata(client.files("demo")[0])


def test_a_whole_download_with_another_hash_is_unreadable(serve: ServeIndex, client_of: MakeClient) -> None:
    index = serve(metadata=False, ranges=False)
    index.add(wheel("demo", "1.0"))
    client = client_of(index.url)
    (file,) = client.files("demo")
    with pytest.raises(IndexUnreadable, match="sha256"):
        client.metadata(msgspec.structs.replace(file, sha256="0" * 64))


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("fault", [Fault(truncated=True), Fault(status=404), Fault(status=500), Fault(status=403)])
def test_a_download_that_fails_is_an_index_problem(
    serve: ServeIndex, client_of: MakeClient, archive: Archive, fault: Fault, ranges: bool
) -> None:
    index = serve(metadata=False, ranges=ranges)
    index.add(archive)
    client = client_of(index.url)
    (file,) = client.files("demo")
    index.fail(archive.filename, fault)
    with pytest.raises(IndexProblem):
        client.metadata(file)


def test_a_wheel_that_lies_here_is_read_here(client_of: MakeClient, tmp_path: Path, archive: Archive) -> None:
    (tmp_path / "wheels").mkdir()
    path = tmp_path / "wheels" / archive.filename
    path.write_bytes(archive.content)
    client = client_of(find_links=("wheels",))
    (file,) = client.files("demo")
    assert client.metadata(file).requires == REQUIRES
    path.unlink()
    with pytest.raises(IndexUnreachable, match=archive.filename):
        client.metadata(file)


def test_a_source_distribution_has_none(index: IndexServer, client_of: MakeClient) -> None:
    index.add(sdist("demo", "1.0"))
    client = client_of(index.url)
    with pytest.raises(ValueError, match="not a wheel"):
        client.metadata(client.files("demo")[0])


def test_extras_and_odd_spellings_are_read() -> None:
    content = (
        b"Metadata-Version: 2.1\nName: Demo.Pkg\nVersion: 1.0\nProvides-Extra: a\nRequires-Python: \nX-Odd: 1\n\nText"
    )
    assert parse_metadata(content) == Metadata("Demo.Pkg", "1.0", extras=("a",))


def _wheel_with(members: dict[str, bytes], metadata_at: int | None = None) -> Archive:
    """A wheel with these members too, and its METADATA at this position among them (None: the last)."""
    plain = wheel("demo", "1.0")
    buffer = io.BytesIO()
    names = list(members)
    names.insert(len(names) if metadata_at is None else metadata_at, "demo-1.0.dist-info/METADATA")
    with zipfile.ZipFile(buffer, "w") as target:
        for name in names:
            target.writestr(name, members.get(name, plain.metadata))
    return Archive(plain.filename, buffer.getvalue(), plain.metadata)
