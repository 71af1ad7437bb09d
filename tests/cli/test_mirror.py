"""`mfenv mirror`, over a daemon that only speaks the contract."""

from __future__ import annotations

import msgspec

from mfenvd.domain.mirror import BucketStatus, Health, MirrorStatus
from tests.cli.conftest import Run
from tests.support.fake_daemon import FakeDaemon

MIRROR = MirrorStatus(
    (
        BucketStatus(
            "s3://team/conda",
            objects=3,
            bytes=3 * 2**20,
            here=5,
            here_bytes=4 * 2**20,
            waiting=2,
            waiting_bytes=2**20,
            rate=2**19,
        ),
        BucketStatus("s3://other/conda", "http://s3.example", Health.UNREACHABLE, "It does not answer.", 1.0),
    )
)


def show(daemon: FakeDaemon, mirror: MirrorStatus) -> None:
    daemon.status = msgspec.structs.replace(daemon.status, mirror=mirror)


def test_each_bucket_is_shown_with_what_it_has_what_waits_and_what_is_wrong(daemon: FakeDaemon, mfenv: Run) -> None:
    show(daemon, MIRROR)
    shown = mfenv("mirror", "status")
    assert shown.code == 0
    for text in (
        "s3://team/conda: ok", "3 packages, 3.0 MiB", "5 packages, 4.0 MiB", "2 packages, 1.0 MiB, 0.5 MiB/s",
        "s3://other/conda at http://s3.example: unreachable", "It does not answer.",
    ):  # fmt: skip
        assert text in shown.out
    assert msgspec.json.decode(mfenv("mirror", "status", "--json").out, type=MirrorStatus) == MIRROR


def test_without_a_bucket_that_is_said(daemon: FakeDaemon, mfenv: Run) -> None:
    show(daemon, MirrorStatus())
    assert "No bucket was needed" in mfenv("mirror", "status").out


def test_it_is_paused_and_goes_on(daemon: FakeDaemon, mfenv: Run) -> None:
    assert "paused" in mfenv("mirror", "pause").out
    assert daemon.status.mirror.paused
    assert "paused" not in mfenv("mirror", "resume").out
    assert not daemon.status.mirror.paused
