"""The package indexes as one target sees them, served on loopback to whoever knows less about targets.

Of each version there is one wheel, the one that the target gets, named as if it ran everywhere; its metadata holds
what it needs on that target, without any other marker than extras. So a resolver that knows nothing of the target's
tags and markers cannot go wrong about them.
"""

from __future__ import annotations

import html
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from typing_extensions import Self

from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
from mfenvd.resolve.index.files import DistFile
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.index.pages import from_url
from mfenvd.resolve.mixed.union import bare
from mfenvd.resolve.pypi.asked import Asked, applies, combined, name_of
from mfenvd.resolve.pypi.catalog import Catalog
from mfenvd.resolve.pypi.check import Rules
from mfenvd.resolve.pypi.metadata_override import requirements
from mfenvd.resolve.pypi.standins import Installed, said_by_index

_log = logging.getLogger(__name__)

# A listing must name a hash, or clients download the file to make one; what is listed without one gets this.
_NO_HASH = "0" * 64


class TargetIndex:
    """The index; a context manager that serves until it is left.

    Args:
        asked: The request on the target.
        rules: Decide about files.
        catalog: What there is.
        installed: What is there already, by canonical name: of each there is that version alone.

    Attributes:
        problem: What kept an index from answering; None when all was well.
    """

    def __init__(self, asked: Asked, rules: Rules, catalog: Catalog, installed: Mapping[str, Installed]) -> None:
        self.problem: IndexProblem | None = None
        self._rules = rules
        self._catalog = catalog
        self._installed = installed
        self._limits = {name_of(one): asked_limit(asked, name_of(one)) for one in asked.constraints}
        self._addressed = {name_of(one): one.url for one in asked.requirements if one.url}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.index = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="target index", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Of the simple repository."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/simple"

    def file(self, name: str, version: Version) -> DistFile:
        """What the target gets of one version.

        Raises:
            NoSuchPackage: Nothing.
            IndexProblem: An index does not answer.
        """
        with self._lock:
            file = next((file for found, file in self._files(name) if found == version), None)
        if file is None:
            raise NoSuchPackage(name, ())
        return file

    def metadata(self, name: str, version: Version) -> Metadata:
        """What that file says about itself.

        Raises:
            NoSuchPackage: There is no such file.
            IndexProblem: An index does not answer.
        """
        file = self.file(name, version)
        with self._lock:
            return self._catalog.metadata((file,))[file]

    def said(self, name: str, version: Version) -> Metadata | None:
        """What an index's wheel of an installed package says about itself; None where no index has it.

        Raises:
            IndexProblem: An index does not answer.
        """
        with self._lock:
            return said_by_index(self._catalog, name, version)

    def page(self, name: str) -> str:
        """The page of a package, PEP 503 and 714.

        Raises:
            NoSuchPackage: There is none.
            IndexProblem: An index does not answer.
        """
        if name in self._installed:
            return _page([_link(name, self._installed[name].version, None, None)])
        with self._lock:
            found = list(self._files(name))
        return _page(_link(name, version, file.sha256, file.yanked) for version, file in found)

    def metadata_text(self, name: str, version: Version) -> str:
        """A METADATA file.

        Raises:
            NoSuchPackage: There is no such package or version.
            IndexProblem: An index does not answer.
        """
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        if name not in self._installed:
            lines += self._needs(self.metadata(name, version), extras_alone=False)
        else:
            said = self.said(name, version)
            lines += self._needs(said, extras_alone=True) if said is not None else []
        return "".join(f"{line}\n" for line in lines)

    def _files(self, name: str) -> Iterator[tuple[Version, DistFile]]:
        """What the target gets of each version, the newest first."""
        if name in self._addressed:
            file = from_url(self._addressed[name], name, "")
            if file is not None:
                yield file.parsed_version, file
            return
        package = self._catalog.package(name)
        limit = self._limits.get(name, SpecifierSet())
        for version in package.versions:
            file = self._rules.best(package.of(version))
            if file is not None and limit.contains(version, prereleases=True):
                yield file.parsed_version, file

    def _needs(self, said: Metadata, *, extras_alone: bool) -> Iterator[str]:
        target = self._rules.target
        yield from (f"Provides-Extra: {extra}" for extra in said.extras)
        for requirement in requirements(said):
            if applies(requirement, target):
                if not extras_alone:
                    yield f"Requires-Dist: {bare(requirement)}"
                continue
            for extra in said.extras:
                if applies(requirement, target, (extra,)):
                    yield f"Requires-Dist: {bare(requirement)} ; extra == '{extra}'"


def asked_limit(asked: Asked, name: str) -> SpecifierSet:
    """All constraints on package `name` at once."""
    return combined(one.specifier for one in asked.constraints if name_of(one) == name)


def _page(links: Iterable[str]) -> str:
    return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"


def _link(name: str, version: Version, sha256: str | None, yanked: str | None) -> str:
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    withdrawn = f' data-yanked="{html.escape(yanked)}"' if yanked is not None else ""
    return (
        f'<a href="/files/{name}/{version}/{filename}#sha256={sha256 or _NO_HASH}" data-core-metadata="true" '
        f'data-dist-info-metadata="true"{withdrawn}>{filename}</a>\n'
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    index: TargetIndex

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news, and whatever else goes wrong was answered."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: else each answer waits 40 ms for the client's acknowledgement of the first.
    wbufsize = -1
    server: _Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        _log.debug(format, *args)

    def do_GET(self) -> None:
        index = self.server.index
        try:
            match [unquote(part) for part in urlsplit(self.path).path.split("/") if part]:
                case ["simple", name]:
                    self._send(200, index.page(name), "text/html; charset=utf-8")
                case ["files", name, version, file] if file.endswith(".metadata"):
                    self._send(200, index.metadata_text(name, Version(version)), "text/plain; charset=utf-8")
                case _:
                    self._send(404, "not found\n")
        except NoSuchPackage:
            self._send(404, "no such package\n")
        except IndexProblem as problem:
            index.problem = problem
            # Not one of the server's errors, after which clients try again and again.
            self._send(403, "an index does not answer\n")

    def _send(self, status: int, text: str, content_type: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
