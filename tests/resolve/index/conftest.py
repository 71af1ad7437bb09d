"""Indexes on loopback and clients that know nothing of this machine's own settings."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.domain.request import Indexes
from mfenvd.domain.surroundings import Surroundings
from mfenvd.resolve.index import http
from mfenvd.resolve.index.client import IndexClient
from mfenvd.resolve.index.configuration import IndexConfiguration, configuration
from tests.support.index_server import IndexServer

ServeIndex = Callable[..., IndexServer]
MakeClient = Callable[..., IndexClient]
Configure = Callable[..., IndexConfiguration]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other without the pauses that a real index deserves."""
    monkeypatch.setattr(http, "BACKOFF", 0.01)


@pytest.fixture
def serve() -> Iterator[ServeIndex]:
    """Starts an `IndexServer`; all of them stop when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> IndexServer:
            return stack.enter_context(IndexServer(**options))

        yield start


@pytest.fixture
def index(serve: ServeIndex) -> IndexServer:
    return serve()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def bare_environ(home: Path) -> dict[str, str]:
    """The environment of a user who has set nothing."""
    return {"HOME": str(home), "PATH": os.defpath, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"}


@pytest.fixture
def configure(tmp_path: Path, bare_environ: dict[str, str]) -> Configure:
    """`configuration` for a project in `tmp_path`; keyword arguments are those of `Indexes`."""

    def make(environ: dict[str, str] | None = None, **indexes: Any) -> IndexConfiguration:
        surroundings = Surroundings(cwd=str(tmp_path), environ={**bare_environ, **(environ or {})})
        return configuration(Indexes(**indexes), surroundings, tmp_path)

    return make


@pytest.fixture
def client_of(tmp_path: Path, configure: Configure) -> Iterator[MakeClient]:
    """A client of the indexes with these URLs, the first of them the primary one; all share one cache."""
    with contextlib.ExitStack() as stack:

        def make(
            *urls: str, environ: dict[str, str] | None = None, find_links: tuple[str, ...] = (), **options: Any
        ) -> IndexClient:
            config = configure(
                {"PIP_TIMEOUT": "5", **(environ or {})},
                index_url=urls[0] if urls else None,
                extra_index_urls=urls[1:],
                find_links=find_links,
                no_index=not urls,
            )
            return stack.enter_context(IndexClient(config, tmp_path / "cache", environ, **options))

        yield make
