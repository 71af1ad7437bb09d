"""The places that list files: an index over HTTP, an index in a folder, and what `--find-links` names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

import msgspec
import requests

from mfenvd.domain.redact import without_credentials
from mfenvd.resolve.index.errors import IndexUnreadable
from mfenvd.resolve.index.files import DistFile, package_of
from mfenvd.resolve.index.pages import from_url, parse_links, parse_page
from mfenvd.resolve.index.store import PageStore
from mfenvd.resolve.index.urls import path_of, userinfo

_PAGE_SUFFIXES = frozenset({".html", ".htm"})


class Found(msgspec.Struct, frozen=True):
    """What one place has of a package: `files` None when it does not know it; `stale` since when, if it is."""

    files: tuple[DistFile, ...] | None
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
        self.shown = without_credentials(url)
        self._user = _user(url)
        self._pages = pages

    def find(self, name: str, *, ask: bool = True) -> Found:
        def parse(response: requests.Response) -> tuple[DistFile, ...]:
            content_type = response.headers.get("Content-Type", "")
            return parse_page(response.content, content_type, response.url, name, self.shown)

        page, stale = self._pages.page(f"{self.shown}/{name}/", self.shown, self._user, parse, ask=ask)
        return Found(page.files, page.checked if stale else None)


class FolderIndex:
    """An index in a folder of this machine. As for pip, what is not there is simply not there."""

    def __init__(self, url: str, folder: Path) -> None:
        self.shown = without_credentials(url)
        self._folder = folder

    def find(self, name: str, *, ask: bool = True) -> Found:
        del ask
        page = self._folder / name / "index.html"
        content = _read(page, self.shown)
        if content is None:
            return Found(None)
        return Found(parse_page(content, "text/html", page.as_uri(), name, self.shown))


class LinkedFolder:
    """A folder of files, or one file, that `--find-links` names."""

    def __init__(self, path: Path) -> None:
        self.shown = str(path)
        self._path = path

    def find(self, name: str, *, ask: bool = True) -> Found:
        del ask
        try:
            paths = sorted(self._path.iterdir()) if self._path.is_dir() else [self._path]
            found = [
                from_url(path.as_uri(), name, self.shown, size=path.stat().st_size)
                for path in paths
                if package_of(path.name) is not None and path.is_file()
            ]
        except OSError as error:
            raise IndexUnreadable(self.shown, f"a folder that cannot be read ({error.strerror})") from error
        return Found(tuple(file for file in found if file is not None) or None)


class LinkedPage:
    """A page of links, here or remote, that `--find-links` names: one for all packages."""

    def __init__(self, link: str, pages: PageStore) -> None:
        self.shown = without_credentials(link)
        self._path = path_of(link)
        self._user = _user(link)
        self._pages = pages
        self._lock = threading.Lock()
        self._known: dict[str, tuple[DistFile, ...]] | None = None
        self._stale: float | None = None

    def find(self, name: str, *, ask: bool = True) -> Found:
        with self._lock:
            if self._known is None:
                self._known = _by_name(self._read(ask=ask))
            return Found(self._known.get(name), self._stale)

    def _read(self, *, ask: bool) -> tuple[DistFile, ...]:
        if self._path is not None:
            content = _read(self._path, self.shown)
            return parse_links(content, "text/html", self._path.as_uri(), self.shown) if content is not None else ()

        def parse(response: requests.Response) -> tuple[DistFile, ...]:
            content_type = response.headers.get("Content-Type", "")
            return parse_links(response.content, content_type, response.url, self.shown)

        page, stale = self._pages.page(self.shown, self.shown, self._user, parse, ask=ask)
        self._stale = page.checked if stale else None
        return page.files or ()


class LinkedUrl:
    """One remote archive that `--find-links` names."""

    def __init__(self, link: str) -> None:
        self.shown = without_credentials(link)

    def find(self, name: str, *, ask: bool = True) -> Found:
        del ask
        file = from_url(self.shown, name, self.shown)
        return Found((file,) if file is not None else None)


def index_place(url: str, pages: PageStore) -> Place:
    """The place that an index URL means."""
    folder = path_of(url)
    return FolderIndex(url, folder) if folder is not None else RemoteIndex(url, pages)


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


def _read(path: Path, shown: str) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise IndexUnreadable(shown, f"a page that cannot be read ({error.strerror})") from error


def _user(url: str) -> str:
    login = userinfo(url)
    return login[0] if login else ""


def _by_name(files: tuple[DistFile, ...]) -> dict[str, tuple[DistFile, ...]]:
    found: dict[str, list[DistFile]] = {}
    for file in files:
        found.setdefault(file.name, []).append(file)
    return {name: tuple(listed) for name, listed in found.items()}
