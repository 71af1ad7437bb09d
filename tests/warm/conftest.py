from __future__ import annotations

import sys

import pytest

from tests.warm.releases import RELEASES, python_with_metaflow


@pytest.fixture(scope="session", params=("installed", *RELEASES))
def metaflow_python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with each release of Metaflow in turn."""
    if request.param == "installed":
        return sys.executable
    # Shared by the processes of one test run, and kept by uv's cache for the next.
    return python_with_metaflow(request.param, tmp_path_factory.getbasetemp().parent)
