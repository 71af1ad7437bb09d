"""Both kinds of index pages, and what is no index page."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.pages import JSON_TYPE, parse_links, parse_page
from mfenvd.resolve.index.releases import Releases
from tests.support.index_server import IndexServer, Listed, html_page, json_page
from tests.support.wheels import sdist, wheel

_INDEX = "https://index.test/simple"
_URL = f"{_INDEX}/demo/"

_listed = st.builds(
    Listed,
    st.builds(
        lambda version, source: sdist("demo", version) if source else wheel("demo", version),
        st.sampled_from(["1.0", "1.1", "2.0rc1", "3+local.1"]),
        st.booleans(),
    ),
    requires_python=st.sampled_from([None, ">=3.8", "!=3.9.*,>=3.7"]),
    yanked=st.sampled_from([None, "", 'broken & "bad" <wheel>']),
)


def _json(content: object) -> tuple[DistFile, ...]:
    return _page(json.dumps(content).encode(), JSON_TYPE)


def _html(body: str, content_type: str = "text/html") -> tuple[DistFile, ...]:
    return _page(body.encode(), content_type)


def _page(content: bytes, content_type: str) -> tuple[DistFile, ...]:
    return tuple(parse_page(content, content_type, _URL, "demo", _INDEX).files)


@settings(max_examples=40)
@given(st.lists(_listed, max_size=5), st.booleans(), st.booleans())
def test_html_says_what_json_says_but_for_sizes(entries: list[Listed], metadata: bool, hashes: bool) -> None:
    index = IndexServer(metadata=metadata, hashes=hashes)
    files = {entry.archive.filename: entry for entry in entries}
    from_json = _page(json_page(index, "demo", files), JSON_TYPE)
    from_html = _page(html_page(index, "demo", files), "text/html; charset=utf-8")
    index.stop()
    assert tuple(msgspec.structs.replace(file, size=None) for file in from_json) == from_html
    for file in from_json:
        listed = files[file.filename]
        assert file.url == f"https://index.test/files/{file.filename}"
        assert (file.requires_python, file.yanked) == (listed.requires_python, listed.yanked)
        assert file.sha256 == (listed.archive.sha256 if hashes else None)
        assert file.size == len(listed.archive.content)
        assert file.metadata_sha256 == (listed.archive.metadata_sha256 if metadata and file.is_wheel else None)


def test_addresses_are_relative_to_the_page_and_lose_credentials_and_fragments() -> None:
    files = _html(
        '<a href="demo-1-py3-none-any.whl#sha256=AB">x</a>'
        '<a href="../../demo-2-py3-none-any.whl">x</a>'
        '<a href="https://u:p@files.test/demo-3-py3-none-any.whl#md5=00">x</a>'
        '<a href="demo-4%2Bcpu-py3-none-any.whl">x</a>'
    )
    assert [(file.url, file.sha256) for file in files] == [
        ("https://index.test/simple/demo/demo-1-py3-none-any.whl", "ab"),
        ("https://index.test/demo-2-py3-none-any.whl", None),
        ("https://files.test/demo-3-py3-none-any.whl", None),
        ("https://index.test/simple/demo/demo-4%2Bcpu-py3-none-any.whl", None),
    ]
    assert files[3].version == "4+cpu"


def test_a_base_counts_and_what_is_no_link_does_not() -> None:
    files = _html(
        '<base href="/files/"><!-- <a href="demo-1.0.tar.gz">x</a> --><a href="http://[x/demo-2.0.tar.gz">x</a>'
        '<a name="demo-3.0.tar.gz">x</a><A HREF="demo-4.0.tar.gz" data-yanked>x</a>'
    )
    assert [(file.url, file.yanked) for file in files] == [("https://index.test/files/demo-4.0.tar.gz", "")]
    assert _json({"files": [{"filename": "demo-1.0.tar.gz", "url": "//[x/demo-1.0.tar.gz"}]}) == ()


@pytest.mark.parametrize("older", ["dist-info-metadata", "data-dist-info-metadata"])
def test_an_older_name_of_the_metadata_field_is_understood(older: str) -> None:
    entry = {"filename": "demo-1-py3-none-any.whl", "url": "x", "hashes": {}}
    (old,) = _json({"files": [{**entry, older: {"sha256": "aa"}}]})
    (new,) = _json({"files": [{**entry, older: False, "core-metadata": True}]})
    assert (old.has_metadata, old.metadata_sha256) == (True, "aa")
    assert (new.has_metadata, new.metadata_sha256) == (True, None)
    (html,) = _html('<a href="demo-1-py3-none-any.whl" data-dist-info-metadata="sha256=aa">x</a>')
    assert (html.has_metadata, html.metadata_sha256) == (True, "aa")


_SAID = {
    "hashes": st.sampled_from([None, {}, {"sha256": "ab"}, {"sha256": "ab", "md5": "cd"}, {"md5": "cd"}]),
    "requires-python": st.sampled_from([None, "", ">=3.8"]),
    "size": st.sampled_from([None, 0, 7, 1 << 40]),
    "yanked": st.sampled_from([None, False, True, "broken"]),
    "core-metadata": st.sampled_from([None, False, True, {}, {"sha256": "ef"}]),
    "dist-info-metadata": st.sampled_from([None, True]),
    "upload-time": st.just("2024-01-01T00:00:00Z"),
    "uploader": st.sampled_from(["me", "me@index.test"]),
    "provenance": st.just({"filename": "demo-9.tar.gz", "files": [1]}),
}
_NAMES = {
    "demo-1.0-py3-none-any.whl": ("1", "1.0"),
    "Demo-1-2-py3-none-any.whl": ("1", "1"),
    "demo-1.0.0.tar.gz": ("1", "1.0.0"),
    "demo-2.0RC1.zip": ("2rc1", "2.0RC1"),
    "other-1.0.tar.gz": None,
    "demo-1.0.egg": None,
}
_ADDRESSES = {
    "a.whl": f"{_URL}a.whl",
    "../../b.whl#sha256=ff": "https://index.test/b.whl",
    "https://me:hunter2@c.test/d?e=f": "https://c.test/d?e=f",
}


def _escaped(text: str) -> str:
    """A JSON string in which every character is an escape."""
    return '"' + "".join(f"\\u{ord(character):04x}" for character in text) + '"'


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"filename": st.sampled_from(list(_NAMES)), "url": st.sampled_from(list(_ADDRESSES))}, optional=_SAID
        ),
        max_size=4,
    ),
    st.booleans(),
)
def test_what_is_decoded_by_version_is_what_the_whole_page_says(entries: list[dict[str, Any]], escaped: bool) -> None:
    content = json.dumps({"name": "demo", "files": entries})
    for text in (*_NAMES, *_ADDRESSES) if escaped else ():
        content = content.replace(json.dumps(text), _escaped(text))
    releases = parse_page(content.encode(), JSON_TYPE, _URL, "demo", _INDEX)
    expected: dict[str, list[DistFile]] = {}
    for entry in entries:
        known = _NAMES[entry["filename"]]
        if known is None:
            continue
        metadata = entry.get("core-metadata")
        metadata = entry.get("dist-info-metadata") if metadata is None else metadata
        yanked = entry.get("yanked")
        file = DistFile(
            name="demo",
            version=known[1],
            filename=entry["filename"],
            url=_ADDRESSES[entry["url"]],
            kind="wheel" if entry["filename"].endswith(".whl") else "sdist",
            index=_INDEX,
            sha256=(entry.get("hashes") or {}).get("sha256"),
            size=entry.get("size"),
            requires_python=entry.get("requires-python") or None,
            yanked={None: None, False: None, True: ""}.get(yanked, yanked),
            has_metadata=metadata not in (None, False),
            metadata_sha256=metadata.get("sha256") if isinstance(metadata, dict) else None,
        )
        expected.setdefault(known[0], []).append(file)
    stored = msgspec.msgpack.encode(releases)
    read = msgspec.msgpack.decode(stored, type=Releases)
    assert {key: list(read.of(key)) for key in read.listed} == expected
    assert b"hunter2" not in stored


def test_a_size_that_no_file_has_is_no_size() -> None:
    for size in (-1, 1 << 80):
        with pytest.raises(IndexUnreadable, match="size"):
            _json({"files": [{"filename": "demo-1.0.tar.gz", "url": "a@b", "size": size}]})


def test_a_page_of_links_holds_several_packages() -> None:
    page = b'<a href="demo-1.0.tar.gz">a</a><a href="b/my_pkg-2-py3-none-any.whl">b</a><a href="readme.txt">c</a>'
    files = parse_links(page, "text/html", "https://files.test/all.html", "https://files.test/all.html")
    assert [(file.name, file.version, file.kind) for file in files] == [
        ("demo", "1.0", "sdist"),
        ("my-pkg", "2", "wheel"),
    ]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"Service temporarily sleepy", "text/html"),
        (b"\x1f\x8b\x08\x00\xff\xfe garbage", "text/html"),
        (b"<html><body><form action=/login><input name=user></form></body></html>", "text/html"),
        (b"<html><script>location='/sso'</script><a href=/help>help</a></html>", "text/html"),
        (b"<html></html>", "text/html; charset=no-such-charset"),
        (b"{}", JSON_TYPE),
        (b'{"files": [{"filename": 3}]}', JSON_TYPE),
        (b'{"files": [', JSON_TYPE),
        (b"[]", JSON_TYPE),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', JSON_TYPE),
        (b"PK\x03\x04", "application/zip"),
        (b'<html><head><meta name="pypi:repository-version" content="2.0"></head></html>', "text/html"),
    ],
)
def test_what_is_no_index_page_is_unreadable(content: bytes, content_type: str) -> None:
    with pytest.raises(IndexUnreadable, match=r"index\.test"):
        _page(content, content_type)


def test_an_entry_that_is_no_file_makes_its_own_version_unreadable() -> None:
    good = {"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz"}
    page = json.dumps({"files": [good, {"filename": "demo-2.0.tar.gz", "url": 3}]}).encode()
    releases = parse_page(page, JSON_TYPE, _URL, "demo", _INDEX)
    assert [file.url for file in releases.of("1")] == [f"{_URL}demo-1.0.tar.gz"]
    with pytest.raises(IndexUnreadable, match=r"index\.test"):
        releases.of("2")


@pytest.mark.parametrize("sign", ["@", "\\u0040"])
def test_what_is_kept_of_a_page_holds_no_password(sign: str) -> None:
    entry = f'{{"filename": "demo-1.0.tar.gz", "url": "https://me:hunter2{sign}files.test/demo-1.0.tar.gz"}}'
    url = f"{_URL.replace('//', '//me:hunter2@')}?signature=hunter2"
    releases = parse_page(f'{{"files": [{entry}]}}'.encode(), JSON_TYPE, url, "demo", _INDEX)
    assert [file.url for file in releases.files] == ["https://files.test/demo-1.0.tar.gz"]
    assert b"hunter2" not in msgspec.msgpack.encode(releases)


def test_what_signs_the_address_of_a_page_is_not_kept() -> None:
    page = b'{"files": [{"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz"}]}'
    releases = parse_page(page, JSON_TYPE, f"{_URL}?X-Amz-Signature=hunter2", "demo", _INDEX)
    assert [file.url for file in releases.files] == [f"{_URL}demo-1.0.tar.gz"]
    assert b"hunter2" not in msgspec.msgpack.encode(releases)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html><body></body></html>", b"<html><a href='../'>up</a>"])
def test_a_package_without_files_is_not_an_error(content: bytes) -> None:
    assert _page(content, "text/html") == ()


@settings(max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["text/html", JSON_TYPE, "text/html; charset=utf-16", "x/y"]))
def test_no_bytes_at_all_make_it_fail_otherwise(content: bytes, content_type: str) -> None:
    files: tuple[DistFile, ...] = ()
    with contextlib.suppress(IndexUnreadable):
        files = _page(content, content_type)
    assert all(file.name == "demo" for file in files)
