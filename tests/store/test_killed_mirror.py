"""Killed at any instant, the next start goes on, and nobody ever sees half an object (promises 2, 3 and 12)."""

import hashlib
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from mfenvd.store.archives import ArchiveStore, store_folder
from mfenvd.store.s3_parts import PART
from mfenvd.store.uploads import Upload, Uploads, mirror_folder
from tests.store.mirror_processes import receive, send
from tests.store.mirrors import stored, upload_of
from tests.support.s3_server import BUCKET, Bucket


def killed(work: object, *args: str, after: float) -> bool:
    """Whether `work`, in a process of its own, was killed `after` seconds before it had ended."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=work, args=(*args, ready))  # type: ignore[arg-type]
    process.start()
    assert ready.wait(120)
    time.sleep(after)
    ended = process.exitcode is not None
    if not ended:
        os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return not ended


def visible(team: Bucket, prefix: str, wanted: dict[str, str]) -> int:
    """How many objects there are, each of which is whole."""
    keys = team.keys(prefix)
    for key in keys:
        assert hashlib.sha256(team.get(key)).hexdigest() == wanted[key.removeprefix(f"{prefix}/")], key
    return len(keys)


def check(team: Bucket, cache: Path, root: str, sizes: tuple[int, int, float]) -> None:
    """`sizes`: so many objects, so many kills each way, so many seconds at most before one."""
    objects, kills, longest = sizes
    prefix = root.removeprefix(f"s3://{BUCKET}/")
    uploads = prepared(cache, root, objects)
    wanted = {upload.key: upload.sha256 for upload in uploads}
    moments = [random.Random(number).uniform(0, longest) for number in range(2 * kills)]  # noqa: S311 - the same each time
    Uploads(mirror_folder(str(cache))).add(uploads)

    hits = sum(killed(send, team.url, str(cache), root, after=after) for after in moments[:kills])
    assert hits > 0
    assert visible(team, prefix, wanted) <= objects
    send(team.url, str(cache), root)
    assert visible(team, prefix, wanted) == objects
    queue = Uploads(mirror_folder(str(cache)))
    assert len(queue) == 0
    assert {upload.key for upload in queue.mirrored(root)} == set(wanted)

    other = cache / "other"
    for after in moments[kills:]:
        killed(receive, team.url, str(other), root, str(cache), after=after)
    receive(team.url, str(other), root, str(cache))
    here = ArchiveStore(store_folder(str(other)))
    assert all(here.get(upload.sha256, upload.filename) for upload in uploads)
    assert not (store_folder(str(other)) / "quarantine").exists()


def prepared(cache: Path, root: str, objects: int) -> list[Upload]:
    """Uploads of small files, and of one in parts."""
    uploads = []
    for number in range(objects):
        content = b"large" * (PART // 4) if number == objects // 2 else f"package {number}".encode() * (number % 50 + 1)
        uploads.append(upload_of(stored(cache, f"package-{number}", content), root, len(content)))
    return uploads


def test_02_killed_while_it_syncs_the_next_start_goes_on(team: Bucket, tmp_path: Path, root: str) -> None:
    check(team, tmp_path, root, (40, 1, 0.2))


@pytest.mark.soak
def test_02_killed_at_100_points_while_it_syncs_2000_objects(team: Bucket, tmp_path: Path, root: str) -> None:
    check(team, tmp_path, root, (2000, 50, 1.5))
