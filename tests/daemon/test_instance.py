from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from mfenvd.daemon.instance import Instance, UnsafeFolderError, make_private
from mfenvd.daemon.peers import may_ask, peer_uid
from mfenvd.domain.event import Hello
from mfenvd.paths import Paths, find_paths
from tests.daemon.harness import Daemon, is_running, until


def test_socket_and_its_folder_are_for_the_user_alone(running: Daemon) -> None:
    path = running.paths.socket
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_curl_can_ask(running: Daemon) -> None:
    command = ["curl", "--silent", "--unix-socket", str(running.paths.socket), "http://mfenvd/v1/hello"]
    answer = subprocess.run(command, capture_output=True, check=True).stdout
    assert msgspec.json.decode(answer, type=Hello).pid == running.pid


def test_second_daemon_says_who_runs_and_leaves_the_socket_alone(running: Daemon) -> None:
    second = running.spawn()
    output, _ = second.communicate(timeout=20)
    assert output.strip() == f"already running {running.pid}"
    assert running.connection.greet().pid == running.pid


def test_of_several_started_at_once_one_runs_and_the_others_name_it(daemon: Daemon) -> None:
    processes = [daemon.spawn() for _ in range(3)]
    try:
        lines = []
        for process in processes:
            assert process.stdout is not None
            lines.append(process.stdout.readline().strip())
        (winner,) = [line.removeprefix("ok ") for line in lines if line.startswith("ok ")]
        assert sorted(lines) == sorted([f"ok {winner}", *[f"already running {winner}"] * 2])
        assert daemon.connection.greet().pid == int(winner)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_killed_daemon_leaves_a_socket_that_the_next_one_replaces(daemon: Daemon) -> None:
    daemon.start()
    first = daemon.pid
    daemon.kill()
    assert daemon.paths.socket.exists()
    assert daemon.start() == f"ok {daemon.pid}"
    assert daemon.connection.greet().pid == daemon.pid != first


def test_start_waits_for_a_daemon_that_is_about_to_end(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: sleep==1.5\n")
    running.up(root)
    until(lambda: running.notes("resolve"))
    running.connection.stop()
    old, line = running.process, running.start()
    assert old is not None
    assert line == f"ok {running.pid}"
    assert old.wait(20) == 0
    assert old.stdout is not None
    old.stdout.close()


def test_long_home_has_its_socket_elsewhere_and_both_sides_find_it(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / ("long" * 30))
    try:
        assert daemon.start() == f"ok {daemon.pid}"
        assert len(os.fsencode(daemon.paths.socket)) < 104
        assert stat.S_IMODE(daemon.paths.socket.parent.stat().st_mode) == 0o700
        assert daemon.connection.greet().pid == daemon.pid
    finally:
        daemon.end()
        daemon.paths.socket.unlink(missing_ok=True)
        daemon.paths.socket.parent.rmdir()


def test_lock_is_held_by_one_and_free_after_release(tmp_path: Path) -> None:
    paths = find_paths({"MFENV_HOME": str(tmp_path)})
    first, second = Instance(paths), Instance(paths)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_folder_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafeFolderError):
        make_private(tmp_path / "link")


def test_start_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "state").write_text("a file where a folder should be")
    daemon = Daemon(tmp_path / "home")
    try:
        line = daemon.start()
        assert line.startswith("error ")
        assert "state" in line
        assert daemon.wait() == 1
    finally:
        daemon.end()


def test_peer_of_a_socket_pair_is_this_user() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert peer_uid(one) == os.geteuid()
        assert may_ask(one)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_other_user_is_refused_even_where_the_folder_would_let_them(running: Daemon) -> None:
    script = (
        "import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX)\n"
        "os.chdir(sys.argv[1])\n"
        "os.setuid(65534)\n"
        "s.connect('mfenvd.sock')\n"
        "s.sendall(b'GET /v1/hello HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')\n"
        "print(s.recv(65536).decode())\n"
    )
    folder = running.paths.socket.parent
    folder.chmod(0o755)
    running.paths.socket.chmod(0o777)
    answer = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    assert answer.stdout.startswith("HTTP/1.1 403")
    assert "another user" in answer.stdout


def test_first_signal_drains_and_the_second_waits_for_nothing(daemon: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: sleep==600\n")
    daemon.environ["FAKE_DRAIN"] = "600"
    daemon.start()
    daemon.up(root)
    until(lambda: daemon.notes("resolve"))
    workers = daemon.workers()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGTERM)
    until(lambda: not daemon.paths.socket.exists())
    assert daemon.process.poll() is None
    assert daemon.signal(signal.SIGTERM) == 0
    until(lambda: not any(is_running(worker.pid) for worker in workers))


def test_draining_lets_short_work_finish(running: Daemon, root: Path) -> None:
    (root / "flow.py").write_text("start: sleep==1\n")
    running.up(root)
    until(lambda: running.notes("resolve"))
    assert running.signal(signal.SIGTERM) == 0
    running.start()
    until(lambda: running.states().get("start linux-64") == "resolved")
    assert running.notes("resolve") == ["sleep==1 linux-64"]


def test_socket_path_is_the_same_whatever_the_temporary_folder_is(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = Paths("/c", "/k", "/s", "/l", "/" + "r" * 120)
    before = paths.socket
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    assert paths.socket == before
    assert paths.socket != Paths("/c", "/k", "/s", "/l", "/" + "q" * 120).socket
