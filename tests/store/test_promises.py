"""The promises of a good cache mirror, one test each, against a server over HTTP with faults in between."""

import os
import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from mfenvd.domain.resolution import LockedPackage
from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.errors import StoreUnwritable
from mfenvd.store.mirror import Mirror
from mfenvd.store.object_errors import CredentialsExpired, ReadOnly, Refused, SlowDown, Unreachable
from mfenvd.store.receiving import Place
from mfenvd.store.s3_parts import PART
from mfenvd.store.sending import Sent
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import mirror_to, package_of, stored, upload_of
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.s3_server import BUCKET, Bucket


def archives(cache: Path) -> ArchiveStore:
    return ArchiveStore(store_folder(str(cache)))


class Index:
    """Gives every package its name, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, package: LockedPackage, file: BinaryIO) -> None:
        self.asked.append(package.name)
        file.write(package.name.encode())


def fetched(mirror: Mirror, cache: Path, root: str, package: LockedPackage, index: Index) -> bytes:
    """The package's file, taken from the bucket if it is there."""
    place = Place(root, f"files.example/{package.filename}")

    def download(package: LockedPackage, file: BinaryIO) -> str | None:
        if mirror.receiver.receive(package, place, file):
            return package.sha256
        index(package, file)
        return None

    return archives(cache).fetch(package, download).read_bytes()


def key_in_bucket(root: str, package: LockedPackage) -> str:
    return f"{root.removeprefix(f's3://{BUCKET}/')}/files.example/{package.filename}"


def test_01_hash_is_checked_before_first_use_from_any_tier(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror, index = mirror_to(team.url, tmp_path), Index()
    package = stored(tmp_path, "numpy")
    mirror.uploads.add([upload_of(package, root)])
    mirror.send()
    path = archives(tmp_path).get(package.sha256 or "", package.filename)
    assert path is not None

    path.write_bytes(b"Numpy")
    assert fetched(mirror, tmp_path, root, package, index) == b"numpy"  # from the bucket
    assert index.asked == []

    path.write_bytes(b"Numpy")
    team.put(key_in_bucket(root, package), b"nUmpy")
    assert fetched(mirror, tmp_path, root, package, index) == b"numpy"  # from the index
    assert index.asked == ["numpy"]
    aside = {file.read_bytes() for file in (store_folder(str(tmp_path)) / "quarantine").iterdir()}
    assert {b"Numpy", b"nUmpy"} <= aside

    mirror.uploads.add([upload_of(package, root)])
    assert mirror.send() == Sent(1, 5)
    assert team.get(key_in_bucket(root, package)) == b"numpy"


def test_03_no_partial_object_is_ever_visible(team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    large = stored(tmp_path, "large", b"x" * (PART + 5))
    small = stored(tmp_path, "small", b"y" * 100_000)
    mirror.uploads.add([upload_of(large, root, PART + 5), upload_of(small, root, 100_000)])
    proxy.faults = [
        Fault("PUT", "large.whl?uploadId", times=-1, cut_request=PART // 2),
        Fault("PUT", "large.whl?partNumber=2", times=-1, cut_request=3),
        Fault("PUT", "small.whl", times=-1, cut_request=50_000),
    ]
    sent = mirror.send()
    assert sent.objects == 0
    assert isinstance(sent.problems[root], Unreachable)
    assert team.keys(key_in_bucket(root, large)) == []
    assert team.keys(key_in_bucket(root, small)) == []

    proxy.faults = []
    mirror.remotes[root].worked(written=True)
    assert mirror.send().objects == 2
    assert team.get(key_in_bucket(root, large)) == b"x" * (PART + 5)


def test_04_mirrored_is_recorded_only_after_the_bucket_confirms(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str
) -> None:
    upload = upload_of(stored(tmp_path, "numpy"), root)
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add([upload])
    proxy.faults = [Fault("PUT", times=-1, status=500, code="InternalError")]
    assert isinstance(mirror.send().problems[root], Unreachable)
    assert not mirror.uploads.is_mirrored(upload)
    mirror.close()

    restarted = mirror_to(proxy.url, tmp_path)
    proxy.faults = [Fault("HEAD", times=-1, status=500)]  # sent, but nobody knows
    assert restarted.send().objects == 0
    assert not restarted.uploads.is_mirrored(upload)
    assert list(restarted.uploads.waiting()) == [upload]
    restarted.close()

    proxy.faults = []
    again = mirror_to(proxy.url, tmp_path)
    assert again.send().objects == 1
    assert again.uploads.is_mirrored(upload)


def test_05_a_missing_remote_object_heals(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(team.url, tmp_path)
    packages = [stored(tmp_path, name) for name in ("one", "two", "three")]
    mirror.uploads.add([upload_of(package, root) for package in packages])
    mirror.send()
    team.delete(key_in_bucket(root, packages[0]))
    team.put(key_in_bucket(root, packages[1]), b"cut")  # as long as it was: only its hash tells
    team.put(key_in_bucket(root, packages[2]), b"th")

    assert {upload.filename for upload in mirror.reconcile(root).lost} == {"one.whl", "three.whl"}
    assert mirror.send().objects == 2
    assert [upload.filename for upload in mirror.verify(root).lost] == ["two.whl"]
    assert mirror.send().objects == 1
    assert [team.get(key_in_bucket(root, package)) for package in packages] == [b"one", b"two", b"three"]
    verified = mirror.verify(root)
    assert (verified.objects, verified.lost) == (3, ())


def test_05_verifying_mends_this_machine_too(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(team.url, tmp_path)
    package = stored(tmp_path, "numpy")
    mirror.uploads.add([upload_of(package, root)])
    mirror.send()
    path = archives(tmp_path).get(package.sha256 or "", package.filename)
    assert path is not None
    path.write_bytes(b"Numpy")
    assert [upload.filename for upload in mirror.verify(root).mended] == ["numpy.whl"]
    assert path.read_bytes() == b"numpy"


def test_06_two_machines_race_safely(team: Bucket, tmp_path: Path, root: str) -> None:
    names = [f"package-{number}" for number in range(20)]
    machines = []
    for machine in ("one", "two"):
        cache = tmp_path / machine
        mirror = mirror_to(team.url, cache)
        mirror.uploads.add([upload_of(stored(cache, name), root) for name in names])
        machines.append(mirror)
    sent: list[Sent] = []
    threads = [threading.Thread(target=lambda mirror=mirror: sent.append(mirror.send())) for mirror in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [came.objects for came in sent] == [20, 20]
    assert {team.get(key_in_bucket(root, package_of(name))) for name in names} == {name.encode() for name in names}


@pytest.mark.parametrize("answer", [(412, "PreconditionFailed"), (409, "ConditionalRequestConflict")])
def test_06_a_writer_that_loses_a_race_finds_what_the_other_one_stored(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str, answer: tuple[int, str]
) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    package = stored(tmp_path, "numpy")
    mirror.uploads.add([upload_of(package, root)])
    # The server has stored it, for somebody else as it were.
    proxy.faults = [Fault("PUT", status=answer[0], code=answer[1], after=True)]
    assert mirror.send() == Sent(1, 5)
    assert team.get(key_in_bucket(root, package)) == b"numpy"


def test_07_local_success_decides(proxy: FaultProxy, tmp_path: Path, root: str) -> None:
    mirror, index = mirror_to(proxy.url, tmp_path), Index()
    proxy.down = True
    assert fetched(mirror, tmp_path, root, package_of("numpy"), index) == b"numpy"
    asked = len(proxy.requests)
    assert fetched(mirror, tmp_path, root, package_of("pandas"), index) == b"pandas"
    assert index.asked == ["numpy", "pandas"]
    assert len(proxy.requests) == asked  # the bucket is left alone meanwhile


def test_08_expired_credentials_degrade_and_recover_without_a_restart(
    proxy: FaultProxy, tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))

    def write(key: str) -> None:
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n")

    write("old")
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add([upload_of(stored(tmp_path, name), root) for name in ("one", "two")])
    proxy.faults = [Fault("PUT", times=-1, status=400, code="ExpiredToken")]
    sent = mirror.send()
    assert isinstance(sent.problems[root], CredentialsExpired)
    assert "secret" not in str(sent.problems[root])
    assert len(mirror.uploads) == 2

    write("new")
    proxy.faults = [Fault("PUT", times=1, status=400, code="ExpiredToken")]  # of the old ones
    mirror.remotes[root].worked(written=True)
    assert mirror.send().objects == 2


def test_08_without_any_credentials_it_says_so(
    proxy: FaultProxy, tmp_path: Path, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add([upload_of(stored(tmp_path, "one"), root)])
    assert isinstance(mirror.send().problems[root], Refused)


def test_09_a_read_only_bucket_is_detected_and_said(team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str) -> None:
    mirror, index = mirror_to(proxy.url, tmp_path), Index()
    mirror.uploads.add([upload_of(stored(tmp_path, "numpy"), root)])
    team.put(key_in_bucket(root, package_of("pandas")), b"pandas")
    proxy.faults = [Fault("PUT", times=-1, status=403, code="AccessDenied")]
    assert isinstance(mirror.send().problems[root], ReadOnly)
    assert not mirror.remotes[root].is_writable
    assert fetched(mirror, tmp_path, root, package_of("pandas"), index) == b"pandas"
    assert index.asked == []
    assert isinstance(mirror.remotes[root].read_only, ReadOnly)


def test_09_what_a_read_only_bucket_has_is_confirmed(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str
) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    there, other, missing = (stored(tmp_path, name) for name in ("there", "other", "missing"))
    mirror.uploads.add([upload_of(package, root) for package in (there, other, missing)])
    team.put(key_in_bucket(root, there), b"there")
    team.put(key_in_bucket(root, other), b"OTHER")
    proxy.faults = [Fault("PUT", times=-1, status=403, code="AccessDenied")]
    sent = mirror.send()
    assert (sent.objects, type(sent.problems[root])) == (1, ReadOnly)
    assert [upload.filename for upload in mirror.uploads.mirrored()] == ["there.whl"]
    assert {upload.filename for upload in mirror.uploads.waiting()} == {"other.whl", "missing.whl"}

    # They are not asked about again until writing is worth a try again.
    asked = len(proxy.requests)
    mirror.send()
    assert len(proxy.requests) == asked
    mirror.remotes[root].worked(written=True)
    proxy.faults = []
    assert mirror.send().objects == 2
    assert mirror.remotes[root].read_only is None


def test_09_where_nothing_may_be_sent_nothing_waits_and_what_is_there_is_confirmed(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str
) -> None:
    mirror = mirror_to(proxy.url, tmp_path, writes=False)
    there, missing = (stored(tmp_path, name) for name in ("there", "missing"))
    mirror.uploads.add([upload_of(package, root) for package in (there, missing)])
    team.put(key_in_bucket(root, there), b"there")
    sent = mirror.send()
    assert (sent.objects, sent.problems, len(mirror.uploads)) == (1, {}, 0)
    assert mirror.uploads.is_mirrored(upload_of(there, root))
    assert {request.split()[0] for request in proxy.requests} <= {"HEAD", "GET"}


def test_10_a_slow_remote_is_benched_and_tried_again(proxy: FaultProxy, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add([upload_of(stored(tmp_path, f"package-{number}"), root) for number in range(40)])
    proxy.faults = [Fault("PUT", times=-1, status=503, code="SlowDown")]
    sent = mirror.send()
    assert isinstance(sent.problems[root], SlowDown)
    assert isinstance(mirror.remotes[root].problem, SlowDown)
    # botocore makes three attempts of each that was under way; the others were not even tried.
    assert len(proxy.requests) < 3 * 40
    proxy.faults = []
    while len(mirror.uploads):
        time.sleep(mirror.pause or 0)
        mirror.send()
    assert len(list(mirror.uploads.mirrored(root))) == 40


def test_11_a_corrupt_entry_never_fails_a_run(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror, index = mirror_to(team.url, tmp_path), Index()
    package = package_of("numpy")
    for content in (b"", b"n", b"numpy and more", b"Numpy"):
        team.put(key_in_bucket(root, package), content)
        assert fetched(mirror, tmp_path, root, package, index) == b"numpy"
        path = archives(tmp_path).get(package.sha256 or "", package.filename)
        assert path is not None
        path.unlink()
    assert index.asked == ["numpy"] * 4


def test_11_an_answer_that_breaks_off_or_is_altered_on_its_way_is_not_used(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str
) -> None:
    mirror, index = mirror_to(proxy.url, tmp_path), Index()
    package = package_of("numpy")
    team.put(key_in_bucket(root, package), b"numpy")
    proxy.faults = [Fault("GET", cut_answer=2), Fault("GET", drip=0.01)]
    assert fetched(mirror, tmp_path, root, package, index) == b"numpy"
    assert index.asked == []  # asked the bucket once more
    other = package_of("pandas")
    team.put(key_in_bucket(root, other), b"pandas")
    proxy.faults = [Fault("GET", flip=True)]
    assert fetched(mirror, tmp_path, root, other, index) == b"pandas"
    assert index.asked == ["pandas"]


def test_12_the_queue_is_bounded_and_survives_a_restart(tmp_path: Path) -> None:
    queue = Uploads(tmp_path, most=10_000)
    uploads = [upload_of(package_of(f"package-{number}"), "s3://team/x") for number in range(10_003)]
    assert queue.add(uploads) == 3
    assert queue.add(uploads[:5]) == 0  # these are known
    queue.close()
    assert [upload.key for upload in Uploads(tmp_path).waiting()] == [upload.key for upload in uploads[:10_000]]


def test_13_what_was_stored_while_offline_still_reaches_the_bucket(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str
) -> None:
    proxy.down = True
    mirror = mirror_to(proxy.url, tmp_path)
    packages = [stored(tmp_path, name) for name in ("one", "two")]
    mirror.uploads.add([upload_of(package, root) for package in packages])
    assert mirror.send().objects == 0
    mirror.close()
    proxy.down = False
    assert mirror_to(proxy.url, tmp_path).send().objects == 2
    assert [team.get(key_in_bucket(root, package)) for package in packages] == [b"one", b"two"]


def test_14_collecting_never_takes_what_waits_for_its_upload(tmp_path: Path, root: str) -> None:
    waiting, idle = stored(tmp_path, "waiting"), stored(tmp_path, "idle")
    Uploads(mirror_folder(str(tmp_path))).add([upload_of(waiting, root)])
    needed = Uploads(mirror_folder(str(tmp_path))).needed()
    assert needed == {waiting.sha256}
    archives(tmp_path).trim(0, needed)
    assert archives(tmp_path).has(idle)  # some process may be at it
    for package in (waiting, idle):
        path = archives(tmp_path).get(package.sha256 or "", package.filename)
        assert path is not None
        os.utime(path.parent, (1_000_000, 1_000_000))
    archives(tmp_path).trim(10**6, needed)
    assert archives(tmp_path).has(idle)
    assert archives(tmp_path).trim(10**6, needed, max_age=7 * 24 * 3600).files == 1
    assert archives(tmp_path).has(waiting)
    assert not archives(tmp_path).has(idle)


def test_15_poisoning_is_contained(team: Bucket, tmp_path: Path, root: str) -> None:
    """Whoever writes into the bucket, its own hash beside it, gets nothing into an environment."""
    mirror, index = mirror_to(team.url, tmp_path), Index()
    package = package_of("numpy")
    team.put(key_in_bucket(root, package), b"trojan", {"sha256": package.sha256 or ""})
    assert fetched(mirror, tmp_path, root, package, index) == b"numpy"
    mirror.uploads.add([upload_of(package, root)])
    assert mirror.send().objects == 1
    assert team.get(key_in_bucket(root, package)) == b"numpy"


def test_15_what_has_no_known_hash_is_not_taken_from_a_bucket(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror, index = mirror_to(team.url, tmp_path), Index()
    unknown = LockedPackage("numpy", "1", "numpy.whl", "https://files.example/numpy.whl")
    team.put(key_in_bucket(root, unknown), b"trojan")
    assert fetched(mirror, tmp_path, root, unknown, index) == b"numpy"


def test_16_no_pickle_is_in_the_queue(tmp_path: Path) -> None:
    import pickle
    import sqlite3

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("a pickle was loaded",)

    queue = Uploads(tmp_path)
    queue.add([upload_of(package_of("numpy"), "s3://team/x")])
    queue.close()
    with sqlite3.connect(tmp_path / "waiting" / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(Bomb()),))
    database.close()
    assert list(Uploads(tmp_path).waiting()) == []


def test_a_queue_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable):
        Uploads(tmp_path / "file").add([upload_of(package_of("numpy"), "s3://team/x")])
