"""environments.txt: what is registered stays registered, whatever other programs write meanwhile."""

import threading
from pathlib import Path

import pytest

from mfenvd.atomic_write import write_atomically
from mfenvd.warm.registry import NotRegisteredError, Registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / ".conda" / "environments.txt", tmp_path / "locks" / "registry.lock")


def environment(path: Path) -> Path:
    (path / "conda-meta").mkdir(parents=True)
    (path / "conda-meta" / "history").touch()
    return path


def test_the_file_is_made_and_each_prefix_stands_once(tmp_path: Path, registry: Registry) -> None:
    one, two = environment(tmp_path / "one"), environment(tmp_path / "two")
    for prefix in (two, one, two):
        registry.add(prefix)
    assert (tmp_path / ".conda" / "environments.txt").read_text() == f"{two}\n{one}\n"
    assert registry.prefixes() == [one, two]


def test_a_last_line_without_an_end_is_not_joined(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / ".conda" / "environments.txt"
    file.parent.mkdir()
    file.write_text("/somebody/elses")
    registry.add(tmp_path)
    assert file.read_text() == f"/somebody/elses\n{tmp_path}\n"


def test_what_is_gone_is_not_listed(tmp_path: Path, registry: Registry) -> None:
    registry.add(tmp_path / "gone")
    assert registry.contains(tmp_path / "gone")
    assert registry.prefixes() == []


def test_removing_leaves_other_lines_as_they_are(tmp_path: Path, registry: Registry) -> None:
    file = tmp_path / ".conda" / "environments.txt"
    file.parent.mkdir()
    file.write_text(f"/b\n{tmp_path}\n/a\n{tmp_path}x\n")
    file.chmod(0o640)
    registry.remove(tmp_path)
    registry.remove(tmp_path / "never there")
    assert file.read_text() == f"/b\n/a\n{tmp_path}x\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_program_that_appends_while_we_remove_loses_nothing(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".conda" / "environments.txt"
    registry.add(tmp_path)
    opened = file.open("a")

    def appended_meanwhile(path: Path, content: bytes, *, mode: int | None) -> None:
        opened.write("/appended\n")
        opened.close()
        write_atomically(path, content, mode=mode)

    monkeypatch.setattr("mfenvd.warm.registry.write_atomically", appended_meanwhile)
    registry.remove(tmp_path)
    assert file.read_text() == "/appended\n"


def test_writers_and_a_cleaning_micromamba_lose_no_line(tmp_path: Path, registry: Registry) -> None:
    """micromamba reads the file and writes it anew, without a lock, while we add."""
    file = tmp_path / ".conda" / "environments.txt"
    prefixes = [environment(tmp_path / f"env{number}") for number in range(12)]
    done = threading.Event()

    def clean() -> None:
        while not done.is_set():
            lines = file.read_text().splitlines() if file.exists() else []
            if lines:
                file.write_text("".join(f"{line}\n" for line in sorted(set(lines))))
            done.wait(0.01)

    cleaner = threading.Thread(target=clean)
    cleaner.start()

    def add(some: list[Path]) -> None:
        for prefix in some:
            registry.add(prefix)

    adders = [threading.Thread(target=add, args=(half,)) for half in (prefixes[:6], prefixes[6:])]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    done.set()
    cleaner.join()
    for prefix in prefixes:  # what a rewriting took out is put back, as the next look at the environment does
        registry.add(prefix)
    assert registry.prefixes() == sorted(prefixes)


def test_a_file_that_never_keeps_the_line_is_told(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "contains", lambda self, prefix: False)
    monkeypatch.setattr("mfenvd.warm.registry._PAUSE", 0.0)
    with pytest.raises(NotRegisteredError, match=r"environments\.txt"):
        registry.add(tmp_path)
