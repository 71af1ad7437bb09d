"""An index and a project for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.domain.resolver import Context
from mfenvd.resolve.index import http
from tests.resolve.pypi.resolving import context
from tests.support.index_server import IndexServer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that fails is asked again at once."""
    monkeypatch.setattr(http, "BACKOFF", 0.01)


@pytest.fixture
def index() -> Iterator[IndexServer]:
    with IndexServer() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Context:
    """On a machine of another arch than every target's."""
    return context(tmp_path)
