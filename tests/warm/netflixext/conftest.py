from __future__ import annotations

import pytest

from tests.warm.netflixext.extension import python_with_extension


@pytest.fixture(scope="session")
def extension_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python that has metaflow-netflixext."""
    # Shared by the processes of one test run, and kept by uv's cache for the next.
    return python_with_extension(tmp_path_factory.getbasetemp().parent)
