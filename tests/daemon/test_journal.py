from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mfenvd.daemon import journal_file
from mfenvd.daemon.journal import Journal, JournalInUseError
from mfenvd.daemon.journal_file import Record, StoredProject
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings
from tests.daemon.harness import REPOSITORY

VERSION_1 = Path(__file__).parent / "journals" / "v1.sql"
BLOCKED = Outcome(findings=(Finding("MFE302", Severity.ERROR, "no wheel", data={"wheels": [1, "two"]}),))


async def test_what_is_written_is_read_back(journal: Journal) -> None:
    record = Record(BLOCKED, 12.5, "basis")
    await journal.settle("key", record)
    assert await journal.records(["key", "other"]) == {"key": record}


async def test_thousands_of_keys_are_looked_up_at_once(journal: Journal) -> None:
    keys = [f"{number:064x}" for number in range(2500)]
    await asyncio.gather(*(journal.settle(key, Record(BLOCKED, 1.0, "")) for key in keys[::2]))
    assert set(await journal.records(keys)) == set(keys[::2])


async def test_unfinished_work_ends_with_its_outcome(journal: Journal) -> None:
    journal.post_queued("/p", [("one", True), ("two", False), ("three", False)])
    journal.post_queued("/q", [("four", False)])
    journal.post_running("one")
    await journal.settle("one", Record(BLOCKED, 1.0, ""))
    journal.post_dropped(["two"])
    assert await journal.work("/p") == {"three": False}
    assert await journal.work("/q") == {"four": False}


async def test_second_process_is_refused_and_nothing_is_put_aside(journal: Journal, tmp_path: Path) -> None:
    journal.post_trust("/p", trusted=True)
    await journal.trusted()
    second = Journal(tmp_path / "journal.sqlite")
    with pytest.raises(JournalInUseError, match="in use by another mfenvd"):
        await second.open()
    assert second.findings == ()
    assert await journal.trusted() == {"/p"}
    await second.close()


async def test_interrupted_work_waits_again(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.sqlite")
    await first.open()
    first.post_queued("/p", [("one", False)])
    first.post_running("one")
    await first.close()
    second = Journal(tmp_path / "journal.sqlite")
    await second.open()
    assert await second.work("/p") == {"one": False}
    await second.close()


async def test_outcome_that_is_not_understood_is_as_if_it_were_not_there(journal: Journal) -> None:
    await journal.settle("key", Record(BLOCKED, 1.0, ""))
    journal._post(lambda db: db.execute("UPDATE outcome SET outcome = ?", (b'{"findings": 3}',)))
    assert await journal.records(["key"]) == {}


async def test_old_and_too_many_outcomes_are_forgotten(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    await journal.settle("ancient", Record(BLOCKED, now - 61 * 86_400, ""))
    for number in range(5):
        await journal.settle(f"key{number}", Record(BLOCKED, now - number, ""))
    monkeypatch.setattr(journal_file, "KEPT_OUTCOMES", 3)
    journal.post_pruning()
    assert set(await journal.records(["ancient", *(f"key{number}" for number in range(5))])) == {"key0", "key1", "key2"}


async def test_full_disk_is_said_and_forgotten_when_it_is_over(tmp_path: Path) -> None:
    told: list[int] = []
    small = Journal(tmp_path / "journal.sqlite", lambda: told.append(len(small.findings)))
    await small.open()

    def limit(pages: int) -> None:
        assert small._connection is not None
        small._connection.execute(f"PRAGMA max_page_count = {pages}")

    large = Record(Outcome(findings=(Finding("MFE302", Severity.ERROR, "x" * 200_000),)), 1.0, "")
    await small._do(lambda _: limit(1))
    await small.settle("key", large)
    (finding,) = small.findings
    assert finding.code == Code.JOURNAL_UNWRITABLE
    assert "full" in finding.message
    await small.settle("key", large)
    assert told == [1]
    await small._do(lambda _: limit(1_000_000))
    await small.settle("key", large)
    assert small.findings == ()
    assert told == [1, 0]
    await small.close()


async def test_on_a_full_disk_what_is_known_is_still_read(journal: Journal) -> None:
    record = Record(BLOCKED, 12.5, "basis")
    await journal.settle("key", record)
    await journal._do(lambda db: db and db.execute("PRAGMA query_only = 1"))
    assert await journal.records(["key"]) == {"key": record}
    await journal.written()
    assert [finding.code for finding in journal.findings] == [Code.JOURNAL_UNWRITABLE]


WRITER = """
import asyncio, sys
from pathlib import Path
from mfenvd.daemon.journal import Journal
from mfenvd.daemon.journal_file import Record
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.surroundings import Surroundings

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.open()
    number = len(await journal.records([f"key{n}" for n in range(20000)]))
    while True:
        journal.post_queued("/p", [(f"key{number}", False)])
        journal.post_project(f"/p{number % 7}", Surroundings("/p"))
        await journal.settle(f"key{number}", Record(Outcome(), float(number), "b"))
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""


def write_until_killed(path: Path, pause: float) -> tuple[int, int]:
    """The first and the last number that the writer said it had written."""
    environ = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        return first, max([first, *(int(line) for line in writer.stdout if line.endswith("\n"))])


async def test_killed_while_writing_it_has_all_that_it_said_it_had(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    said = -1
    for pause in (0.02, 0.05, 0.11, 0.2):
        before = said
        first, said = write_until_killed(path, pause)
        assert first > before
    journal = Journal(path)
    await journal.open()
    assert journal.findings == ()
    records = await journal.records([f"key{number}" for number in range(said + 1)])
    assert len(records) == said + 1
    assert {one.root for one in await journal.projects()} <= {f"/p{number}" for number in range(7)}
    await journal.close()


async def test_stored_registration_has_the_index_but_no_credentials(journal: Journal) -> None:
    environ = {"PIP_EXTRA_INDEX_URL": "https://a:b@one/s https://two/s", "UV_INDEX_PASSWORD": "x", "METAFLOW_USER": "u"}
    journal.post_project("/p", Surroundings("/p", environ=environ))
    (stored,) = await journal.projects()
    assert stored.surroundings.environ == {"PIP_EXTRA_INDEX_URL": "https://one/s https://two/s", "METAFLOW_USER": "u"}
    assert stored.withheld == ("PIP_EXTRA_INDEX_URL", "UV_INDEX_PASSWORD")


async def test_journal_of_version_1_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    db = sqlite3.connect(path)
    db.executescript(VERSION_1.read_text())
    # A script holds text where the daemon writes bytes.
    db.execute("UPDATE project SET surroundings = CAST(surroundings AS BLOB), withheld = CAST(withheld AS BLOB)")
    db.execute("UPDATE outcome SET outcome = CAST(outcome AS BLOB)")
    db.commit()
    db.close()
    journal = Journal(path)
    await journal.open()
    assert journal.findings == ()
    (project,) = await journal.projects()
    surroundings = Surroundings("/flows", "/usr/bin/python3", "3.11.2", {"METAFLOW_USER": "ann"})
    assert project == StoredProject("/flows", surroundings, ("PIP_PASSWORD",))
    assert await journal.trusted() == {"/flows"}
    record = (await journal.records(["one"]))["one"]
    assert record.outcome.resolution is not None
    assert [package.name for package in record.outcome.resolution.packages] == ["requests"]
    assert (record.settled, record.basis) == (1700000000.5, "basis")
    assert await journal.work("/flows") == {"two": True}
    await journal.close()
