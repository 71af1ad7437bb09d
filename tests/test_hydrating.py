"""What the bucket itself says of an environment, as metaflow-netflixext keeps it there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.domain.alias import parse_alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.layouts import environment_key, package_key
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.request import Kind
from mfenvd.hydrating import described_by_core, described_in_bucket, forget_hydrated, hydrate
from mfenvd.warm.lines import NotAnEntryError
from mfenvd.warm.marker import Marker, write_marker
from mfenvd.warm.plan import NotMadeError
from tests.store.mirrors import stored
from tests.support.conda_archives import Member, conda_archive
from tests.support.s3_server import BUCKET
from tests.support.s3_server import Bucket as Server
from tests.support.s3_server import bucket as serving

REQ, FULL, ID = "a" * 40, "b" * 40, "0123456789abcde"
ROOT = "metaflow/conda_env"
PYTHON = "https://conda.example/forge/linux-64/python-3.11.7-h0_0.conda"
DEMO = "https://files.example/d/demo-1.0-py3-none-any.whl"
PACKAGES = [
    {"_type": "conda", "filename": "python-3.11.7-h0_0", "url": PYTHON, "url_format": ".conda",
     "hashes": {".conda": "c" * 32}},
    {"_type": "pypi", "filename": "demo-1.0-py3-none-any", "url": DEMO, "url_format": ".whl",
     "hashes": {".whl": "d" * 64}},
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        for key, content in {
            "envs/aliases/generic/team/env/v1": [REQ, FULL],
            f"envs/aliases/full-id/{FULL}": [REQ, FULL],
            f"envs/linux-64/{REQ}/{FULL}/env": {"packages": PACKAGES},
            "envs/aliases/generic/team/broken/v1": "nonsense",
            "envs/aliases/generic/team/upwards/v1": [REQ, "../../../home"],
            "envs/aliases/generic/team/other-form/v1": [REQ, "9" * 40],
            environment_key("linux-64", REQ, "9" * 40): {"packages": [{"url": DEMO}]},
        }.items():
            one.put(f"{ROOT}/{key}", json.dumps(content).encode())
        yield one


@pytest.fixture
def bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return Bucket(f"s3://{BUCKET}/{ROOT}", server.url)


@pytest.mark.parametrize("name", ["team/env:v1", f"{REQ}:{FULL}", FULL])
def test_an_alias_and_ids_lead_to_the_environment_and_its_packages(bucket: Bucket, name: str) -> None:
    found = described_in_bucket(parse_alias(name), Arch.LINUX_64, bucket)
    assert found is not None
    assert found.id == f"{REQ}:{FULL}"
    assert [package.name for package in found.environment.conda.packages] == ["python"]
    assert found.environment.wheels is not None
    assert [package.sha256 for package in found.environment.wheels.packages] == ["d" * 64]
    assert found.keys[DEMO].startswith("packages/pypi/files.example/")


def test_what_is_not_there_is_none_and_what_is_nonsense_is_said(bucket: Bucket) -> None:
    assert described_in_bucket(parse_alias("team/other:v1"), Arch.LINUX_64, bucket) is None
    assert described_in_bucket(parse_alias("team/env:v1"), Arch.OSX_ARM64, bucket) is None
    for name in ("team/broken:v1", "team/upwards:v1", "team/other-form:v1"):
        with pytest.raises(NotAnEntryError, match=name):
            described_in_bucket(parse_alias(name), Arch.LINUX_64, bucket)


def test_an_id_of_a_manifest_leads_out_of_no_folder(bucket: Bucket) -> None:
    content = {"../../home": {"linux-64": {"conda": [{"url": PYTHON}]}}}
    with pytest.raises(NotAnEntryError, match="home"):
        described_by_core(content, "../../home", Arch.LINUX_64, bucket)


def test_a_package_that_the_bucket_does_not_have_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    lines = {"conda": [{"url": PYTHON}], "pypi": [{"url": DEMO, "path": "files.example/d/demo.whl"}]}
    content = {ID: {"linux-64": lines}}
    described = described_by_core(content, ID, Arch.LINUX_64, bucket)
    assert described is not None
    assert described.keys[DEMO] == "files.example/d/demo.whl"
    with pytest.raises(NotMadeError) as caught:
        hydrate(described, tmp_path, lambda _: None, trusted=False)
    assert caught.value.finding.code == Code.NOT_DOWNLOADED
    assert not list(tmp_path.glob("linux-64/*"))
    assert described_by_core(content, ID, Arch.OSX_64, bucket) is None


def test_an_environment_of_the_extension_is_made_of_the_bucket_alone(
    server: Server, bucket: Bucket, tmp_path: Path
) -> None:
    says_its_home = Member(b'#!/bin/sh\ncd "${0%/bin/*}" && pwd\n', executable=True)
    archive = conda_archive("python", "3.11.7", {"bin/python": says_its_home})
    stem, url = archive.filename.removesuffix(".conda"), f"https://nowhere.example/noarch/{archive.filename}"
    md5 = archive.record["md5"]
    entry = {
        "_type": "conda", "filename": stem, "url": url, "url_format": ".conda", "hashes": {".conda": md5},
    }  # fmt: skip
    server.put(f"{ROOT}/{environment_key('linux-64', REQ, 'e' * 40)}", json.dumps({"packages": [entry]}).encode())
    server.put(f"{ROOT}/{package_key(Kind.CONDA, url, archive.filename, md5)}", archive.content)
    described = described_in_bucket(parse_alias(f"{REQ}:{'e' * 40}"), Arch.LINUX_64, bucket)
    assert described is not None
    prefix = hydrate(described, tmp_path, lambda _: None, trusted=False)
    assert prefix.joinpath("bin", "python").read_bytes() == says_its_home.content
    assert hydrate(described, tmp_path, lambda _: None, trusted=False) == prefix

    server.put(f"{ROOT}/{package_key(Kind.CONDA, url, archive.filename, md5)}", b"something else")
    with pytest.raises(NotMadeError):
        hydrate(described, tmp_path / "another", lambda _: None, trusted=False)


def test_what_nobody_uses_is_forgotten_and_so_is_what_it_was_made_of(tmp_path: Path) -> None:
    for id_, made in (("old", 1_000_000.0), ("new", time.time())):
        prefix = tmp_path / "linux-64" / id_
        (prefix / "bin").mkdir(parents=True)
        write_marker(prefix, Marker(id_, "linux-64", "", made, ""))
        os.utime(prefix / ".mfenv.json", (made, made))
    stored(tmp_path, "numpy")
    (path,) = tmp_path.glob("store/archives/*/*/numpy.whl")
    day_ago = time.time() - 24 * 3600
    assert forget_hydrated(tmp_path, day_ago) == (str(tmp_path / "linux-64" / "old"),)
    assert path.exists()  # used just now
    os.utime(path.parent, (1_000_000, 1_000_000))
    assert forget_hydrated(tmp_path, time.time() + 1) == (str(tmp_path / "linux-64" / "new"),)
    assert not path.exists()
