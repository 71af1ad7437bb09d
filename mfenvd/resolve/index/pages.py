"""Index pages into files: JSON (PEP 691, 700) and HTML (PEP 503, 592, 658)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from mfenvd.domain.redact import shown_url, without_credentials
from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.files import DistFile, package_of, recognize
from mfenvd.resolve.index.releases import JsonOrigin, Releases, joined, json_releases, releases_of

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPES = frozenset({"application/vnd.pypi.simple.v1+html", "text/html", "application/xhtml+xml"})

# What a page for people has and an index page has not.
_FOR_PEOPLE = re.compile(rb"<\s*(form|script|input|iframe)\b", re.IGNORECASE)
_ANY_TAG = re.compile(rb"<\s*(!doctype|html|head|body|a)\b", re.IGNORECASE)


def parse_page(content: bytes, content_type: str, url: str, name: str, index: str) -> Releases:
    """The files of package `name` that a page lists.

    Args:
        content: The body as received, decompressed.
        content_type: The Content-Type header, parameters included; empty where there is none.
        url: Where the page came from, after redirects: relative links start there.
        name: Canonical name; files of other packages and of other types are passed over.
        index: The index's URL for messages.

    Raises:
        IndexUnreadable: It is neither kind of page, or of a version of the protocol that nobody has defined yet.
    """
    media_type, _, parameters = content_type.partition(";")
    media_type = media_type.strip().lower() or "text/html"
    if media_type in {JSON_TYPE, "application/json"}:
        address = without_credentials(urlsplit(url)._replace(query="", fragment="").geturl())
        return json_releases(content, JsonOrigin(address, name, index))
    if media_type in HTML_TYPES:
        return releases_of(_html_files(content, parameters, url, name, index))
    raise IndexUnreadable(index, f"a page of type {media_type}")


def parse_links(content: bytes, content_type: str, url: str, source: str) -> tuple[DistFile, ...]:
    """The files of every package that one page (`--find-links`) links to, in the order of the page.

    Raises:
        IndexUnreadable: It is not an HTML page.
    """
    media_type, _, parameters = content_type.partition(";")
    if (media_type.strip().lower() or "text/html") not in HTML_TYPES:
        raise IndexUnreadable(source, f"a page of type {media_type.strip()}")
    found = []
    for link in _links(content, parameters, url, source):
        name = package_of(_filename(link))
        file = _from_link(link, name, source) if name else None
        if file is not None:
            found.append(file)
    return tuple(found)


def from_url(url: str, name: str, source: str, *, size: int | None = None) -> DistFile | None:
    """The file of package `name` at `url`, when that is what its last component says."""
    parts = urlsplit(url)
    filename = unquote(parts.path.rpartition("/")[2])
    known = recognize(filename, name)
    if known is None:
        return None
    algorithm, _, digest = parts.fragment.partition("=")
    return DistFile(
        name=name,
        version=known[1],
        filename=filename,
        url=without_credentials(parts._replace(fragment="").geturl()),
        kind=known[0],
        index=shown_url(source),
        sha256=digest.lower() if algorithm == "sha256" and digest else None,
        size=size,
    )


def _html_files(content: bytes, parameters: str, url: str, name: str, index: str) -> Iterator[DistFile]:
    if not _ANY_TAG.search(content) and content.strip():
        raise IndexUnreadable(index, "a page that is no HTML")
    nothing = True
    for link in _links(content, parameters, url, index):
        file = _from_link(link, name, index)
        if file is not None:
            nothing = False
            yield file
    if nothing and _FOR_PEOPLE.search(content):
        raise IndexUnreadable(index, "a page for people, such as a login or an error page")


class _Link(NamedTuple):
    url: str
    attributes: Mapping[str, str]


def _links(content: bytes, parameters: str, url: str, index: str) -> Iterator[_Link]:
    # Late: most indexes answer with JSON.
    from lxml import etree

    charset = parameters.partition("charset=")[2].strip("\"' ") or "utf-8"
    try:
        text = content.decode(charset)
    except (LookupError, UnicodeDecodeError) as error:
        raise IndexUnreadable(index, f"a page that is not text in {charset}") from error
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True)
    parser.feed("<html>")  # an empty page is one without links
    parser.feed(text.encode("utf-8", "replace"))
    root = parser.close()
    for meta in root.iter("meta"):
        version = meta.get("content", "1")
        if meta.get("name") == "pypi:repository-version" and version.partition(".")[0].strip() != "1":
            raise IndexUnreadable(index, f"version {version} of the index protocol")
    base = next((href for element in root.iter("base") if (href := element.get("href"))), "")
    page = without_credentials(url)
    start = joined(page, base) or page
    for anchor in root.iter("a"):
        href = anchor.get("href")
        if href is not None and (address := joined(start, href)) is not None:
            yield _Link(address, dict(anchor.attrib))


def _filename(link: _Link) -> str:
    # The text may be shortened for display; the address is what is downloaded.
    return unquote(urlsplit(link.url).path.rpartition("/")[2])


def _from_link(link: _Link, name: str, index: str) -> DistFile | None:
    file = from_url(link.url, name, index)
    if file is None:
        return None
    said = link.attributes
    metadata = said.get("data-core-metadata") or said.get("data-dist-info-metadata")
    changes: dict[str, Any] = {
        "requires_python": said.get("data-requires-python") or None,
        "yanked": said.get("data-yanked"),
        "has_metadata": metadata is not None and metadata.lower() != "false",
        "metadata_sha256": metadata.partition("sha256=")[2] or None if metadata else None,
    }
    return msgspec.structs.replace(file, **changes)
