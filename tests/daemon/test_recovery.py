"""Killed at any instant, the next start repairs."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.state import State
from tests.daemon.harness import Daemon, is_running, until


def journal(daemon: Daemon) -> Path:
    return Path(daemon.paths.state) / "journal.sqlite"


def test_settled_work_is_not_done_again_after_kill_9(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests @linux-64 @osx-64\nend: missing\n")
    running.settle(root)
    before = running.verdicts()
    running.kill()
    running.start()
    until(lambda: running.verdicts() == before)
    assert len(running.notes("resolve")) == 3


def test_interrupted_work_is_done_by_the_next_daemon(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\nend: sleep==3\n")
    running.up(root)
    until(lambda: len(running.notes("resolve")) == 2 and running.states()["start linux-64"] is State.RESOLVED)
    running.kill()
    running.start()
    until(lambda: set(running.states().values()) == {State.RESOLVED})
    assert sorted(running.notes("resolve")) == ["requests linux-64", "sleep==3 linux-64", "sleep==3 linux-64"]


def test_requested_work_outlives_the_daemon_though_an_answer_is_known(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: refresh==12\n")
    running.settle(root)
    running.connection.resolve_again(str(root))
    until(lambda: len(running.notes("resolve")) == 2)
    running.kill()
    running.start()
    until(lambda: len(running.notes("resolve")) == 3)
    assert running.notes("resolve")[-1] == "refresh==12 linux-64 refresh"
    until(lambda: running.states() == {"start linux-64": State.RESOLVED}, patience=60)


def test_killed_daemon_takes_its_workers_and_their_children_along(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: child==60\n")
    running.up(root)
    until(lambda: running.notes("child"))
    family = [process.pid for process in running.workers()]
    assert len(family) >= 2
    running.kill()
    until(lambda: not any(map(is_running, family)))


def test_killed_over_and_over_it_settles_in_the_end(daemon: Daemon, root: Path) -> None:
    lines = [f"step{number}: sleep==0.05 package{number}\n" for number in range(8)]
    (root / "flow.py").write_text("".join(lines))
    daemon.start()
    daemon.up(root)
    for pause in (0.0, 0.1, 0.25, 0.4):
        time.sleep(pause)
        daemon.kill()
        assert daemon.start() == f"ok {daemon.pid}"
        until(lambda: [one.root for one in daemon.connection.status().projects] == [str(root)])
    until(lambda: len(daemon.states()) == 8 and set(daemon.states().values()) == {State.RESOLVED})
    daemon.kill()
    with sqlite3.connect(journal(daemon)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        outcomes = db.execute("SELECT outcome FROM outcome").fetchall()
        assert len(outcomes) == 8
        assert {msgspec.json.decode(blob, type=Outcome).state for (blob,) in outcomes} == {State.RESOLVED}
        assert db.execute("SELECT count(*) FROM work").fetchone() == (0,)
    db.close()


def test_secrets_are_not_in_any_file_and_what_is_shown_hides_them(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: private raise\n")
    secrets = {"PIP_PASSWORD": "hunter2-hunter2", "AWS_SECRET_ACCESS_KEY": "sesame-sesame"}
    running.settle(root, PIP_INDEX_URL="https://ann:swordfish@index.example/simple", METAFLOW_USER="ann", **secrets)
    assert running.project(root).environ == {
        "AWS_SECRET_ACCESS_KEY": "****", "METAFLOW_USER": "ann",
        "PIP_INDEX_URL": "https://****@index.example/simple", "PIP_PASSWORD": "****",
    }  # fmt: skip
    running.kill()
    kept = b"".join(path.read_bytes() for path in running.home.rglob("*") if path.is_file())
    assert b"METAFLOW_USER" in kept
    for secret in (b"hunter2-hunter2", b"sesame-sesame", b"swordfish"):
        assert secret not in kept


def test_missing_secrets_are_said_when_an_index_refuses_and_renewing_helps(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: private\n")
    running.settle(root, PIP_PASSWORD="hunter2-hunter2")
    running.kill()
    (root / "flow.py").write_text("start: private again\n")
    running.start()
    until(lambda: running.states() == {"start linux-64": State.FAILED})
    until(lambda: running.project(root).findings)
    (finding,) = running.project(root).findings
    assert finding.code == Code.INDEX_REFUSES
    assert finding.fix == f"Run `mfenv up` in {root}."
    assert "PIP_PASSWORD" in finding.message
    running.settle(root, PIP_PASSWORD="hunter2-hunter2")
    assert running.states() == {"start linux-64": State.RESOLVED}
    assert running.project(root).findings == ()


def test_what_is_refused_is_tried_again_once_a_file_has_other_credentials(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: guarded\n")
    running.settle(root)
    assert running.states() == {"start linux-64": State.FAILED}
    (root / ".netrc").write_text("machine channel.example login ann password swordfish\n")
    until(lambda: running.states() == {"start linux-64": State.RESOLVED})


def test_index_outlives_the_daemon_without_its_credentials(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root, PIP_INDEX_URL="https://ann:swordfish@index.example/simple")
    running.kill()
    running.start()
    until(lambda: running.states() == {"start linux-64": State.RESOLVED})
    assert running.project(root).environ == {"PIP_INDEX_URL": "https://index.example/simple"}
    assert len(running.notes("resolve")) == 1


@pytest.mark.parametrize("damage", ["garbage", "truncated", "zeroed page", "empty"])
def test_damaged_journal_is_kept_aside_and_begun_anew(running: Daemon, root: Path, damage: str) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root)
    running.connection.stop()
    running.wait()
    path = journal(running)
    content = path.read_bytes()
    damaged = {
        "garbage": b"this is no database" * 500,
        "truncated": content[: len(content) // 2],
        "zeroed page": content[:4096] + bytes(4096) + content[8192:],
        "empty": b"",
    }[damage]
    path.write_bytes(damaged)
    assert running.start() == f"ok {running.pid}"
    status = running.connection.status()
    assert status.projects == ()
    if damage != "empty":
        (finding,) = status.daemon.findings
        assert finding.code == Code.JOURNAL_DAMAGED
        (kept,) = path.parent.glob("journal.sqlite.damaged-*")
        assert kept.read_bytes() == damaged
        assert str(kept) in finding.message
    running.settle(root)
    assert running.states() == {"start linux-64": State.RESOLVED}


def test_journal_of_a_later_version_is_kept_aside(daemon: Daemon) -> None:
    path = journal(daemon)
    path.parent.mkdir(parents=True)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert daemon.start() == f"ok {daemon.pid}"
    (finding,) = daemon.connection.status().daemon.findings
    assert "version 99" in finding.message


def test_registration_that_is_not_understood_is_left_out_alone(running: Daemon, root: Path, tmp_path: Path) -> None:
    other = (tmp_path / "other").resolve()
    other.mkdir()
    running.settle(root)
    running.settle(other)
    running.connection.stop()
    running.wait()
    with sqlite3.connect(journal(running)) as db:
        db.execute("UPDATE project SET surroundings = ? WHERE root = ?", (b"{", str(other)))
    db.close()
    running.start()
    assert [one.root for one in running.connection.status().projects] == [str(root)]


def test_folder_that_is_gone_at_boot_is_said_and_awaited(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root)
    running.connection.stop()
    running.wait()
    away = root.with_name("away")
    root.rename(away)
    running.start()
    until(lambda: not running.project(root).present)
    until(lambda: [one.code for one in running.project(root).findings] == [Code.FOLDER_GONE])
    away.rename(root)
    until(lambda: running.states() == {"start linux-64": State.RESOLVED})
    assert running.project(root).present
    assert len(running.notes("resolve")) == 1
