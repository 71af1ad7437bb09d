"""Azure Blob Storage against Azurite, Google Cloud Storage against an emulator: what S3 does, they do."""

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.cli.main import run
from mfenvd.store.mirror import Mirror
from mfenvd.store.object_errors import AlreadyThere, BadAddress, MissingObject
from mfenvd.store.objects import ObjectStore
from mfenvd.store.opening import Access, open_store
from mfenvd.store.pace import Pace
from mfenvd.store.sending import Sent
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import stored, upload_of
from tests.store.test_s3 import file_of
from tests.support.npm_server import installed, served

# Azurite's own, the same everywhere.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_LARGE = 9 * 1024 * 1024
_EMULATOR = (
    "import sys; from gcp_storage_emulator.server import create_server;"
    "create_server('127.0.0.1', int(sys.argv[1]), in_memory=True, default_bucket='team').run()"
)


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    blob = pytest.importorskip("azure.storage.blob", reason="mfenv[azure] is not installed")
    command, folder = installed("azurite@3.35.0", "azurite-blob"), tmp_path_factory.mktemp("azurite")

    def call(port: int) -> list[str]:
        options = ["--disableTelemetry", "--skipApiVersionCheck", "--silent", "--inMemoryPersistence"]
        return [str(command), *options, "--blobHost", "127.0.0.1", "--blobPort", str(port)]

    with served(call, folder) as url:
        blob.BlobServiceClient(f"{url}/{_ACCOUNT}", credential=_KEY).create_container("team")
        yield f"{url}/{_ACCOUNT}"


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("google.cloud.storage", reason="mfenv[gs] is not installed")
    if url := os.environ.get("MFENV_GS_EMULATOR"):
        yield url
        return
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator is not installed")
    with served(lambda port: [sys.executable, "-c", _EMULATOR, str(port)], tmp_path_factory.mktemp("google")) as url:
        yield url


@pytest.fixture(params=["az", "gs"])
def access(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Access]:
    """A scheme, and how its server is reached."""
    if request.param == "az":
        monkeypatch.setenv("AZURE_STORAGE_KEY", _KEY)
        return "az", Access(endpoint=request.getfixturevalue("azurite"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("google"))
    return "gs", Access()


@pytest.fixture
def store(access: tuple[str, Access], request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    store = open_store(f"{access[0]}://team/{request.node.originalname}", access[1], Pace(64 * 1024 * 1024))
    yield store
    store.close()


@pytest.fixture
def conditional(store: ObjectStore) -> ObjectStore:
    """A store whose server knows conditions; for Google, MFENV_GS_EMULATOR may name one that has a bucket `team`."""
    if store.url.startswith("gs:") and "MFENV_GS_EMULATOR" not in os.environ:
        pytest.skip("gcp-storage-emulator knows no conditions")
    return store


def test_files_come_back_and_are_confirmed(store: ObjectStore, tmp_path: Path) -> None:
    for size in (1000, _LARGE):
        key = f"files/a%20b-{size}.whl"
        path, sha256 = file_of(tmp_path, size)
        other, other_sha256 = file_of(tmp_path, size, seed=1)
        store.put_file(key, path, sha256)
        info = store.head(key)
        assert info is not None
        assert (info.size, info.sha256) == (size, sha256)
        assert store.confirm(key, path, sha256)
        assert not store.confirm(key, other, other_sha256)
        with (tmp_path / "copy").open("w+b") as copy:
            store.get_file(key, copy)
        assert (tmp_path / "copy").read_bytes() == path.read_bytes()
        store.put_file(key, other, other_sha256, replace=True)
        assert store.confirm(key, other, other_sha256)
    assert [info.size for info in store.list("files/")] == [1000, _LARGE]
    assert not store.confirm("nothing", *file_of(tmp_path, 10))


def test_what_is_there_is_not_replaced_unless_asked_for(conditional: ObjectStore, tmp_path: Path) -> None:
    for size in (1000, _LARGE):
        path, sha256 = file_of(tmp_path, size)
        other, other_sha256 = file_of(tmp_path, size, seed=1)
        conditional.put_file(f"key-{size}", path, sha256)
        with pytest.raises(AlreadyThere):
            conditional.put_file(f"key-{size}", other, other_sha256)
        assert conditional.confirm(f"key-{size}", path, sha256)


def test_small_objects_come_and_go(store: ObjectStore) -> None:
    etag = store.put_bytes("key", b"one", replace=True)
    content, info = store.get_bytes("key")
    assert (content, info.etag, info.sha256) == (b"one", etag, hashlib.sha256(b"one").hexdigest())
    store.delete("key")
    store.delete("key")
    assert store.head("key") is None
    with pytest.raises(MissingObject):
        store.get_bytes("key")


def test_small_objects_are_replaced_only_as_they_were_seen(conditional: ObjectStore) -> None:
    first = conditional.put_bytes("lease", b"one")
    with pytest.raises(AlreadyThere):
        conditional.put_bytes("lease", b"two")
    second = conditional.put_bytes("lease", b"two", replace=first)
    with pytest.raises(AlreadyThere):
        conditional.put_bytes("lease", b"three", replace=first)
    content, info = conditional.get_bytes("lease")
    assert (content, info.etag) == (b"two", second)


def test_the_mirror_works_with_it(access: tuple[str, Access], tmp_path: Path) -> None:
    root = f"{access[0]}://team/mirror"
    mirror = Mirror(str(tmp_path), lambda url: open_store(url, access[1]))
    mirror.uploads.add([upload_of(stored(tmp_path, name), root) for name in ("one", "two")])
    assert mirror.send() == Sent(2, 6)
    mirror.remotes[root].store().delete("files.example/one.whl")
    assert [upload.filename for upload in mirror.reconcile(root).lost] == ["one.whl"]
    assert mirror.send() == Sent(1, 3)
    assert mirror.verify(root).lost == ()


@pytest.mark.parametrize("url", ["", "team/x", "http://team/x", "s3:///x"])
def test_what_is_no_address_is_told_as_such(url: str) -> None:
    with pytest.raises(BadAddress):
        open_store(url)


def test_what_metaflows_configuration_names_is_where_packages_go(
    azurite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = "team/wired/conda"
    for name, value in {
        "MFENV_HOME": str(tmp_path / "mfenv"), "HOME": str(tmp_path), "AZURE_STORAGE_KEY": _KEY,
        "METAFLOW_DEFAULT_DATASTORE": "azure", "METAFLOW_DATASTORE_SYSROOT_AZURE": "team/wired",
        "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": azurite,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "mfenv" / "cache"
    Uploads(mirror_folder(str(cache))).add([upload_of(stored(cache, "numpy"), f"az://{root}")])
    assert run(["mirror", "push"]) == 0
    store = open_store(f"az://{root}", Access(endpoint=azurite))
    assert [info.key for info in store.list()] == ["files.example/numpy.whl"]
    store.close()
