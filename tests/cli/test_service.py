"""`mfenv service`: the unit and the agent, and the service managers behind them."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mfenvd.cli import service_actions, service_file
from mfenvd.cli.errors import CommandError
from mfenvd.cli.service import add_to
from mfenvd.cli.service_control import ControlError, Launchd, Systemd
from mfenvd.cli.service_file import NoServiceError
from mfenvd.paths import find_paths
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon, running_fake_daemon

PLATFORMS = ["linux", "darwin"]
PATHS = st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="/\x7f"), min_size=1).map(
    lambda name: f"/opt/{name}/mfenvd"
)


@pytest.mark.parametrize("platform", PLATFORMS)
class TestTheFile:
    """Written and removed; nothing is started."""

    def test_it_is_put_in_place_whole(self, platform: str, tmp_path: Path) -> None:
        file = service_file.install("/opt/mfenv/bin/mfenvd", platform, tmp_path)
        assert file == service_file.service_file(platform, tmp_path)
        assert stat.S_IMODE(file.stat().st_mode) == 0o644
        assert list(file.parent.iterdir()) == [file]
        assert service_file.installed_executable(platform, tmp_path) == "/opt/mfenv/bin/mfenvd"

    def test_again_replaces_it(self, platform: str, tmp_path: Path) -> None:
        service_file.install("/old/mfenvd", platform, tmp_path)
        service_file.install("/new/mfenvd", platform, tmp_path)
        assert service_file.installed_executable(platform, tmp_path) == "/new/mfenvd"

    def test_it_is_removed_once(self, platform: str, tmp_path: Path) -> None:
        file = service_file.install("/opt/mfenvd", platform, tmp_path)
        assert service_file.uninstall(platform, tmp_path)
        assert not file.exists()
        assert not service_file.uninstall(platform, tmp_path)
        assert service_file.installed_executable(platform, tmp_path) is None

    def test_a_failed_write_leaves_nothing(self, platform: str, tmp_path: Path) -> None:
        file = service_file.service_file(platform, tmp_path)
        file.mkdir(parents=True)
        with pytest.raises(OSError, match=r"(?i)directory"):
            service_file.install("/opt/mfenvd", platform, tmp_path)
        assert list(file.parent.iterdir()) == [file]

    def test_only_variables_that_move_folders_are_kept(self, platform: str, tmp_path: Path) -> None:
        environ = {"MFENV_HOME": "/data/mfenv home", "AWS_SECRET_ACCESS_KEY": "s3cret", "XDG_CACHE_HOME": ""}
        content = service_file.install("/opt/mfenvd", platform, tmp_path, environ).read_text()
        assert "/data/mfenv home" in content
        assert "s3cret" not in content
        assert "XDG_CACHE_HOME" not in content

    @given(executable=PATHS)
    def test_any_path_comes_back_as_it_was(
        self, platform: str, tmp_path_factory: pytest.TempPathFactory, executable: str
    ) -> None:
        home = tmp_path_factory.getbasetemp()
        service_file.install(executable, platform, home)
        assert service_file.installed_executable(platform, home) == executable

    def test_a_file_of_somebody_else_names_no_program(self, platform: str, tmp_path: Path) -> None:
        file = service_file.service_file(platform, tmp_path)
        file.parent.mkdir(parents=True)
        file.write_bytes(b"\xff nonsense")
        assert service_file.installed_executable(platform, tmp_path) is None


def test_other_platforms_have_none(tmp_path: Path) -> None:
    with pytest.raises(NoServiceError):
        service_file.install("/opt/mfenvd", "win32", tmp_path)
    with pytest.raises(NoServiceError):
        service_file.service_content("/opt/mfenvd", "freebsd14", {})


def test_the_agent_as_launchd_reads_it() -> None:
    agent = plistlib.loads(service_file.service_content("/a b/mfenvd", "darwin", {"MFENV_HOME": "/<&>"}))
    assert agent["ProgramArguments"] == ["/a b/mfenvd", "run"]
    assert agent["EnvironmentVariables"] == {"MFENV_HOME": "/<&>"}
    assert agent["Label"] == "com.metaflow.mfenvd"
    assert agent["KeepAlive"] == {"SuccessfulExit": False}


def systemd_says(unit: Path, home: Path) -> str:
    """What `systemd-analyze` finds wrong with a unit; empty for nothing."""
    verified = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env={"XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert verified.returncode == 0 or verified.stderr
    return verified.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("name", ["plain", "with blank", "100%h", "$HOME", "größe"])
def test_the_unit_as_systemd_reads_it(tmp_path: Path, name: str) -> None:
    program = tmp_path / name / "mfenvd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = service_file.install(str(program), "linux", tmp_path, {"MFENV_HOME": str(program.parent)})
    assert systemd_says(unit, tmp_path) == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_in_contrib_needs_only_its_program(tmp_path: Path) -> None:
    unit = Path(__file__).parents[2] / "contrib" / "mfenvd.service"
    program = tmp_path / ".local" / "bin" / "mfenvd"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert systemd_says(unit, tmp_path) == ""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that is the whole PATH; empty."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def manager(programs: Path, name: str, script: str) -> Path:
    """A service manager that writes its arguments to a file and then does what `script` says."""
    calls = programs.parent / f"{name}.calls"
    program = programs / name
    program.write_text(f'#!/bin/sh\necho "$*" >> "{calls}"\n{script}\n')
    program.chmod(0o755)
    return calls


class TestSystemd:
    def test_start_and_stop(self, programs: Path, tmp_path: Path) -> None:
        calls = manager(programs, "systemctl", "exit 0")
        Systemd().start(tmp_path / "mfenvd.service")
        Systemd().stop()
        assert calls.read_text().splitlines() == [
            "--user daemon-reload", "--user enable mfenvd.service", "--user restart mfenvd.service",
            "--user disable --now mfenvd.service",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("script", "running"),
        [("echo active", True), ("echo inactive; exit 3", False), ("echo failed; exit 3", False), ("exit 1", None)],
    )
    def test_whether_it_runs(self, programs: Path, script: str, running: bool | None) -> None:
        manager(programs, "systemctl", script)
        assert Systemd().running() is running

    def test_a_refusal_is_told_in_its_own_words(self, programs: Path, tmp_path: Path) -> None:
        manager(programs, "systemctl", 'echo "more" >&2; echo "Failed to connect to bus" >&2; exit 1')
        with pytest.raises(ControlError, match=r"^Failed to connect to bus$"):
            Systemd().start(tmp_path)

    def test_without_systemd(self, programs: Path, tmp_path: Path) -> None:
        assert not list(programs.iterdir())
        assert Systemd().running() is None
        Systemd().stop()
        with pytest.raises(ControlError, match="systemctl"):
            Systemd().start(tmp_path)


class TestLaunchd:
    def test_start_and_stop(self, programs: Path, tmp_path: Path) -> None:
        calls = manager(programs, "launchctl", "exit 0")
        Launchd(501).start(tmp_path / "x.plist")
        Launchd(501).stop()
        assert calls.read_text().splitlines() == [
            "bootout gui/501/com.metaflow.mfenvd", f"bootstrap gui/501 {tmp_path / 'x.plist'}",
            "bootout gui/501/com.metaflow.mfenvd",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("script", "running"),
        [("echo '\tstate = running'", True), ("echo 'state = waiting'", False), ("exit 113", False)],
    )
    def test_whether_it_runs(self, programs: Path, script: str, running: bool) -> None:
        manager(programs, "launchctl", script)
        assert Launchd(501).running() is running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Path) -> Path:
    """A home on Linux with a mfenvd, in which nothing runs yet."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("MFENV_HOME", str(tmp_path / "mfenv"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    (programs / "mfenvd").write_text("#!/bin/sh\n")
    (programs / "mfenvd").chmod(0o755)
    return folder


SYSTEMCTL = 'case "$2" in is-active) if [ -e "{0}" ]; then echo active; else echo inactive; fi;; '
SYSTEMCTL += 'restart) : > "{0}";; disable) /bin/rm -f "{0}";; esac'


@pytest.fixture
def systemctl(programs: Path, tmp_path: Path) -> Path:
    """A systemctl that remembers whether it was started. Answers the file of its calls."""
    return manager(programs, "systemctl", SYSTEMCTL.format(tmp_path / "is-running"))


@pytest.fixture
def service(home: Path) -> Callable[..., tuple[int, str]]:
    """Runs `mfenv service …`: exit code and standard output."""
    del home
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    add_to(app)

    def run_it(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["service", *arguments], catch_exceptions=True)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return run_it


def asked_to_stop(daemon: FakeDaemon) -> bool:
    return any("/v1/stop" in path for _, path, _ in daemon.received)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager that has really started something."""
    monkeypatch.setattr(service_actions, "_answers_in_time", lambda: True)


class TestCommands:
    """From the command line to the service manager, which alone is not real."""

    @pytest.mark.usefixtures("answering")
    def test_install_status_uninstall(
        self, service: Callable[..., tuple[int, str]], systemctl: Path, home: Path, programs: Path
    ) -> None:
        unit = home / ".config/systemd/user/mfenvd.service"
        code, out = service("status", "--json")
        before = {
            "manager": "systemd", "file": str(unit), "installed": False, "executable": None, "usable": False,
            "running": False,
        }  # fmt: skip
        assert (code, json.loads(out)) == (0, before)
        assert service("install")[0] == 0
        code, out = service("status", "--json")
        after = {**before, "installed": True, "executable": str(programs / "mfenvd"), "usable": True, "running": True}
        assert (code, json.loads(out)) == (0, after)
        assert service("uninstall")[0] == 0
        assert json.loads(service("status", "--json")[1]) == before
        assert "--user enable mfenvd.service" in systemctl.read_text().splitlines()

    @pytest.mark.usefixtures("systemctl", "answering")
    def test_in_words(self, service: Callable[..., tuple[int, str]], programs: Path) -> None:
        assert "does not start at login" in service("status")[1]
        assert "starts at every login" in service("install")[1]
        (programs / "mfenvd").unlink()
        assert "mfenvd starts at login." in service("status")[1]
        assert "was removed" in service("uninstall")[1]
        assert "was not there" in service("uninstall")[1]

    def test_no_start_starts_nothing(self, service: Callable[..., tuple[int, str]], systemctl: Path) -> None:
        out = service("install", "--no-start", "--json")[1]
        assert json.loads(out)["installed"]
        assert not [line for line in systemctl.read_text().splitlines() if "restart" in line or "enable" in line]

    @pytest.mark.usefixtures("systemctl", "answering")
    def test_a_running_daemon_makes_room(self, service: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
        socket = find_paths().socket
        with running_fake_daemon(socket, samples.status(tmp_path, socket=str(socket))) as daemon:
            assert service("install")[0] == 0
            assert asked_to_stop(daemon)

    @pytest.mark.usefixtures("systemctl")
    def test_a_process_that_does_not_answer_is_no_service(
        self, service: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service_actions, "START_SECONDS", 0.2)
        with pytest.raises(CommandError, match="it was started and does not answer"):
            service("install")

    @pytest.mark.usefixtures("home")
    def test_without_systemd_the_daemon_stays_and_the_file_is_there(
        self, service: Callable[..., tuple[int, str]], tmp_path: Path
    ) -> None:
        socket = find_paths().socket
        with running_fake_daemon(socket, samples.status(tmp_path, socket=str(socket))) as daemon:
            with pytest.raises(CommandError, match=r"in place, but systemd does not start it"):
                service("install")
            assert not asked_to_stop(daemon)
        assert json.loads(service("status", "--json")[1])["running"] is None

    @pytest.mark.usefixtures("systemctl")
    def test_without_a_program_there_is_nothing_to_start(
        self, service: Callable[..., tuple[int, str]], programs: Path
    ) -> None:
        (programs / "mfenvd").unlink()
        with pytest.raises(CommandError, match="mfenvd was not found"):
            service("install")

    @pytest.mark.usefixtures("home")
    def test_another_platform_says_what_to_do(
        self, service: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "platform", "freebsd14")
        for command in ("install", "uninstall", "status"):
            with pytest.raises(CommandError, match="freebsd14") as caught:
                service(command)
            assert caught.value.fix

    @pytest.mark.usefixtures("systemctl")
    def test_a_home_that_cannot_be_written(self, service: Callable[..., tuple[int, str]], home: Path) -> None:
        (home / ".config").write_text("in the way")
        with pytest.raises(CommandError, match=r"\.config"):
            service("install")


def test_the_program_on_the_path_is_found(tmp_path: Path) -> None:
    program = tmp_path / "mfenvd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    found = service_actions.find_executable(Path("/nowhere/python"), {"PATH": str(tmp_path)})
    assert found == str(program)
    assert service_actions.find_executable(Path("/nowhere/python"), {"PATH": "/nowhere"}) is None
