from __future__ import annotations

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from watchfiles._rust_notify import RustNotify

from mfenvd.atomic_write import staged
from mfenvd.daemon import notices
from mfenvd.daemon import watch as watches
from mfenvd.daemon.folders import Tree
from mfenvd.daemon.watch import Change, Limited, Watch
from tests.daemon.harness import eventually

Told = list[Change | Limited]


@pytest.fixture
async def told() -> Told:
    return []


@pytest.fixture
async def watch(told: Told) -> AsyncIterator[Watch]:
    one = Watch(told.append)
    yield one
    await one.close()


def changed(told: Told) -> set[str]:
    return {Path(path).name for change in told if isinstance(change, Change) for path in change.paths}


async def in_order(action: Callable[[], object]) -> None:
    """Runs what touches the disk where it does not hold the loop."""
    await asyncio.to_thread(action)


async def test_save_is_told(watch: Watch, told: Told, root: Path) -> None:
    (root / "flow.py").touch()
    assert await watch.add(str(root))
    (root / "flow.py").write_text("x")
    await eventually(lambda: told)
    assert told == [Change(str(root), frozenset({str(root / "flow.py")}))]


async def test_first_save_after_a_long_rest_is_told(
    watch: Watch, told: Told, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "ACTIVE_SECONDS", 0.0)
    await watch.add(str(root))
    await asyncio.sleep(0.8)
    (root / "flow.py").write_text("x")
    await eventually(lambda: told)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
async def test_a_name_that_is_no_text_does_not_end_the_watch(watch: Watch, told: Told, root: Path) -> None:
    inner = root / "inner"
    inner.mkdir()
    await watch.add(str(root))
    (root / os.fsdecode(b"caf\xe9.py")).write_text("x")
    (inner / "meanwhile.py").write_text("x")
    await eventually(lambda: "meanwhile.py" in changed(told))
    (root / "later.py").write_text("x")
    await eventually(lambda: "later.py" in changed(told))
    (inner / "last.py").write_text("x")
    await eventually(lambda: "last.py" in changed(told))
    assert os.fsdecode(b"caf\xe9.py") not in changed(told)


def save_as_vim(path: Path) -> None:
    (path.parent / "4913").touch()
    (path.parent / "4913").unlink()
    path.rename(f"{path}~")
    path.write_text("saved")
    Path(f"{path}~").unlink()


def save_by_rename(path: Path) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text("saved")
    temporary.replace(path)


def save_as_jetbrains(path: Path) -> None:
    Path(f"{path}___jb_tmp___").write_text("saved")
    path.rename(f"{path}___jb_old___")
    Path(f"{path}___jb_tmp___").rename(path)
    Path(f"{path}___jb_old___").unlink()


@pytest.mark.parametrize("save", [save_as_vim, save_by_rename, save_as_jetbrains])
async def test_editors_that_replace_the_file_are_seen_through(
    watch: Watch, told: Told, root: Path, save: Callable[[Path], None]
) -> None:
    path = root / "flow.py"
    path.write_text("before")
    await watch.add(str(root))
    for _ in range(2):
        told.clear()
        await in_order(lambda: save(path))
        await eventually(lambda: told)
        await asyncio.sleep(0.2)
        assert changed(told) == {"flow.py"}


async def test_what_editors_leave_beside_a_file_is_not_told(watch: Watch, told: Told, root: Path) -> None:
    await watch.add(str(root))
    for name in (".flow.py.swp", "flow.py~", ".#flow.py", "#flow.py#", "flow.cpython-311.pyc", "flycheck_flow.py"):
        (root / name).write_text("x")
    with staged(root / "other.py", b"x"):
        (root / "flow.py").write_text("x")
        await eventually(lambda: told)
        await asyncio.sleep(0.2)
    assert changed(told) == {"flow.py"}


async def test_what_runs_write_is_not_told(watch: Watch, told: Told, root: Path) -> None:
    await watch.add(str(root), files=[str(root / "pinned.reqs")])
    for name in ("run.log", "table.parquet", "picture.png", "notebook.ipynb"):
        (root / name).write_text("x")
    (root / "v1.2").mkdir()
    (root / "pinned.reqs").write_text("x")
    await eventually(lambda: {"v1.2", "pinned.reqs"} <= changed(told))
    await asyncio.sleep(0.2)
    assert changed(told) == {"v1.2", "pinned.reqs"}


async def test_ignored_folders_are_not_watched(watch: Watch, told: Told, root: Path) -> None:
    (root / ".gitignore").write_text("data/\n")
    for folder in ("data", "src", ".venv/lib", "__pycache__", "node_modules/x", ".git/objects", ".metaflow/F/1"):
        (root / folder).mkdir(parents=True)
    (root / ".venv" / "pyvenv.cfg").touch()
    tree = Tree(str(root))
    tree.walk()
    assert tree.folders == {str(root), str(root / "src")}
    await watch.add(str(root))
    for folder in ("data", ".venv/lib", "__pycache__", "node_modules/x", ".git/objects", ".metaflow/F/1", "src"):
        (root / folder / "file.py").write_text("x")
    await eventually(lambda: told)
    await asyncio.sleep(0.2)
    assert {path for change in told if isinstance(change, Change) for path in change.paths} == {
        str(root / "src" / "file.py")
    }


async def test_file_in_an_ignored_folder_counts_once_the_reader_names_it(watch: Watch, told: Told, root: Path) -> None:
    (root / ".metaflow").mkdir()
    config = root / ".metaflow" / "config.json"
    await watch.add(str(root), files=[str(config)])
    await asyncio.sleep(0.1)
    assert told == []
    config.write_text("{}")
    await eventually(lambda: changed(told) == {"config.json"})


async def test_change_of_ignore_rules_means_reading_anew(watch: Watch, told: Told, root: Path) -> None:
    (root / "data").mkdir()
    await watch.add(str(root))
    (root / ".gitignore").write_text("data/\n")
    await eventually(lambda: told)
    assert isinstance(told[0], Change)
    assert told[0].anew
    told.clear()
    (root / "data" / "flow.py").write_text("x")
    await asyncio.sleep(0.3)
    assert told == []


async def test_new_folders_are_watched_with_what_is_in_them(watch: Watch, told: Told, root: Path) -> None:
    await watch.add(str(root))

    def check_out() -> None:
        for number in range(5):
            folder = root / f"package{number}" / "inner"
            folder.mkdir(parents=True)
            (folder / f"flow{number}.py").write_text("x")

    await in_order(check_out)
    await eventually(lambda: {f"flow{number}.py" for number in range(5)} <= changed(told))
    told.clear()
    (root / "package3" / "inner" / "later.py").write_text("x")
    await eventually(lambda: changed(told) == {"later.py"})


async def test_folder_that_is_moved_in_is_told_with_its_files(
    watch: Watch, told: Told, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside" / "deep").mkdir(parents=True)
    (tmp_path / "outside" / "deep" / "flow.py").write_text("x")
    await watch.add(str(root))
    (tmp_path / "outside").rename(root / "inside")
    await eventually(lambda: "flow.py" in changed(told))
    told.clear()
    (root / "inside").rename(tmp_path / "outside")
    await eventually(lambda: changed(told) == {"inside"})


async def test_burst_is_told_in_few_pieces(watch: Watch, told: Told, root: Path) -> None:
    await watch.add(str(root))

    def burst() -> None:
        for number in range(500):
            (root / f"flow{number}.py").write_text("x")

    await in_order(burst)
    await eventually(lambda: len(changed(told)) == 500)
    assert len(told) < 100


async def test_root_that_goes_and_comes_back_is_told(watch: Watch, told: Told, root: Path) -> None:
    (root / "flow.py").write_text("x")
    await watch.add(str(root))
    away = root.with_name("away")
    await in_order(lambda: root.rename(away))
    await eventually(lambda: told and isinstance(told[-1], Change) and not told[-1].present)
    await asyncio.sleep(0.1)
    away.rename(root)
    await eventually(lambda: isinstance(told[-1], Change) and told[-1].present and told[-1].anew)
    told.clear()
    (root / "flow.py").write_text("y")
    await eventually(lambda: changed(told) == {"flow.py"})


async def test_root_that_is_replaced_at_once_is_watched_anew(watch: Watch, told: Told, root: Path) -> None:
    (root / "flow.py").write_text("x")
    other = root.with_name("other")
    shutil.copytree(root, other)
    await watch.add(str(root))

    def swap() -> None:
        shutil.rmtree(root)
        other.rename(root)

    await in_order(swap)
    await eventually(lambda: any(isinstance(change, Change) and change.anew for change in told))
    told.clear()
    (root / "flow.py").write_text("y")
    await eventually(lambda: changed(told) == {"flow.py"})


async def test_missing_root_is_awaited(watch: Watch, told: Told, tmp_path: Path) -> None:
    root = tmp_path / "later"
    assert not await watch.add(str(root))
    root.mkdir()
    await eventually(lambda: told)
    assert told == [Change(str(root), frozenset({str(root)}), present=True, anew=True)]


async def test_loops_of_links_and_closed_folders_end_nothing(watch: Watch, told: Told, root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "self").symlink_to(root / "self")
    (root / "closed").mkdir(mode=0o000)
    (root / "pipe").parent.joinpath("nowhere").symlink_to("/no/such/place")
    os.mkfifo(root / "fifo.py")
    try:
        assert await watch.add(str(root))
        (root / "a" / "b" / "flow.py").write_text("x")
        await eventually(lambda: changed(told) == {"flow.py"})
    finally:
        (root / "closed").chmod(0o700)


async def test_projects_within_each_other_are_both_told(watch: Watch, told: Told, root: Path) -> None:
    inner = root / "inner"
    inner.mkdir()
    await watch.add(str(root))
    await watch.add(str(inner))
    (inner / "flow.py").write_text("x")
    await eventually(lambda: {change.root for change in told} == {str(root), str(inner)})
    told.clear()
    await watch.remove(str(root))
    (inner / "flow.py").write_text("y")
    await eventually(lambda: told)
    await asyncio.sleep(0.2)
    assert {change.root for change in told} == {str(inner)}


async def test_where_the_system_watches_no_more_changes_are_still_found(
    told: Told, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = RustNotify

    def limited(*arguments: object) -> object:
        if not arguments[2]:
            raise OSError('OS file watch limit reached. about ["/p"]')
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(notices, "RustNotify", limited)
    monkeypatch.setattr(notices, "POLLING_MS", 50)
    watch = Watch(told.append)
    try:
        (root / "flow.py").write_text("x")
        # Polling tells modification times apart by whole seconds.
        os.utime(root / "flow.py", (1, 1))
        await watch.add(str(root))
        await eventually(lambda: told == [Limited(str(root), 1, "OS file watch limit reached.")])
        await asyncio.sleep(0.2)
        (root / "flow.py").write_text("longer than before")
        await eventually(lambda: changed(told) == {"flow.py"})
    finally:
        await watch.close()


async def test_without_projects_the_thread_does_not_wake_at_all(watch: Watch, root: Path) -> None:
    await watch.add(str(root))
    await watch.remove(str(root))
    (thread,) = [one for one in threading.enumerate() if one.name == "watch"]
    counted = [_switches(thread)]
    while counted[-1] not in counted[:-1]:
        # More than twice the longest pause; the last wake-up may still be on its way at first.
        await asyncio.sleep(2.2 * watches.IDLE_PAUSE)
        counted.append(_switches(thread))
        assert len(counted) < 8, f"wake-ups in a row: {counted}"


def _switches(thread: threading.Thread) -> int:
    status = Path(f"/proc/self/task/{thread.native_id}/status")
    if not status.exists():
        pytest.skip("only Linux counts the wake-ups of a thread")
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt")]
    return int(line.split()[1])


async def test_folder_that_is_made_anew_under_its_old_name_is_watched(watch: Watch, told: Told, root: Path) -> None:
    (root / "package" / "inner").mkdir(parents=True)
    await watch.add(str(root))

    def check_out() -> None:
        shutil.rmtree(root / "package")
        (root / "package" / "inner").mkdir(parents=True)

    for _ in range(3):
        await in_order(check_out)
        await asyncio.sleep(0.3)
        told.clear()
        (root / "package" / "inner" / "flow.py").write_text("x")
        await eventually(lambda: "flow.py" in changed(told))


async def test_many_folders_are_watched_in_parts_that_are_joined_at_rest(
    watch: Watch, told: Told, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "LARGEST_PART", 10)
    for number in range(55):
        (root / f"folder{number}").mkdir()
    await watch.add(str(root))
    assert watch._notices.parts == 6
    (root / "folder54" / "flow.py").write_text("x")
    await eventually(lambda: changed(told) == {"flow.py"})
    monkeypatch.setattr(notices, "LARGEST_PART", 100)
    watch._active_until = 0.0
    await eventually(lambda: watch._notices.parts == 1)
    for number in range(55):
        (root / f"folder{number}" / f"later{number}.py").write_text("x")
    await eventually(lambda: {f"later{number}.py" for number in range(55)} <= changed(told))
