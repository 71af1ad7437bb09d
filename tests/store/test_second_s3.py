"""A second implementation of S3, written by others in another language, that knows neither conditions nor checksums."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.store.object_errors import MissingObject
from mfenvd.store.opening import Access
from mfenvd.store.pace import Pace
from mfenvd.store.s3 import S3Store
from mfenvd.store.s3_parts import PART
from mfenvd.store.sending import Sent
from tests.store.mirrors import mirror_to, stored, upload_of
from tests.store.test_s3 import file_of
from tests.support.npm_server import installed, served

_BUCKET = "second"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command, folder = installed("s3rver@3.7.1", "s3rver"), tmp_path_factory.mktemp("s3rver")

    def call(port: int) -> list[str]:
        return [str(command), "-d", str(folder), "-a", "127.0.0.1", "-p", str(port), "--configure-bucket", _BUCKET]

    with served(call, folder) as url:
        yield url


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "S3RVER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "S3RVER")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def test_files_small_and_in_parts_come_back_and_are_confirmed(url: str, tmp_path: Path) -> None:
    store = S3Store(_BUCKET, "conda", Access(url), Pace())
    for size in (1000, 2 * PART + 5):
        path, sha256 = file_of(tmp_path, size)
        store.put_file(f"files/a%20b-{size}.whl", path, sha256)
        info = store.head(f"files/a%20b-{size}.whl")
        assert info is not None
        assert (info.size, info.sha256) == (size, sha256)
        assert store.confirm(f"files/a%20b-{size}.whl", path, sha256)
        other, other_sha256 = file_of(tmp_path, size, seed=1)
        assert not store.confirm(f"files/a%20b-{size}.whl", other, other_sha256)
        with (tmp_path / "copy").open("w+b") as copy:
            store.get_file(f"files/a%20b-{size}.whl", copy)
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()
    assert [info.size for info in store.list("files/")] == [1000, 2 * PART + 5]


def test_small_objects_come_and_go(url: str) -> None:
    store = S3Store(_BUCKET, "small", Access(url), Pace())
    store.put_bytes("key", b"one", replace=True)
    assert store.get_bytes("key")[0] == b"one"
    store.delete("key")
    with pytest.raises(MissingObject):
        store.get_bytes("key")


def test_the_mirror_works_with_it(url: str, tmp_path: Path) -> None:
    root = f"s3://{_BUCKET}/mirror"
    mirror = mirror_to(url, tmp_path)
    mirror.uploads.add([upload_of(stored(tmp_path, name), root) for name in ("one", "two")])
    assert mirror.send() == Sent(2, 6)
    mirror.remotes[root].store().delete("files.example/one.whl")
    assert [upload.filename for upload in mirror.reconcile(root).lost] == ["one.whl"]
    assert mirror.send() == Sent(1, 3)
    assert mirror.verify(root).lost == ()
