"""What waits goes up, and is recorded once the bucket has confirmed it."""

import hashlib
from pathlib import Path

from mfenvd.store.sending import Sent
from mfenvd.store.uploads import Upload
from tests.store.mirrors import mirror_to, stored, upload_of
from tests.support.s3_server import Bucket


def test_what_waits_is_sent_and_recorded(team: Bucket, tmp_path: Path, root: str) -> None:
    seen: list[Upload] = []
    mirror = mirror_to(team.url, tmp_path, watch=seen.append)
    uploads = [upload_of(stored(tmp_path, name), root) for name in ("one", "two", "three")]
    assert mirror.uploads.add(uploads) == 0
    assert not mirror.uploads.is_mirrored(uploads[0])

    assert mirror.send() == Sent(3, 11)

    assert len(mirror.uploads) == 0
    assert all(map(mirror.uploads.is_mirrored, uploads))
    assert {upload.key for upload in seen} == {upload.key for upload in uploads}
    store = mirror.remotes[root].store()
    assert store.get_bytes("files.example/two.whl")[0] == b"two"
    mirror.uploads.add(uploads)
    assert mirror.send() == Sent()


def test_a_name_moves_on_and_what_never_changes_stays(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(team.url, tmp_path)

    def text(key: str, value: str, *, replace: bool) -> Upload:
        sha256 = hashlib.sha256(value.encode()).hexdigest()
        return Upload(root, key, sha256, len(value), text=value, replace=replace)

    for value in ("first", "second"):
        mirror.uploads.add([text("alias", value, replace=True), text("env", value, replace=False)])
        assert mirror.send().objects == 2
    store = mirror.remotes[root].store()
    assert store.get_bytes("alias")[0] == b"second"
    assert store.get_bytes("env")[0] == b"first"


def test_a_file_that_is_gone_waits_no_longer(team: Bucket, tmp_path: Path, root: str) -> None:
    mirror = mirror_to(team.url, tmp_path)
    mirror.uploads.add([Upload(root, "key", "0" * 64, 1, "gone.whl")])
    assert mirror.send() == Sent()
    assert len(mirror.uploads) == 0
