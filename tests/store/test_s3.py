"""S3 against moto's server over HTTP."""

import hashlib
import itertools
from pathlib import Path

import pytest

from mfenvd.store.object_errors import AlreadyThere, MissingObject, NoSuchBucket, Unreachable
from mfenvd.store.opening import Access
from mfenvd.store.pace import Pace
from mfenvd.store.s3 import S3Store
from mfenvd.store.s3_parts import PART, is_content, parts_of
from mfenvd.store.s3_session import S3Session
from tests.support.s3_server import BUCKET, Bucket

SIZES = {"empty": 0, "small": 1000, "a whole part": PART, "two parts": PART + 5, "three parts": 3 * PART}


def file_of(folder: Path, size: int, seed: int = 0) -> tuple[Path, str]:
    content = hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1)
    path = folder / f"{size}-{seed}"
    path.write_bytes(content[:size])
    return path, hashlib.sha256(content[:size]).hexdigest()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_file_comes_back_as_it_went(s3: S3Store, tmp_path: Path, size: int) -> None:
    path, sha256 = file_of(tmp_path, size)
    s3.put_file("files/a%20b.whl", path, sha256)

    info = s3.head("files/a%20b.whl")
    assert info is not None
    assert (info.size, info.sha256) == (size, sha256)
    assert s3.confirm("files/a%20b.whl", path, sha256)
    with (tmp_path / "copy").open("w+b") as copy:
        s3.get_file("files/a%20b.whl", copy)
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_what_is_there_is_not_replaced_unless_asked_for(s3: S3Store, tmp_path: Path, size: int) -> None:
    path, sha256 = file_of(tmp_path, size)
    other, other_sha256 = file_of(tmp_path, size + 1, seed=1)
    s3.put_file("key", path, sha256)
    with pytest.raises(AlreadyThere):
        s3.put_file("key", other, other_sha256)
    assert s3.confirm("key", path, sha256)
    s3.put_file("key", other, other_sha256, replace=True)
    assert s3.confirm("key", other, other_sha256)


def test_another_content_of_the_same_size_is_not_confirmed(s3: S3Store, tmp_path: Path) -> None:
    for size in (1000, PART + 5):
        path, sha256 = file_of(tmp_path, size)
        other, other_sha256 = file_of(tmp_path, size, seed=1)
        s3.put_file(f"key{size}", path, sha256)
        assert not s3.confirm(f"key{size}", other, other_sha256)
    assert not s3.confirm("nothing there", path, sha256)


def test_what_another_program_stored_is_confirmed_by_its_content(s3: S3Store, team: Bucket, tmp_path: Path) -> None:
    path, sha256 = file_of(tmp_path, PART + 5)
    team.put(f"{s3.url.removeprefix(f's3://{BUCKET}/')}/theirs", path.read_bytes())
    assert s3.confirm("theirs", path, sha256)


def test_small_objects_are_replaced_only_as_they_were_seen(s3: S3Store) -> None:
    first = s3.put_bytes("lease", b"one")
    with pytest.raises(AlreadyThere):
        s3.put_bytes("lease", b"two")
    second = s3.put_bytes("lease", b"two", replace=first)
    with pytest.raises(AlreadyThere):
        s3.put_bytes("lease", b"three", replace=first)
    content, info = s3.get_bytes("lease")
    assert (content, info.etag, info.sha256) == (b"two", second, hashlib.sha256(b"two").hexdigest())
    s3.put_bytes("lease", b"four", replace=True)
    s3.delete("lease")
    s3.delete("lease")
    with pytest.raises(AlreadyThere):
        s3.put_bytes("lease", b"five", replace=second)
    with pytest.raises(MissingObject):
        s3.get_bytes("lease")
    assert s3.head("lease") is None


def test_a_listing_is_complete_and_in_order(s3: S3Store) -> None:
    for name in ("b/2", "a/1", "b/1", "c"):
        s3.put_bytes(name, name.encode())
    assert [info.key for info in s3.list()] == ["a/1", "b/1", "b/2", "c"]
    assert [(info.key, info.size) for info in s3.list("b/")] == [("b/1", 3), ("b/2", 3)]


def test_a_bucket_that_does_not_exist_is_told_as_such(team: Bucket) -> None:
    nowhere = S3Store("nowhere", "", Access(team.url), Pace())
    with pytest.raises(NoSuchBucket):
        list(nowhere.list())
    with pytest.raises(NoSuchBucket):
        nowhere.put_bytes("key", b"")


def test_a_server_that_is_not_there_does_not_answer(team: Bucket) -> None:
    with pytest.raises(Unreachable) as caught:
        S3Store(BUCKET, "", Access("http://127.0.0.1:1"), Pace()).head("key")
    assert caught.value.passes


def test_a_limit_for_the_bandwidth_changes_no_byte(s3: S3Store, team: Bucket, tmp_path: Path) -> None:
    slow = S3Store(BUCKET, "slow", Access(team.url), Pace(32 * 1024 * 1024))
    path, sha256 = file_of(tmp_path, PART + 5)
    slow.put_file("key", path, sha256)
    assert slow.confirm("key", path, sha256)
    with (tmp_path / "copy").open("w+b") as copy:
        slow.get_file("key", copy)
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_parts_cover_every_byte_once() -> None:
    for size in (1, PART, PART + 1, 10_000 * PART, 10_000 * PART + 1, 5 * 2**40):
        parts = list(parts_of(size))
        assert len(parts) <= 10_000
        assert [part.number for part in parts] == list(range(1, len(parts) + 1))
        assert sum(part.size for part in parts) == size
        assert all(before.offset + before.size == after.offset for before, after in itertools.pairwise(parts))


def test_a_checksum_of_other_parts_decides_nothing(tmp_path: Path) -> None:
    path, sha256 = file_of(tmp_path, PART + 5)
    assert is_content(path, sha256, "b3RoZXI=-7") is None
    small, small_sha256 = file_of(tmp_path, 10)
    assert is_content(small, small_sha256, "b3RoZXI=") is False


def test_bodies_are_signed_again_only_where_the_users_configuration_says_so(
    team: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    signed = []
    for text in ("[default]\n", "[default]\ns3 =\n  payload_signing_enabled = true\n"):
        config.write_text(text)
        session = S3Session(Access(team.url))
        session.client().meta.events.register_last(
            "before-send.s3", lambda request, **_: signed.append(request.headers["X-Amz-Content-SHA256"])
        )
        session.client().put_object(Bucket=BUCKET, Key="signed", Body=b"one")
        session.close()
    assert signed == [b"UNSIGNED-PAYLOAD", hashlib.sha256(b"one").hexdigest().encode()]
