"""Lock files as the extension has them: held ones are waited for, those that nobody holds are removed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.warm.netflixext import locks
from mfenvd.warm.netflixext.locks import LockHeldError, environments_lock, held, remove_stale

HOLDER = """\
import os, sys
os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_RDWR)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return environments_lock(tmp_path / "envs")


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lock as the extension does; what it leaves behind when it is killed stays."""
    lock.parent.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def made_long_ago(lock: Path, seconds: float = 2 * locks.YOUNG) -> None:
    then = time.time() - seconds
    os.utime(lock, (then, then))


def test_a_lock_is_a_file_that_is_there_for_as_long_as_it_is_held(lock: Path) -> None:
    with held(lock, 0):
        assert lock.exists()
        with pytest.raises(LockHeldError, match=r"mf_env-creation\.lock"), held(lock, 0):
            pass
    assert not lock.exists()


def test_one_that_a_process_holds_is_never_taken_away(lock: Path, holder: subprocess.Popen[str]) -> None:
    made_long_ago(lock)
    assert holder.poll() is None
    assert not remove_stale(lock)
    assert lock.exists()


def test_one_that_a_killed_process_left_is_taken_once_it_is_old(lock: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with pytest.raises(LockHeldError), held(lock, 0):
        pass
    made_long_ago(lock)
    with held(lock, 0):
        assert lock.exists()
    assert not lock.exists()


def test_on_a_shared_disk_it_must_be_older(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_is_on_shared_disk", lambda _: True)
    lock.parent.mkdir()
    lock.touch()
    made_long_ago(lock)
    assert not remove_stale(lock)
    made_long_ago(lock, 2 * locks.ELSEWHERE)
    assert remove_stale(lock)


def test_another_users_lock_stays(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock.parent.mkdir()
    lock.touch()
    made_long_ago(lock)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert not remove_stale(lock)
    assert lock.exists()


def test_a_lock_that_was_made_anew_meanwhile_is_put_back(lock: Path) -> None:
    lock.parent.mkdir()
    lock.write_text("another's")
    assert not locks._take_away(lock, lock.stat().st_ino + 1)
    assert lock.read_text() == "another's"
    assert list(lock.parent.iterdir()) == [lock]


def test_of_many_at_once_one_has_it_at_a_time(lock: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with held(lock, 30):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
