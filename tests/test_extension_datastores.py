"""Where metaflow-netflixext keeps packages and environments: laid out as it lays them out."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage, Resolution
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.warming import WarmTask
from mfenvd.extension_datastores import extension_datastore_of
from mfenvd.store.uploads import Uploads, mirror_folder
from mfenvd.warm.netflixext.manifest import EnvId

REQ, FULL = "a" * 40, "b" * 40
ID = EnvId("linux-64", REQ, FULL)
ENTRY = {"packages": [{"url": "https://files/x", "cache_info": {".whl": {}}}], "resolved_on": "2026"}


def task(folder: Path, datastore: str, root: str | None, *, trusted: bool = True) -> WarmTask:
    identity = RequestIdentity(REQ, "linux-64", "conda-only", {}, {}, datastore, root, str(folder / "m"), "linux-64")
    environ = {
        "HOME": str(folder), "METAFLOW_HOME": str(folder), "METAFLOW_DEFAULT_DATASTORE": datastore,
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://bucket/metaflow", "METAFLOW_DATASTORE_SYSROOT_AZURE": "bucket/metaflow",
        "METAFLOW_DATASTORE_SYSROOT_GS": "gs://bucket/metaflow",
    }  # fmt: skip
    surroundings = Surroundings(str(folder), environ=environ)
    context = Context(str(folder / "cache"), surroundings, str(folder), "linux-64", trusted=trusted)
    return WarmTask(identity, {"linux-64": Resolution("r", Target(Arch.LINUX_64, "3.11"), ())}, None, context)


def package(folder: Path) -> LockedPackage:
    file = folder / "native-2.0-h0_0.conda"
    file.write_bytes(b"content")
    md5 = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    sha256 = hashlib.sha256(b"content").hexdigest()
    return LockedPackage("native", "2.0", file.name, file.as_uri(), sha256=sha256, kind=Kind.CONDA, md5=md5)


def quiet(progress: Progress) -> None:
    del progress


def test_a_folder_has_what_it_was_offered_at_once(tmp_path: Path) -> None:
    root, one = tmp_path / "conda_env", package(tmp_path)
    datastore = extension_datastore_of(task(tmp_path, "local", str(root)))
    assert datastore is not None
    assert datastore.confirmed([one]) == frozenset()
    datastore.offer([one], quiet)
    assert datastore.confirmed([one]) == {one.url}
    path = one.url.removeprefix("file:///")
    place = root / "packages" / "conda" / path / one.filename / str(one.md5) / one.filename
    assert place.read_bytes() == b"content"
    # The extension moves files out of a local datastore: what is gone is put there again, and what a process that was
    # killed while it did so left behind is removed.
    place.unlink()
    left = root / ".mfenv-0123456789abcdef.tmp"
    left.touch()
    os.utime(left, (0, 0))
    datastore.offer([one], quiet)
    assert place.exists()
    assert [path.name for path in root.iterdir()] == ["packages"]


def test_an_environment_in_a_folder_is_found_by_its_request(tmp_path: Path) -> None:
    datastore = extension_datastore_of(task(tmp_path, "local", str(tmp_path / "conda_env")))
    assert datastore is not None
    datastore.record(ID, ENTRY)
    assert list(datastore.environments("linux-64", REQ)) == [(ID, ENTRY)]
    assert list(datastore.environments("osx-64", REQ)) == []
    alias = tmp_path / "conda_env" / "envs" / "aliases" / "full-id" / FULL
    assert json.loads(alias.read_text()) == [REQ, FULL]


@pytest.mark.parametrize(("kind", "scheme"), [("s3", "s3://"), ("azure", ""), ("gs", "gs://")])
def test_what_goes_to_a_bucket_is_queued_with_what_describes_it(tmp_path: Path, kind: str, scheme: str) -> None:
    root, one = f"{scheme or 'az://'}bucket/metaflow/conda_env", package(tmp_path)
    datastore = extension_datastore_of(task(tmp_path, kind, f"{scheme}bucket/metaflow/conda_env"))
    assert datastore is not None
    datastore.offer([one], quiet)
    datastore.record(ID, ENTRY)
    uploads = Uploads(mirror_folder(str(tmp_path / "cache")))
    waiting = {upload.key: upload for upload in uploads.waiting(root)}
    uploads.close()
    assert len(waiting) == 3
    assert msgspec.json.decode(waiting[f"envs/linux-64/{REQ}/{FULL}/env"].text) == ENTRY
    assert f"envs/aliases/full-id/{FULL}" in waiting
    assert datastore.confirmed([one]) == frozenset()


@pytest.mark.parametrize(
    ("kind", "root", "trusted", "is_used"),
    [
        ("s3", "s3://bucket/metaflow/conda_env", False, True),
        ("s3", "s3://stranger/conda_env", False, False),
        ("s3", "s3://stranger/conda_env", True, True),
        ("s3", None, True, False),
        ("s3", "gs://bucket/metaflow/conda_env", True, False),
        ("azure", "bucket/metaflow/conda_env", False, True),
        ("azure", "stranger/conda_env", False, False),
        ("gs", "gs://bucket/metaflow/conda_env", False, True),
    ],
)
def test_a_project_that_is_not_trusted_names_no_bucket(
    tmp_path: Path, kind: str, root: str | None, trusted: bool, is_used: bool
) -> None:
    assert (extension_datastore_of(task(tmp_path, kind, root, trusted=trusted)) is not None) == is_used
