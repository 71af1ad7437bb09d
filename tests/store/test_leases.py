"""A team does not do the same work twice at one moment; and nothing ever depends on it."""

from pathlib import Path

import pytest

from mfenvd.store.leases import DURATION, LONGEST_WAIT, PREFIX, Leases
from mfenvd.store.opening import Access
from mfenvd.store.pace import Pace
from mfenvd.store.s3 import S3Store
from tests.support.fault_proxy import Fault, FaultProxy
from tests.support.s3_server import BUCKET


class Clock:
    """Stands still unless somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_one_workstation_at_a_time_has_a_lease(s3: S3Store, clock: Clock) -> None:
    one, two = Leases(s3, clock), Leases(s3, clock)
    assert one.take("work")
    assert one.take("work")
    assert not two.take("work")
    assert two.take("other work")
    one.give_back("work")
    assert two.take("work")


def test_who_was_killed_keeps_nobody_from_the_work_for_long(s3: S3Store, clock: Clock) -> None:
    assert Leases(s3, clock).take("work")
    clock.now += DURATION + 1
    assert Leases(s3, clock).take("work")


def test_a_clock_that_is_wrong_keeps_nobody_from_the_work(s3: S3Store, clock: Clock) -> None:
    ahead = Clock()
    ahead.now += 365 * 24 * 3600
    assert Leases(s3, ahead).take("work")
    assert Leases(s3, clock).take("work")


def test_only_who_has_a_lease_gives_it_back(s3: S3Store, clock: Clock) -> None:
    one, two = Leases(s3, clock), Leases(s3, clock)
    assert one.take("work")
    two.give_back("work")
    two.give_back("nothing")
    assert not two.take("work")


def test_waiting_ends_with_the_result_and_never_takes_longer_than_a_few_seconds(s3: S3Store, clock: Clock) -> None:
    one, two = Leases(s3, clock), Leases(s3, clock, clock.sleep)
    assert one.take("work")
    began = clock.now
    assert two.wait("work", lambda: clock.now > began + 1)
    assert not two.wait("work", lambda: False)
    assert clock.now - began <= 2 * LONGEST_WAIT


def test_a_lease_that_was_given_back_ends_the_waiting(s3: S3Store, clock: Clock) -> None:
    one, two = Leases(s3, clock), Leases(s3, clock, clock.sleep)
    assert one.take("work")
    one.give_back("work")
    began = clock.now
    assert not two.wait("work", lambda: False)
    assert clock.now == began


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"owner": 1}'])
def test_what_is_no_lease_counts_as_none(s3: S3Store, clock: Clock, content: bytes) -> None:
    s3.put_bytes(f"{PREFIX}work", content, replace=True)
    assert Leases(s3, clock).take("work")


def test_without_the_bucket_everybody_has_every_lease(proxy: FaultProxy, tmp_path: Path, clock: Clock) -> None:
    proxy.faults = [Fault("PUT", times=-1, status=403, code="AccessDenied")]
    store = S3Store(BUCKET, "leases", Access(proxy.url), Pace())
    assert Leases(store, clock).take("work")
    assert Leases(store, clock).take("work")
    proxy.down = True
    assert Leases(store, clock).take("work")
