"""The places that list files: an index over HTTP, an index in a folder, and what `--find-links` names."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from mfenvd.domain.redact import shown_url, without_credentials
from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.files import DistFile, package_of
from mfenvd.resolve.index.pages import from_url, parse_links, parse_page
from mfenvd.resolve.index.releases import Releases, releases_of
from mfenvd.resolve.index.store import PageStore
from mfenvd.resolve.index.urls import path_of, userinfo

if TYPE_CHECKING:
    import requests

_PAGE_SUFFIXES = frozenset({".html", ".htm"})


class Found(msgspec.Struct, frozen=True):
    """What one place has of a package.

    Attributes:
        releases: None when the place does not know the package.
        stale: Since when (seconds since 1970) it may have changed, as it does not answer now.
    """

    releases: Releases | None
    stale: float | None = None


class Place(Protocol):
    """One configured index or find-links entry; `shown` is its URL or path without credentials."""

    shown: str

    def find(self, name: str, *, ask: bool = True) -> Found:
        """What it has of the package of canonical name `name`.

        Raises:
            IndexProblem: It should answer and does not.
            NotStoredError: Without `ask`, answering needs the network.
        """
        ...


class RemoteIndex:
    """An index over HTTP."""

    def __init__(self, url: str, pages: PageStore) -> None:
        self.shown = shown_url(url)
        self._url = without_credentials(url)
        self._user = _user(url)
        self._pages = pages

    def find(self, name: str, *, ask: bool = True) -> Found:
        def parse(response: requests.Response) -> Releases:
            content_type = response.headers.get("Content-Type", "")
            return parse_page(response.content, content_type, response.url, name, self.shown)

        page, stale = self._pages.page(f"{self._url}/{name}/", self.shown, self._user, parse, ask=ask)
        return Found(page.releases, page.checked if stale else None)


class FolderIndex:
    """An index in a folder of this machine. As for pip, what is not there is simply not there."""

    def __init__(self, url: str, folder: Path, pages: PageStore) -> None:
        self.shown = without_credentials(url)
        self._folder = folder
        self._pages = pages

    def find(self, name: str, *, ask: bool = True) -> Found:
        del ask
        path = self._folder / name / "index.html"

        def parse(content: bytes) -> Releases:
            return parse_page(content, "text/html", path.as_uri(), name, self.shown)

        page = self._pages.local_page(path, self.shown, parse)
        return Found(page.releases if page is not None else None)


class LinkedFolder:
    """A folder of files, or one file, that `--find-links` names; looked at once."""

    def __init__(self, path: Path) -> None:
        self.shown = str(path)
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Releases] | None = None

    def find(self, name: str, *, ask: bool = True) -> Found:
        del ask
        with self._lock:
            if self._known is None:
                self._known = _by_name(self._files())
            return Found(self._known.get(name))

    def _files(self) -> Iterator[DistFile]:
        try:
            paths = sorted(self._path.iterdir()) if self._path.is_dir() else [self._path]
            for path in paths:
                name = package_of(path.name)
                file = from_url(path.as_uri(), name, self.shown) if name and path.is_file() else None
                if file is not None:
                    yield msgspec.structs.replace(file, size=path.stat().st_size)
        except OSError as error:
            raise IndexUnreadable(self.shown, f"a folder that cannot be read ({error.strerror})") from error


class LinkedPage:
    """A page of links, here or remote, that `--find-links` names: one for all packages, read once."""

    def __init__(self, link: str, pages: PageStore) -> None:
        self.shown = shown_url(link)
        self._url = without_credentials(link)
        self._path = path_of(link)
        self._user = _user(link)
        self._pages = pages
        self._lock = threading.Lock()
        self._known: dict[str, Releases] | None = None
        self._stale: float | None = None

    def find(self, name: str, *, ask: bool = True) -> Found:
        with self._lock:
            if self._known is None:
                self._known = _by_name(self._read(ask=ask))
            return Found(self._known.get(name), self._stale)

    def _read(self, *, ask: bool) -> Iterable[DistFile]:
        path = self._path
        if path is not None:

            def parse_content(content: bytes) -> Releases:
                return releases_of(parse_links(content, "text/html", path.as_uri(), self.shown))

            page = self._pages.local_page(path, self.shown, parse_content)
        else:

            def parse(response: requests.Response) -> Releases:
                content_type = response.headers.get("Content-Type", "")
                return releases_of(parse_links(response.content, content_type, response.url, self.shown))

            page, stale = self._pages.page(self._url, self.shown, self._user, parse, ask=ask)
            self._stale = page.checked if stale else None
        return page.releases.files if page is not None and page.releases is not None else ()


class LinkedUrl:
    """One remote archive that `--find-links` names."""

    def __init__(self, link: str) -> None:
        self.shown = shown_url(link)
        self._url = without_credentials(link)

    def find(self, name: str, *, ask: bool = True) -> Found:
        del ask
        file = from_url(self._url, name, self.shown)
        return Found(releases_of([file]) if file is not None else None)


def index_place(url: str, pages: PageStore) -> Place:
    """The place that an index URL means."""
    folder = path_of(url)
    return FolderIndex(url, folder, pages) if folder is not None else RemoteIndex(url, pages)


def link_places(links: tuple[str, ...], pages: PageStore) -> tuple[Place, ...]:
    """The places that find-links entries mean, in pip's order: files of this machine before what pages list."""
    files: list[Place] = []
    listed: list[Place] = []
    for link in links:
        path = path_of(link)
        if path is not None and path.suffix.lower() not in _PAGE_SUFFIXES:
            files.append(LinkedFolder(path))
            pages_inside = sorted(path.glob("*.htm*")) if path.is_dir() else []
            listed += [LinkedPage(str(page), pages) for page in pages_inside]
        elif path is None and package_of(link.partition("#")[0].rpartition("/")[2]) is not None:
            listed.append(LinkedUrl(link))
        else:
            listed.append(LinkedPage(link, pages))
    return (*files, *listed)


def _user(url: str) -> str:
    """Whose view of a place it is, with the password: what another one saw is no answer to this one."""
    login = userinfo(url)
    return "\0".join(filter(None, login)) if login else ""


def _by_name(files: Iterable[DistFile]) -> dict[str, Releases]:
    found: dict[str, list[DistFile]] = {}
    for file in files:
        found.setdefault(file.name, []).append(file)
    return {name: releases_of(listed) for name, listed in found.items()}
