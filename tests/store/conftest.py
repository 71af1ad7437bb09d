"""Object stores of each kind on loopback."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.store.opening import Access
from mfenvd.store.pace import Pace
from mfenvd.store.s3 import S3Store
from tests.support.fault_proxy import FaultProxy, fault_proxy
from tests.support.s3_server import BUCKET, Bucket, bucket


@pytest.fixture(scope="session")
def server() -> Iterator[Bucket]:
    with bucket() as served:
        yield served


@pytest.fixture
def team(server: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    """The server, with credentials for it and without the user's own configuration."""
    for name, value in server.environ.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    return server


@pytest.fixture
def s3(team: Bucket, request: pytest.FixtureRequest) -> Iterator[S3Store]:
    """A store whose root no other test has."""
    store = S3Store(BUCKET, f"{request.node.name}/conda", Access(team.url), Pace())
    yield store
    store.close()


@pytest.fixture
def root(request: pytest.FixtureRequest) -> str:
    """A root that no other test has."""
    return f"s3://{BUCKET}/{request.node.name}"


@pytest.fixture
def proxy(team: Bucket) -> Iterator[FaultProxy]:
    """In front of the server."""
    with fault_proxy(team.url) as served:
        yield served
