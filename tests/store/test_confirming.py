"""Many objects are confirmed by one look into their bucket; what it does not show is asked about, one by one."""

from pathlib import Path

from mfenvd.store.confirming import Stored, listed
from mfenvd.store.object_errors import Unreachable
from mfenvd.store.s3 import S3Store
from mfenvd.store.sending import Sent
from mfenvd.store.uploads import Upload
from tests.store.mirrors import mirror_to, stored, upload_of
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.s3_server import Bucket

NAMES = [f"package-{number:02}" for number in range(12)]


def uploads_of(cache: Path, root: str) -> list[Upload]:
    return [upload_of(stored(cache, name), root) for name in NAMES]


def asked(proxy: FaultProxy, method: str) -> int:
    return sum(request.startswith(method) for request in proxy.requests)


def test_one_look_confirms_all_that_was_stored(team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add(uploads_of(tmp_path, root))
    assert mirror.send().objects == len(NAMES)
    assert (asked(proxy, "PUT"), asked(proxy, "GET"), asked(proxy, "HEAD")) == (len(NAMES), 1, 0)
    assert mirror.verify(root).lost == ()


def test_what_somebody_replaced_meanwhile_is_not_confirmed(s3: S3Store, tmp_path: Path) -> None:
    batch = []
    for upload in uploads_of(tmp_path, s3.url):
        path = tmp_path / upload.filename
        path.write_bytes(upload.filename.removesuffix(".whl").encode())
        batch.append(Stored(upload, s3.put_file(upload.key, path, upload.sha256) or ""))
    s3.put_bytes(batch[3].upload.key, b"PACKAGE-03", replace=True)  # as long as it was
    s3.delete(batch[5].upload.key)
    right = {each.upload.key for each in batch} - {batch[3].upload.key, batch[5].upload.key}
    assert listed(s3, batch) == right


def test_a_bucket_full_of_other_objects_is_not_listed_to_its_end(s3: S3Store, tmp_path: Path) -> None:
    def batch(etag: str) -> list[Stored]:
        return [Stored(Upload(s3.url, key, "0" * 64, 1), etag) for key in ("a.whl", "z.whl")]

    etag = ""
    for key in ("a.whl", "z.whl", *(f"m{number}" for number in range(10))):
        etag = s3.put_bytes(key, b"x")
    assert listed(s3, batch(etag)) == {"a.whl"}
    assert listed(s3, batch(etag)[1:]) == {"z.whl"}


def test_where_listing_is_not_allowed_each_object_is_asked_about(
    team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str
) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add(uploads_of(tmp_path, root))
    proxy.faults = [Fault("GET", "list-type", times=-1, status=403, code="AccessDenied")]
    assert mirror.send().objects == len(NAMES)
    assert asked(proxy, "HEAD") == len(NAMES)


def test_what_nobody_could_confirm_is_not_recorded(team: Bucket, proxy: FaultProxy, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(proxy.url, tmp_path)
    mirror.uploads.add(uploads_of(tmp_path, root))
    proxy.faults = [Fault("GET", times=-1, status=500), Fault("HEAD", times=-1, status=500)]
    sent = mirror.send()
    assert (sent.objects, type(sent.problems[root])) == (0, Unreachable)
    assert (len(mirror.uploads), list(mirror.uploads.mirrored())) == (len(NAMES), [])

    proxy.faults = []
    mirror.remotes[root].worked(written=True)
    assert mirror.send() == Sent(len(NAMES), sum(map(len, NAMES)))
