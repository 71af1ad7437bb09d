"""From a save to a verdict, with a real daemon and real worker processes."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from threading import Thread

from mfenvd.domain.codes import Code
from mfenvd.domain.event import ProjectChanged, ResolveProgress, VerdictChanged, VerdictRemoved
from mfenvd.domain.markers import host_arch
from mfenvd.domain.state import State
from tests.daemon.harness import Daemon, is_running, until


def states_of(events: list[VerdictChanged], step: str) -> list[State]:
    return [event.verdict.state for event in events if event.verdict.step == step]


def test_registering_settles_every_environment_on_every_target(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests @linux-64 @osx-arm64\nend: missing\n")
    with running.follow() as followed:
        assert running.up(root).reading
        followed.settled()
        first = followed.of(ProjectChanged)[0].project
        assert first.reading
        assert states_of(followed.of(VerdictChanged), "end")[-2:] == [State.RESOLVING, State.BLOCKED]
        assert {event.progress.stage for event in followed.of(ResolveProgress)} == {"starting"}
    assert running.states() == {
        "start linux-64": State.RESOLVED, "start osx-arm64": State.RESOLVED, "end linux-64": State.BLOCKED,
    }  # fmt: skip
    verdict = running.verdicts()["start linux-64"]
    assert verdict.settled is not None
    assert [package.name for package in verdict.packages] == ["requests"]


def test_save_settles_what_it_changed_and_nothing_else(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    (root / "other.py").write_text("start: flask\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        (root / "flow.py").write_text("start: requests\nend: pandas\n")
        followed.settled(2)
    assert running.notes("read") == [str(root)]
    assert running.notes("update") == ["flow.py"]
    assert sorted(running.notes("resolve")) == ["flask linux-64", "pandas linux-64", "requests linux-64"]


def test_save_that_changes_nothing_about_environments_starts_no_solver(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        told = len(followed.of(VerdictChanged))
        (root / "flow.py").write_text("# said more clearly\nstart: requests\n")
        followed.settled(2)
        assert running.notes("update") == ["flow.py"]
        assert running.notes("resolve") == ["requests linux-64"]
        assert len(followed.of(VerdictChanged)) == told


def test_steps_that_share_an_environment_share_the_work(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\nmiddle: requests\nend: requests\n")
    running.settle(root)
    assert running.notes("resolve") == ["requests linux-64"]
    assert set(running.states().values()) == {State.RESOLVED}


def test_work_that_no_plan_wants_any_more_is_cancelled_with_its_processes(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: child==60\n")
    with running.follow() as followed:
        running.up(root)
        until(lambda: running.notes("child"))
        child = int(running.notes("child")[0])
        workers = [worker.pid for worker in running.workers()]
        assert child in workers
        (root / "flow.py").write_text("start: requests\n")
        followed.settled()
    assert running.states() == {"start linux-64": State.RESOLVED}
    until(lambda: not is_running(child))
    resolving = running.notes("resolve")
    assert resolving == ["child==60 linux-64", "requests linux-64"]


def test_burst_of_saves_ends_in_the_last_and_runs_few_of_them(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: first\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        for number in range(50):
            (root / "flow.py").write_text(f"start: package{number}\n")
        # A file that is just being written is empty for a moment, and has no verdict then.
        until(
            lambda: ["package49"] in [[package.name for package in one.packages] for one in running.verdicts().values()]
        )
    assert len(running.notes("update")) < 10


def test_local_arch_goes_first_and_projects_take_turns(running: Daemon, tmp_path: Path) -> None:
    local = host_arch(platform.system(), platform.machine())
    roots = [(tmp_path / name).resolve() for name in ("one", "two")]
    for folder in roots:
        folder.mkdir()
        lines = [f"step{n}: sleep==0.2 {folder.name}{n} @osx-64 @{local}\n" for n in range(3)]
        (folder / "flow.py").write_text("".join(lines))
    with running.follow() as followed:
        for folder in roots:
            running.up(folder, FAKE_WORKERS="1")
        followed.settled(2)
    order = running.notes("resolve")
    first_foreign = next(n for n, text in enumerate(order) if text.endswith("osx-64"))
    assert first_foreign >= 5, order
    owners = ["one" if "one" in text else "two" for text in order]
    assert owners in ([*["one", "two"] * 6], [*["two", "one"] * 6]), order


def test_dead_worker_gets_a_second_attempt(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: crashonce\n")
    running.settle(root)
    assert running.states() == {"start linux-64": State.RESOLVED}
    assert len(running.notes("crash")) == 1


def test_job_that_kills_its_workers_becomes_a_finding(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: crash\nend: requests\n")
    running.settle(root)
    verdict = running.verdicts()["start linux-64"]
    assert verdict.state is State.FAILED
    (finding,) = verdict.findings
    assert finding.code == Code.WORKER_DIED
    assert "killed by signal 9" in finding.message
    assert running.states()["end linux-64"] is State.RESOLVED
    assert len(running.notes("crash")) == 2


def test_resolver_that_raises_becomes_a_finding_and_shows_no_secret(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: raise\n")
    running.settle(root, PIP_INDEX_URL="https://ann:open-sesame@index.example/simple", PIP_PASSWORD="hunter2-hunter2")
    (finding,) = running.verdicts()["start linux-64"].findings
    assert finding.code == Code.INTERNAL_ERROR
    assert "ValueError" in finding.message
    until(lambda: "Traceback" in running.log and "ValueError: could not use" in running.log)
    told = running.log + str(running.connection.status()) + finding.message
    assert "open-sesame" not in told
    assert "hunter2-hunter2" not in running.log


def test_what_a_library_prints_does_not_disturb_the_answers(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: print\n")
    running.settle(root)
    assert running.states() == {"start linux-64": State.RESOLVED}
    until(lambda: "a library that prints" in running.log and "not even Python" in running.log)


def test_progress_is_told_at_most_five_times_a_second(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: spin==1.5\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        assert 3 <= len(followed.of(ResolveProgress)) <= 10


def test_syntax_error_keeps_the_verdicts_and_is_shown_until_it_is_gone(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        (root / "flow.py").write_text("!\n")
        followed.settled(2)
        assert [finding.code for finding in running.project(root).findings] == [Code.SYNTAX_ERROR]
        assert running.states() == {"start linux-64": State.RESOLVED}
        (root / "flow.py").write_text("start: requests\n")
        followed.settled(3)
    assert running.project(root).findings == ()
    assert running.notes("resolve") == ["requests linux-64"]


def test_reader_that_fails_becomes_a_finding_and_the_daemon_goes_on(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        (root / "flow.py").write_text("boom\n")
        followed.settled(2)
        (finding,) = running.project(root).findings
        assert finding.code == Code.INTERNAL_ERROR
        assert "RuntimeError: the reader failed" in finding.message
        assert running.states() == {"start linux-64": State.RESOLVED}
        (root / "flow.py").write_text("start: flask\n")
        followed.settled(3)
    assert running.project(root).findings == ()
    assert running.states() == {"start linux-64": State.RESOLVED}
    assert "Traceback" in running.log


def test_verdicts_of_a_removed_step_go(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\nend: flask\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        gone = running.verdicts()["end linux-64"].id
        (root / "flow.py").write_text("start: requests\n")
        followed.settled(2)
        assert [event.id for event in followed.of(VerdictRemoved)] == [gone]
    assert running.states() == {"start linux-64": State.RESOLVED}


def test_trusting_settles_anew_and_is_kept_for_the_next_daemon(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        assert running.connection.set_trust(str(root), trusted=True).trusted
        followed.settled(2)
    assert running.notes("resolve") == ["requests linux-64"] * 2
    running.kill()
    running.start()
    until(lambda: running.states() == {"start linux-64": State.RESOLVED})
    assert running.project(root).trusted
    assert len(running.notes("resolve")) == 2
    running.connection.set_trust(str(root), trusted=False)
    until(lambda: not running.project(root).trusted)


def test_resolving_again_asks_the_indexes_for_the_named_verdicts_only(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\nend: flask\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        assert running.connection.resolve_again(str(root), [running.verdicts()["end linux-64"].id]) == 1
        followed.settled(2)
        assert running.notes("resolve")[2:] == ["flask linux-64 refresh"]
        assert running.connection.resolve_again(str(root)) == 2
        followed.settled(3)
    assert sorted(running.notes("resolve")[3:]) == ["flask linux-64 refresh", "requests linux-64 refresh"]


def test_failed_work_is_tried_again_when_the_project_is_renewed(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: private\nend: requests\n")
    running.settle(root)
    assert running.states() == {"start linux-64": State.FAILED, "end linux-64": State.RESOLVED}
    running.settle(root, PIP_PASSWORD="now-it-is-known")
    assert running.states() == {"start linux-64": State.RESOLVED, "end linux-64": State.RESOLVED}
    assert running.notes("resolve").count("requests linux-64") == 1


def test_other_index_makes_earlier_answers_stale(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root, PIP_INDEX_URL="https://one.example/simple")
    running.settle(root, PIP_INDEX_URL="https://ann:pw@one.example/simple")
    assert running.notes("resolve") == ["requests linux-64"]
    running.settle(root, PIP_INDEX_URL="https://two.example/simple")
    assert running.notes("resolve") == ["requests linux-64"] * 2


def test_failure_does_not_undo_an_answer(running: Daemon, root: Path) -> None:
    online = Path(running.paths.cache) / "online"
    online.parent.mkdir(parents=True)
    online.touch()
    (root / "flow.py").write_text("start: offline\n")
    with running.follow() as followed:
        running.up(root)
        followed.settled()
        online.unlink()
        running.connection.resolve_again(str(root))
        followed.settled(2)
    verdict = running.verdicts()["start linux-64"]
    assert verdict.state is State.STALE
    assert [package.name for package in verdict.packages] == ["offline"]
    assert [finding.code for finding in verdict.findings] == [Code.INDEX_UNREACHABLE]


def test_unregistered_project_is_forgotten_with_its_work(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: child==60\n")
    running.up(root)
    until(lambda: running.notes("child"))
    running.connection.remove_project(str(root))
    assert running.connection.status().projects == ()
    assert running.verdicts() == {}
    until(lambda: not is_running(int(running.notes("child")[0])))
    running.kill()
    running.start()
    assert running.connection.status().projects == ()


def test_project_that_is_unregistered_and_registered_at_once_is_watched(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root)
    for number in range(3):
        threads = [
            Thread(target=running.connection.remove_project, args=(str(root),)),
            Thread(target=running.up, args=(root,)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        running.up(root)
        (root / "flow.py").write_text(f"start: package{number}\n")
        until(lambda number=number: f"package{number} linux-64" in running.notes("resolve"))  # type: ignore[misc]
        until(lambda: running.states() == {"start linux-64": State.RESOLVED})


def test_folder_that_vanishes_keeps_its_verdicts_as_stale_until_it_returns(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root)
    away = root.with_name("away")
    root.rename(away)
    until(lambda: not running.project(root).present)
    until(lambda: running.states() == {"start linux-64": State.STALE})
    assert [finding.code for finding in running.project(root).findings] == [Code.FOLDER_GONE]
    assert [package.name for package in running.verdicts()["start linux-64"].packages] == ["requests"]
    (away / "flow.py").write_text("start: requests\nend: flask\n")
    away.rename(root)
    until(lambda: running.states() == {"start linux-64": State.RESOLVED, "end linux-64": State.RESOLVED})
    assert running.project(root).findings == ()
    assert running.notes("resolve") == ["requests linux-64", "flask linux-64"]


def test_folder_that_is_deleted_and_cloned_again_is_watched_again(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: requests\n")
    running.settle(root)
    shutil.rmtree(root)
    until(lambda: not running.project(root).present)
    root.mkdir()
    (root / "flow.py").write_text("start: flask\n")
    until(lambda: running.states() == {"start linux-64": State.RESOLVED} and running.project(root).present)
    (root / "flow.py").write_text("start: pandas\n")
    until(lambda: "pandas linux-64" in running.notes("resolve"))


def test_file_outside_the_folder_that_the_reader_names_counts(running: Daemon, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "pip.conf"
    (root / "flow.py").write_text("start: requests\n")
    with running.follow() as followed:
        running.up(root, FAKE_OUTSIDE=str(outside))
        followed.settled()
        outside.parent.mkdir()
        outside.write_text("[global]\n")
        followed.settled(2)
    assert running.notes("update") == ["pip.conf"]
