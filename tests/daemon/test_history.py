"""What the daemon knows of a verdict besides itself: what was before, and what happened."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mfenvd.client import calls
from mfenvd.client.errors import RequestRefusedError
from mfenvd.daemon.journal import Journal
from mfenvd.daemon.journal_file import Record
from mfenvd.daemon.lookup import Subject, look
from mfenvd.daemon.stages import MOST_STAGES, MOST_SUBJECTS, Stages
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.history import Before
from mfenvd.domain.identity import Identity
from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.resolver import Progress
from mfenvd.domain.state import State
from mfenvd.store.archives import ArchiveStore
from mfenvd.warm.core.entries import entry
from mfenvd.warm.core.manifest import Wanted, manifest_path, write
from tests.daemon.harness import Daemon
from tests.support import samples

STEP = "train.py|Flow|start|start|linux-64"


def resolved(*versions: str) -> Outcome:
    packages = tuple(samples.package(f"package{number}", version) for number, version in enumerate(versions))
    return Outcome(Resolution("request", samples.LINUX, packages))


def packages_of(outcome: Outcome) -> tuple[LockedPackage, ...]:
    assert outcome.resolution is not None
    return outcome.resolution.packages


NOTHING = Outcome(findings=(Finding("MFE302", Severity.ERROR, "no wheel"),))
OLD, NEW = resolved("1.0", "2.0"), resolved("1.1", "2.0")


async def test_nothing_is_known_of_a_first_resolution(journal: Journal) -> None:
    await journal.settle("job", Record(OLD, 1.0, ""))
    journal.post_rests([(STEP, "job")])
    assert await journal.previous(STEP) is None
    assert await journal.previous("another") is None


async def test_another_answer_to_the_same_request_remembers_the_one_before(journal: Journal) -> None:
    journal.post_rests([(STEP, "job")])
    await journal.settle("job", Record(OLD, 1.0, ""))
    await journal.settle("job", Record(NEW, 2.0, ""))
    assert await journal.previous(STEP) == Before(packages_of(OLD), 1.0)


async def test_the_same_answer_again_does_not_count(journal: Journal) -> None:
    journal.post_rests([(STEP, "job")])
    await journal.settle("job", Record(OLD, 1.0, ""))
    await journal.settle("job", Record(NEW, 2.0, ""))
    await journal.settle("job", Record(NEW, 3.0, ""))
    assert await journal.previous(STEP) == Before(packages_of(OLD), 1.0)


async def test_what_does_not_resolve_any_more_remembers_what_it_was(journal: Journal) -> None:
    journal.post_rests([(STEP, "job")])
    await journal.settle("job", Record(OLD, 1.0, ""))
    await journal.settle("job", Record(NOTHING, 2.0, ""))
    await journal.settle("job", Record(NEW, 3.0, ""))
    assert await journal.previous(STEP) == Before(packages_of(OLD), 1.0)


async def test_another_request_remembers_the_answer_to_the_one_before(journal: Journal) -> None:
    await journal.settle("one", Record(OLD, 1.0, ""))
    journal.post_rests([(STEP, "one")])
    await journal.settle("two", Record(NEW, 2.0, ""))
    journal.post_rests([(STEP, "two")])
    journal.post_rests([(STEP, "two")])
    assert await journal.previous(STEP) == Before(packages_of(OLD), 1.0)


async def test_what_happened_last_counts(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    await journal.settle("one", Record(OLD, 1.0, ""))
    journal.post_rests([(STEP, "one")])
    await journal.settle("two", Record(NEW, 2.0, ""))
    journal.post_rests([(STEP, "two")])
    newest = resolved("1.2", "2.0")
    await journal.settle("two", Record(newest, 4e9, ""))
    assert await journal.previous(STEP) == Before(packages_of(NEW), 2.0)


async def test_what_was_before_outlives_the_daemon_and_goes_with_its_outcome(tmp_path: Path) -> None:
    first = Journal(tmp_path / "journal.sqlite")
    await first.open()
    first.post_rests([(STEP, "job")])
    await first.settle("job", Record(OLD, 1.0, ""))
    await first.settle("job", Record(NEW, 2.0, ""))
    await first.close()
    second = Journal(tmp_path / "journal.sqlite")
    await second.open()
    assert await second.previous(STEP) == Before(packages_of(OLD), 1.0)
    second.post_pruning()  # it was settled in 1970
    assert await second.previous(STEP) is None
    await second.close()


def test_stages_of_the_same_name_are_one_and_all_subjects_stand_in_order_of_time() -> None:
    stages = Stages()
    stages.note("job", "queued")
    stages.progressed("job", Progress("reading", 1, 10))
    stages.note("environment", "linking")
    stages.progressed("job", Progress("reading", 9, 10))
    stages.note("job", "resolved")
    found = stages.of(("environment", "job"))
    assert [(stage.text, stage.done) for stage in found] == [
        ("queued", 0), ("reading", 9), ("linking", 0), ("resolved", 0)
    ]  # fmt: skip
    assert [stage.at for stage in found] == sorted(stage.at for stage in found)


def test_stages_are_bounded() -> None:
    stages = Stages()
    for number in range(MOST_SUBJECTS + 1):
        stages.note(f"job {number}", "queued")
    assert stages.of(("job 0",)) == ()
    for number in range(MOST_STAGES + 5):
        stages.note("job 1", str(number))
    assert len(stages.of(("job 1",))) == MOST_STAGES


def test_what_metaflow_has_and_where_the_files_are(tmp_path: Path) -> None:
    content = b"a wheel"
    store = ArchiveStore(tmp_path / "store")
    here = LockedPackage(
        "here", "1.0", "here-1.0-py3-none-any.whl", "https://index.example/here-1.0-py3-none-any.whl",
        sha256="5a1dd2b2d0e9ac0d6b7fbd7ee3e6b2c2d5a1b0a55ca45a4ac1a7b6c1fbb0f8a1",
    )  # fmt: skip
    place = tmp_path / "store" / "archives" / "5a" / str(here.sha256) / here.filename
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    mirrored, changed = samples.package("mirrored", "1.0"), samples.package("changed", "2.0")
    held = (here, mirrored, samples.package("changed", "1.0"))
    identity = Identity("a" * 15, "Flow", "3.11", "linux-64", "linux-64", {}, {"here": ""}, "s3", "x", str(tmp_path))
    path = manifest_path(identity.local_root, identity.flow)
    lines = entry(Resolution("request", samples.LINUX, held), confirmed={mirrored.url})
    write(path, (Wanted(identity.id, "linux-64", "pypi", lines),))
    found = look(Subject((here, mirrored, changed), samples.LINUX, (identity,), State.WARM), store)
    assert found.places == {
        here.filename: ("cache", "linked"), mirrored.filename: ("bucket", "linked"), changed.filename: ("linked",)
    }  # fmt: skip
    (manifest,) = found.manifests
    assert (manifest.path, manifest.platform) == (str(path), "linux-64")
    assert [(package.name, package.version) for package in manifest.packages] == [
        ("changed", "1.0"), ("here", "1.0"), ("mirrored", "1.0")
    ]  # fmt: skip
    path.write_text("not what Metaflow writes")
    found = look(Subject((here,), samples.LINUX, (identity,), State.RESOLVED), store)
    assert (found.manifests, found.places) == ((), {here.filename: ("cache",)})


def test_the_daemon_tells_what_was_before_a_save_and_what_happened(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        (root / "flow.py").write_text("start: requests flask\n")
        followed.settled(2)
    (verdict,) = running.connection.status().verdicts
    found = running.connection.call(calls.history(verdict.id))
    assert found.id == verdict.id
    assert found.previous is not None
    assert [package.name for package in found.previous.packages] == ["requests"]
    assert [package.name for package in verdict.packages] == ["flask", "requests"]
    texts = [stage.text for stage in found.stages]
    assert texts == ["queued", "started", "starting", "resolved"]
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_a_verdict_that_is_not_there_is_refused(running: Daemon) -> None:
    with pytest.raises(RequestRefusedError, match="no verdict 'gone'"):
        running.connection.call(calls.history("gone"))
