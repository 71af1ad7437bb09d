"""Azure Blob Storage against Azurite, Google Cloud Storage against an emulator: what S3 does, they do."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mfenvd.cli.main import run
from mfenvd.domain.alias import parse_alias
from mfenvd.shared_environments import AliasTakenError
from mfenvd.store.mirror import Mirror
from mfenvd.store.object_errors import AlreadyThere, BadAddress, MissingObject
from mfenvd.store.objects import ObjectStore
from mfenvd.store.opening import Access, open_store
from mfenvd.store.pace import Pace
from mfenvd.store.sending import Sent
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import stored, upload_of
from tests.store.test_s3 import file_of
from tests.support.clouds import AZURE_KEY, azurite, google_client, google_emulator
from tests.test_team_environments import Machine, ids_of

_LARGE = 9 * 1024 * 1024


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    blob = pytest.importorskip("azure.storage.blob", reason="mfenv[azure] is not installed")
    with azurite(tmp_path_factory.mktemp("azurite")) as account:
        blob.BlobServiceClient(account, credential=AZURE_KEY).create_container("team")
        yield account


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("google.cloud.storage", reason="mfenv[gs] is not installed")
    with google_emulator(tmp_path_factory.mktemp("google")) as url, closing(google_client(url)) as client:
        client.create_bucket("team")
        yield url


@pytest.fixture(params=["az", "gs"])
def access(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Access]:
    """A scheme, and how its server is reached."""
    if request.param == "az":
        monkeypatch.setenv("AZURE_STORAGE_KEY", AZURE_KEY)
        return "az", Access(endpoint=request.getfixturevalue("azure"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("google"))
    return "gs", Access()


@pytest.fixture
def store(access: tuple[str, Access], request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    store = open_store(f"{access[0]}://team/{request.node.originalname}", access[1], Pace(64 * 1024 * 1024))
    yield store
    store.close()


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


def test_what_is_there_is_not_replaced_unless_asked_for(store: ObjectStore, tmp_path: Path) -> None:
    for size in (1000, _LARGE):
        path, sha256 = file_of(tmp_path, size)
        other, other_sha256 = file_of(tmp_path, size, seed=1)
        store.put_file(f"key-{size}", path, sha256)
        with pytest.raises(AlreadyThere):
            store.put_file(f"key-{size}", other, other_sha256)
        assert store.confirm(f"key-{size}", path, sha256)


def test_small_objects_come_and_go(store: ObjectStore) -> None:
    etag = store.put_bytes("key", b"one", replace=True)
    content, info = store.get_bytes("key")
    assert (content, info.etag, info.sha256) == (b"one", etag, hashlib.sha256(b"one").hexdigest())
    store.delete("key")
    store.delete("key")
    assert store.head("key") is None
    with pytest.raises(MissingObject):
        store.get_bytes("key")


def test_small_objects_are_replaced_only_as_they_were_seen(store: ObjectStore) -> None:
    first = store.put_bytes("lease", b"one")
    with pytest.raises(AlreadyThere):
        store.put_bytes("lease", b"two")
    second = store.put_bytes("lease", b"two", replace=first)
    with pytest.raises(AlreadyThere):
        store.put_bytes("lease", b"three", replace=first)
    content, info = store.get_bytes("lease")
    assert (content, info.etag) == (b"two", second)


def test_the_mirror_works_with_it(access: tuple[str, Access], tmp_path: Path) -> None:
    root = f"{access[0]}://team/mirror"
    mirror = Mirror(str(tmp_path), lambda url: open_store(url, access[1]))
    names = [f"package-{number:02}" for number in range(12)]  # enough to be confirmed together
    mirror.uploads.add([upload_of(stored(tmp_path, name), root) for name in names])
    assert mirror.send() == Sent(12, 120)
    store = mirror.remotes[root].store()
    store.delete("files.example/package-03.whl")
    store.put_bytes("files.example/package-07.whl", b"PACKAGE-07", replace=True)
    assert [upload.filename for upload in mirror.reconcile(root).lost] == ["package-03.whl"]
    assert [upload.filename for upload in mirror.verify(root).lost] == ["package-07.whl"]
    assert mirror.send() == Sent(2, 20)
    assert mirror.verify(root).lost == ()
    assert [info.key for info in store.list(after="files.example/package-09.whl")] == [
        "files.example/package-10.whl", "files.example/package-11.whl",
    ]  # fmt: skip
    mirror.close()


@pytest.mark.parametrize("url", ["", "team/x", "http://team/x", "s3:///x"])
def test_what_is_no_address_is_told_as_such(url: str) -> None:
    with pytest.raises(BadAddress):
        open_store(url)


@pytest.mark.parametrize("access", ["az", "gs"], indirect=True)
def test_what_metaflows_configuration_names_is_where_packages_go(
    access: tuple[str, Access], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheme = access[0]
    for name, value in _datastore(access, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "mfenv" / "cache"
    Uploads(mirror_folder(str(cache))).add([upload_of(stored(cache, "numpy"), _root(scheme))])
    assert run(["mirror", "push"]) == 0
    with closing(open_store(_root(scheme), access[1])) as store:
        assert [info.key for info in store.list()] == ["files.example/numpy.whl"]


def test_a_team_shares_the_extensions_environments_through_it(access: tuple[str, Access], tmp_path: Path) -> None:
    environ, names = _datastore(access, tmp_path), ("team/env:v1", "team/env")
    root = environ.get("METAFLOW_DATASTORE_SYSROOT_AZURE") or "gs://team/wired"
    machines = {}
    for name in ("ana", "ben"):
        (tmp_path / name).mkdir()
        machines[name] = Machine(tmp_path / name, environ, f"{root}/conda_env")
    ana, ben = machines["ana"], machines["ben"]
    wanted, another = ana.environment(b"one"), ben.environment(b"another")
    there = ana.share(wanted, *names)
    assert [(one.id, one.entry) for one in ben.team().find(parse_alias("team/env:v1"))] == [
        (one.id, one.entry) for one in there
    ]
    with closing(open_store(f"{access[0]}://team/wired/conda_env", access[1])) as store:
        for one in there:
            (line,) = one.entry["packages"]
            (info,) = line["cache_info"].values()
            assert store.get_bytes(info["url"])[0] == b"one"
    ben.share(another, "team/env")
    assert ana.team().ids(parse_alias("team/env")) == ids_of(another)
    with pytest.raises(AliasTakenError):
        ben.share(another, "team/env:v1")


def _root(scheme: str) -> str:
    return f"{scheme}://team/wired/conda"


def _datastore(access: tuple[str, Access], home: Path) -> dict[str, str]:
    """What somebody's shell says whose datastore it is."""
    ours = {"MFENV_HOME": str(home / "mfenv"), "HOME": str(home)}
    if access[0] == "gs":
        return {
            **ours,
            "METAFLOW_DEFAULT_DATASTORE": "gs",
            "METAFLOW_DATASTORE_SYSROOT_GS": "gs://team/wired",
            "STORAGE_EMULATOR_HOST": os.environ["STORAGE_EMULATOR_HOST"],
        }
    return {
        **ours,
        "METAFLOW_DEFAULT_DATASTORE": "azure",
        "METAFLOW_DATASTORE_SYSROOT_AZURE": "team/wired",
        "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT": access[1].endpoint or "",
        "AZURE_STORAGE_KEY": AZURE_KEY,
    }
