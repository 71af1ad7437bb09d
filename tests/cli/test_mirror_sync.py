"""`mfenv mirror push`, `pull` and `verify` against a real S3 server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mfenvd.cli.main import run
from mfenvd.cli.mirror_sync import known_here
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import stored, upload_of
from tests.support.s3_server import BUCKET, Bucket, bucket

ROOT = f"s3://{BUCKET}/metaflow/conda"
NAMES = ("numpy", "pandas")


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with bucket() as one:
        yield one


@pytest.fixture
def s3(server: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The server's bucket, empty, being that of a project in the working directory."""
    server.clear()
    for name, value in {**server.environ, "MFENV_HOME": str(tmp_path / "mfenv"), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return server


@pytest.fixture
def cache(s3: Bucket, tmp_path: Path) -> Path:
    """Two packages that wait for their upload."""
    cache = tmp_path / "mfenv" / "cache"
    Uploads(mirror_folder(str(cache))).add([upload_of(stored(cache, name), ROOT) for name in NAMES])
    return cache


def key_of(name: str) -> str:
    return f"metaflow/conda/files.example/{name}.whl"


def files(cache: Path) -> dict[str, Path]:
    return {path.stem: path for path in (cache / "store" / "archives").glob("*/*/*")}


def answer(capsysbinary: pytest.CaptureFixture[bytes], command: str, code: int = 0) -> dict[str, Any]:
    assert run(["mirror", command, "--json"]) == code
    (bucket,) = json.loads(capsysbinary.readouterr().out)["buckets"]
    return dict(bucket)


def test_what_is_known_of_a_bucket_is_told_without_asking_it(cache: Path, s3: Bucket) -> None:
    known = "{} were seen in " + ROOT + "; {} wait for their upload."
    assert known_here() == known.format("0 packages (0 bytes)", "2 packages (11 bytes)")
    assert run(["mirror", "push"]) == 0
    assert known_here() == known.format("2 packages (11 bytes)", "0 packages (0 bytes)")


def test_push_sends_what_waits_and_puts_back_what_was_lost(
    cache: Path, s3: Bucket, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert answer(capsysbinary, "push") == {
        "bucket": ROOT, "lost": [], "sent": {"objects": 2, "size": 11}, "waiting": {"objects": 0, "size": 0},
        "findings": [],
    }  # fmt: skip
    (_, lost) = s3.keys()
    s3.delete(lost)
    assert answer(capsysbinary, "push")["lost"] == [lost.removeprefix("metaflow/conda/")]
    assert len(s3.keys()) == 2
    assert run(["mirror", "push"]) == 0
    assert "0 packages (0 bytes) uploaded" in capsysbinary.readouterr().out.decode()


def test_pull_fetches_what_is_there_and_not_here(
    cache: Path, s3: Bucket, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    answer(capsysbinary, "push")
    for path in files(cache).values():
        path.unlink()
    s3.delete(key_of("pandas"))
    pulled = answer(capsysbinary, "pull", code=1)
    assert (pulled["fetched"], pulled["missing"]) == ({"objects": 1, "size": 5}, ["pandas.whl"])
    assert files(cache)["numpy"].read_bytes() == b"numpy"
    assert answer(capsysbinary, "pull", code=1)["here"]["objects"] == 1


def test_verify_mends_both_sides(cache: Path, s3: Bucket, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    answer(capsysbinary, "push")
    s3.put(key_of("numpy"), b"NUMPY")
    files(cache)["pandas"].write_bytes(b"PANDAS")
    compared = answer(capsysbinary, "verify")
    assert compared["lost"] == ["files.example/numpy.whl"]
    assert (compared["mended"], compared["sent"]) == (["pandas.whl"], {"objects": 1, "size": 5})
    assert [s3.get(key_of(name)) for name in NAMES] == [b"numpy", b"pandas"]
    assert files(cache)["pandas"].read_bytes() == b"pandas"
    assert answer(capsysbinary, "verify")["lost"] == []


def test_the_extensions_part_of_the_bucket_is_served_where_it_is_used(
    cache: Path, s3: Bucket, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    root = f"s3://{BUCKET}/metaflow/conda_env"
    Uploads(mirror_folder(str(cache))).add([upload_of(stored(cache, "scipy"), root)])
    assert run(["mirror", "push", "--json"]) == 0
    pushed = json.loads(capsysbinary.readouterr().out)["buckets"]
    assert [(one["bucket"], one["sent"]["objects"]) for one in pushed] == [(ROOT, 2), (root, 1)]
    assert s3.get("metaflow/conda_env/files.example/scipy.whl") == b"scipy"


def test_what_is_wrong_is_said_with_its_code(
    cache: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_DATASTORE_SYSROOT_S3", "s3://nobody/metaflow")
    Uploads(mirror_folder(str(cache))).add([upload_of(stored(cache, "numpy"), "s3://nobody/metaflow/conda")])
    assert run(["mirror", "push"]) == 3
    assert "MFE713" in capsysbinary.readouterr().out.decode()
    monkeypatch.setenv("METAFLOW_DEFAULT_DATASTORE", "local")
    assert run(["mirror", "push"]) == 2
    assert "no bucket" in capsysbinary.readouterr().err.decode()
