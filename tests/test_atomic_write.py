"""A file is the old one or the new one, whatever happens to who writes it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mfenvd.atomic_write import copy_atomically, staged, write_atomically, write_for_a_while

OLD, NEW = b"old" * 10_000, b"new" * 20_000

# Each child writes in a folder of its own, and ends, as if killed, before the n-th call that this makes.
_KILLED_BEFORE_EACH_CALL = """
import os, sys
from pathlib import Path
from mfenvd.atomic_write import write_atomically

def killed_before(number, file):
    left = number
    def seen(frame, event, arg):
        nonlocal left
        if event == "c_call":
            left -= 1
            if left < 0:
                os._exit(9)
    sys.setprofile(seen)
    write_atomically(file, b"new" * 20_000, mode=None, sync=True)
    sys.setprofile(None)
    os._exit(0)

for number in range(1000):
    folder = Path(sys.argv[1], f"{number:03}")
    folder.mkdir()
    if sys.argv[2] == "there":
        (folder / "file").write_bytes(b"old" * 10_000)
    child = os.fork() or killed_before(number, folder / "file")
    if os.waitpid(child, 0)[1] == 0:
        break
"""

_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from mfenvd.atomic_write import write_atomically

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_atomically(Path(sys.argv[1]), b"new" * 20_000)
except OSError:
    sys.exit(7)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


@pytest.mark.parametrize("before", ["there", "missing"])
def test_killed_at_any_instant_the_file_is_the_old_or_the_new_one(tmp_path: Path, before: str) -> None:
    subprocess.run([sys.executable, "-c", _KILLED_BEFORE_EACH_CALL, str(tmp_path), before], check=True, timeout=60)
    folders = sorted(tmp_path.iterdir())
    seen = [(folder / "file").read_bytes() if (folder / "file").exists() else None for folder in folders]
    renamed = seen.index(NEW)
    assert 5 < renamed < len(seen) - 1
    assert set(seen) == {OLD if before == "there" else None, NEW}
    assert set(seen[renamed:]) == {NEW}
    assert any(name != "file" for folder in folders for name in names(folder))
    for folder in folders:
        for left in folder.iterdir():
            os.utime(left, (0, 0))
        write_atomically(folder / "file", NEW)
        assert names(folder) == ["file"]


def test_what_somebody_may_still_be_writing_stays(file: Path) -> None:
    with staged(file, NEW) as temporary:
        write_atomically(file, OLD)
        temporary.replace(file)
    assert file.read_bytes() == NEW


def test_a_full_disk_changes_nothing_and_leaves_nothing(file: Path) -> None:
    assert subprocess.run([sys.executable, "-c", _FULL_DISK, str(file)], check=False, timeout=60).returncode == 7
    assert file.read_bytes() == OLD
    assert names(file.parent) == ["file"]


def test_what_is_not_renamed_is_gone_afterwards(file: Path) -> None:
    with staged(file, NEW) as temporary:
        assert temporary.read_bytes() == NEW
    assert file.read_bytes() == OLD
    assert names(file.parent) == ["file"]


def test_writers_at_once_never_mix(file: Path) -> None:
    contents = {bytes([letter]) * 50_000 for letter in b"abcd"}

    def write(content: bytes) -> None:
        for _ in range(25):
            write_atomically(file, content)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    seen = {file.read_bytes()}
    while any(writer.is_alive() for writer in writers):
        seen.add(file.read_bytes())
    assert seen <= contents | {OLD}
    assert file.read_bytes() in contents
    assert names(file.parent) == ["file"]


@pytest.mark.usefixtures("umask")
def test_a_file_is_for_its_user_alone_unless_something_else_is_asked_for(file: Path) -> None:
    write_atomically(file, NEW)
    assert mode(file) == 0o600
    write_atomically(file, NEW, mode=0o666)
    assert mode(file) == 0o666


@pytest.mark.usefixtures("umask")
def test_without_a_mode_it_has_that_of_the_file_before_it_or_of_any_new_one(file: Path) -> None:
    write_atomically(file, NEW, mode=None)
    assert mode(file) == 0o640
    write_atomically(file.parent / "another", NEW, mode=None)
    (file.parent / "any").touch()
    assert mode(file.parent / "another") == mode(file.parent / "any") == 0o640


@pytest.mark.parametrize("sync", [True, False])
def test_the_content_is_on_the_disk_before_the_name_leads_to_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, *, sync: bool
) -> None:
    synced: list[tuple[bytes, bytes]] = []

    def noted(descriptor: int) -> None:
        synced.append((Path(f"/dev/fd/{descriptor}").read_bytes(), file.read_bytes()))

    monkeypatch.setattr(os, "fsync", noted)
    write_atomically(file, NEW, sync=sync)
    assert synced == ([(NEW, OLD)] if sync else [])


@pytest.mark.parametrize(("name", "kind"), [("missing/file", FileNotFoundError), ("folder", IsADirectoryError)])
def test_what_cannot_be_written_is_told_by_its_own_name(tmp_path: Path, name: str, kind: type[OSError]) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(kind) as told:
        write_atomically(tmp_path / name, NEW)
    assert told.value.filename == str(tmp_path / name)
    assert names(tmp_path) == ["folder"]


@pytest.mark.usefixtures("umask")
def test_a_copy_appears_whole_and_what_a_killed_one_left_goes(tmp_path: Path, file: Path) -> None:
    staging, place = tmp_path / "staging", tmp_path / "deep" / "copy"
    staging.mkdir()
    place.parent.mkdir()
    left = staging / ".mfenv-0123456789abcdef.tmp"
    left.touch()
    os.utime(left, (0, 0))
    copy_atomically(file, place, staging)
    assert (place.read_bytes(), mode(place)) == (OLD, 0o640)
    assert (names(staging), names(place.parent)) == ([], ["copy"])
    with pytest.raises(FileNotFoundError) as told:
        copy_atomically(file, tmp_path / "missing" / "copy", staging)
    assert told.value.filename == str(tmp_path / "missing" / "copy")
    assert names(staging) == []


def test_what_others_left_in_the_folder_stays(file: Path) -> None:
    others = [file.parent / name for name in (".mfenv-trash-x", ".mfenv.json", "a.tmp")]
    for other in others:
        other.touch()
        os.utime(other, (0, 0))
    write_atomically(file, NEW)
    assert names(file.parent) == sorted(["file", *(other.name for other in others)])


def test_what_is_kept_for_a_while_goes_with_a_later_one(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    for name in ("old", "recent"):
        write_for_a_while(folder / name, b"1", 100.0)
    os.utime(folder / "old", (time.time() - 101,) * 2)
    write_for_a_while(folder / "recent", b"2", 100.0)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"recent": b"2"}
    assert stat.S_IMODE((folder / "recent").stat().st_mode) == 0o600
