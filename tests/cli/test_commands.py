from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
import typer

from mfenvd.cli import export, watching, why
from mfenvd.cli.app import COMMANDS as MODULES
from mfenvd.domain.event import PROTOCOL
from mfenvd.paths import find_paths
from tests.cli.conftest import Run, started
from tests.support import samples
from tests.support.fake_daemon import FakeDaemon

COMMANDS = ("up", "down", "status", "version", "watch", "unwatch", "trust", "untrust", "logs", "why", "check", "plan")


@pytest.mark.parametrize("command", [*COMMANDS, "wheels", "resolve"])
def test_every_command_has_help_with_examples(mfenv: Run, command: str) -> None:
    ended = mfenv(command, "--help")
    assert ended.code == 0
    assert f"mfenv {command}" in ended.out.partition("Examples:")[2]
    assert "--json" in ended.out


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_the_commands_that_it_is_loaded_for(module: str) -> None:
    app = typer.Typer()
    app.callback()(lambda: None)  # typer makes no group of a command that is alone
    import_module(f"mfenvd.cli.{module}").add_to(app)
    group = typer.main.get_group(app)
    assert tuple(group.commands) == MODULES[module]


def test_no_command_shows_them_all(mfenv: Run) -> None:
    ended = mfenv()
    commands = [command for module in MODULES.values() for command in module]
    assert all(f" {command} " in ended.out + ended.err for command in commands)


@pytest.mark.parametrize("arguments", [("nonsense",), ("status", "--nonsense"), ("check", "nowhere.py"), ("why",)])
def test_wrong_usage_ends_with_2(mfenv: Run, arguments: tuple[str, ...]) -> None:
    ended = mfenv(*arguments)
    assert ended.code == 2
    assert ended.err


def test_a_requirements_file_is_no_flow(mfenv: Run, project: Path) -> None:
    (project / "requirements.txt").write_text("numpy\n")
    for command in ("check", "plan", "up"):
        ended = mfenv(command, "requirements.txt")
        assert ended.code == 2
        assert "mfenv resolve -r requirements.txt" in ended.err


def test_another_protocol_is_said_with_what_to_do(mfenv: Run, daemon: FakeDaemon) -> None:
    daemon.hello = msgspec.structs.replace(daemon.hello, protocol=PROTOCOL + 1)
    ended = mfenv("up")
    assert ended.code == 3
    assert ended.err.startswith("error: mfenvd 0.1.0 is running and speaks protocol 2;")
    assert "fix: Run `mfenv down`, then `mfenv up`" in ended.err


def test_a_daemon_of_another_protocol_can_be_stopped(mfenv: Run, daemon: FakeDaemon) -> None:
    daemon.hello = msgspec.structs.replace(daemon.hello, protocol=PROTOCOL + 1)
    assert mfenv("down").out == "mfenvd has stopped.\n"
    assert daemon.received[0] == ("POST", "/v1/stop", {"drain": True})


def test_down_twice_is_no_error(mfenv: Run) -> None:
    ended = mfenv("down")
    assert (ended.code, ended.out) == (0, "mfenvd was not running.\n")
    assert json.loads(mfenv("down", "--json").out) == {"stopped": False}


def test_down_now_does_not_wait_for_work(mfenv: Run, daemon: FakeDaemon) -> None:
    assert mfenv("down", "--now").code == 0
    assert daemon.received[0] == ("POST", "/v1/stop", {"drain": False})


def test_a_path_inside_a_watched_folder_means_the_folder(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    assert mfenv("trust", "train.py").out == f"{project} is trusted.\n"
    assert mfenv("untrust").out == f"{project} is not trusted.\n"
    assert json.loads(mfenv("unwatch", "--json").out) == {"unwatched": [str(project)]}
    assert [call for call in daemon.received if call[0] != "GET"] == [
        ("POST", "/v1/trust", {"root": str(project), "trusted": True}),
        ("POST", "/v1/trust", {"root": str(project), "trusted": False}),
        ("DELETE", "/v1/projects", {"root": str(project)}),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_a_folder_whose_name_is_no_text_is_refused(mfenv: Run, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"d\xe9p\xf4t")
    folder.mkdir()
    ended = mfenv("check", str(folder))
    assert (ended.code, ended.err) == (
        2,
        f"error: The name of {tmp_path}/d\ufffdp\ufffdt is not UTF-8.\nfix: Rename it.\n",
    )


@pytest.mark.parametrize("command", ["check", "plan", "up", "watch"])
def test_all_that_the_user_has_is_no_project(
    mfenv: Run, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    home = tmp_path / "ana"
    (home / "flows").mkdir(parents=True)
    (home / ".git").mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    ended = mfenv(command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {home} is no project: everything that you have lies below it")
    assert [call for call in daemon.received if call[0] == "POST"] == []
    assert mfenv("plan", "flows").code == 0


def test_a_folder_that_is_not_watched_is_said(mfenv: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    ended = mfenv("unwatch", str(tmp_path))
    assert ended.code == 2
    said = f"error: {tmp_path} is not watched.\nfix: Run `mfenv up` in it, or name one that `mfenv status` lists.\n"
    assert ended.err == said
    assert all(call[0] == "GET" for call in daemon.received)


def test_watch_registers_this_shell(
    mfenv: Run, daemon: FakeDaemon, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAFLOW_PROFILE", "team")
    assert mfenv("watch", "train.py").out == f"Watching {project}.\n"
    body = daemon.received[-1][2]
    assert body["root"] == str(project)
    assert body["surroundings"]["cwd"] == str(project)
    assert body["surroundings"]["environ"]["METAFLOW_PROFILE"] == "team"


def test_what_the_daemon_refuses_is_told_in_its_words(mfenv: Run, daemon: FakeDaemon) -> None:
    daemon.refuse["/v1/trust"] = (409, "It is busy.", "Wait.")
    ended = mfenv("trust")
    assert (ended.code, ended.err) == (3, "error: It is busy.\nfix: Wait.\n")


def test_version_without_and_with_a_daemon(mfenv: Run) -> None:
    told = json.loads(mfenv("version", "--json").out)
    assert told["daemon"] is None
    assert told["protocol"] == PROTOCOL
    assert mfenv("version").out.startswith(f"mfenv {told['version']}\n")


def test_the_version_alone(mfenv: Run) -> None:
    ended = mfenv("--version")
    assert (ended.code, ended.out) == (0, f"mfenv {json.loads(mfenv('version', '--json').out)['version']}\n")


def test_logs_are_shown_from_the_end(mfenv: Run) -> None:
    log = find_paths().log_file
    assert mfenv("logs").code == 3
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert mfenv("logs", "-n", "2").out == "line 98\nline 99\n"
    assert len(mfenv("logs").out.splitlines()) == 50
    assert json.loads(mfenv("logs", "-n", "1", "--json").out) == {"line": "line 99"}


def test_logs_follow_through_a_rotation_until_ctrl_c(project: Path) -> None:
    log = find_paths().log_file
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    with started("logs", "-f", cwd=project) as following:
        assert following.stdout
        assert following.stdout.readline() == "first\n"
        with log.open("a") as more:
            more.write("second\n")
        assert following.stdout.readline() == "second\n"
        log.rename(log.with_suffix(".1"))
        log.write_text("third\n")
        assert following.stdout.readline() == "third\n"
        following.send_signal(signal.SIGINT)
        assert following.wait(60) == 130
        assert following.stderr
        assert following.stderr.read() == ""


def test_a_folder_is_no_requirement_file(mfenv: Run, tmp_path: Path) -> None:
    ended = mfenv("resolve", "-r", str(tmp_path))
    assert (ended.code, ended.err.splitlines()[0]) == (2, f"error: {tmp_path} is not a file.")


def test_the_shell_completes_watched_folders_packages_and_environments(
    daemon: FakeDaemon, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert watching._complete_root("/") == [str(project)]
    assert why._complete_package("url") == ["urllib3"]
    monkeypatch.chdir(project)
    assert export._complete_environment("TrainFlow/e") == ["TrainFlow/end", "TrainFlow/evaluate"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert export._complete_environment("TrainFlow/e") == []
    assert daemon.received


@pytest.mark.parametrize(("shell", "shown"), [("bash", r"/srv/ana\ \&\ bob"), ("zsh", "/srv/ana & bob")])
def test_a_folder_with_spaces_is_completed_as_one_word(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, shell: str, shown: str
) -> None:
    projects = (msgspec.structs.replace(daemon.status.projects[0], root="/srv/ana & bob"),)
    daemon.status = msgspec.structs.replace(daemon.status, projects=projects)
    monkeypatch.setenv("_MFENV_COMPLETE", f"complete_{shell}")
    assert watching._complete_root("/srv/ana &") == [shown]


def test_output_survives_a_terminal_without_unicode(daemon: FakeDaemon, project: Path) -> None:
    assert daemon.status.verdicts
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with started("status", cwd=project, env=environ) as showing:
        out, err = showing.communicate(timeout=20)
    assert showing.returncode == 0
    assert err == ""
    assert out.isascii()
    assert "x wheel gap" in out


def test_json_is_utf_8_whatever_the_terminal_speaks(daemon: FakeDaemon, project: Path) -> None:
    verdict = msgspec.structs.replace(samples.verdicts(project)[0], step="étape")
    daemon.status = msgspec.structs.replace(daemon.status, verdicts=(verdict,))
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    argv = [sys.executable, "-c", "from mfenvd.cli.main import main; main()", "status", "--json"]
    ended = subprocess.run(argv, capture_output=True, check=True, cwd=project, env=environ, timeout=20)
    assert json.loads(ended.stdout.decode("utf-8"))["verdicts"][0]["step"] == "étape"
