from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import msgspec
import pytest
import typer

from mfenvd.cli import export, watching, why
from mfenvd.cli.app import COMMANDS as MODULES
from mfenvd.cli.exit_codes import ExitCode
from mfenvd.cli.main import run
from mfenvd.cli.status import duration
from mfenvd.domain.event import PROTOCOL
from mfenvd.domain.verdict import Verdict
from mfenvd.domain.words import Tone, tone
from mfenvd.paths import find_paths
from mfenvd.resolve.mixed.names import own_names
from tests.cli.conftest import Run
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


def test_status_without_a_daemon(mfenv: Run) -> None:
    ended = mfenv("status")
    assert (ended.code, ended.out) == (0, "mfenvd is not running.\n")
    assert "mfenv up" in ended.err
    assert json.loads(mfenv("status", "--json").out) == {"daemon": None, "projects": [], "verdicts": []}


def test_status_as_json_has_the_documented_fields(mfenv: Run, daemon: FakeDaemon) -> None:
    told = json.loads(mfenv("status", "--json").out)
    assert told["daemon"]["pid"] == 4242
    assert {"pid", "version", "socket", "uptime"} <= told["daemon"].keys()
    blocked = next(verdict for verdict in told["verdicts"] if verdict["state"] == "blocked")
    assert list(blocked)[:9] == [
        "source", "flow", "step", "env", "target", "reasons", "state", "packages", "findings",
    ]  # fmt: skip
    assert {"arch", "python", "glibc", "macos"} <= blocked["target"].keys()
    assert {"code", "severity", "message", "package", "path", "line", "column", "fix"} <= blocked["findings"][0].keys()
    resolved = told["verdicts"][0]["packages"][0]
    assert {"name", "version", "filename", "url", "sha256", "requires"} <= resolved.keys()
    assert msgspec.convert(told["verdicts"], list[Verdict]) == list(daemon.status.verdicts)


def test_status_for_people(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    ended = mfenv("status")
    assert ended.code == 0
    assert "mfenvd 0.1.0 · pid 4242 · up 1 h 2 min" in ended.out
    assert str(daemon.socket) in ended.out
    assert str(project) in ended.out
    assert "AWS_SECRET_ACCESS_KEY, METAFLOW_PROFILE" in ended.out
    assert "✗ wheel gap" in ended.out
    assert "\x1b" not in ended.out


def test_status_tells_of_which_day_the_names_of_conda_packages_are_where_they_matter(
    mfenv: Run, daemon: FakeDaemon
) -> None:
    assert "names" not in mfenv("status").out
    mixed = tuple(msgspec.structs.replace(verdict, kind="mixed") for verdict in daemon.status.verdicts)
    daemon.status = msgspec.structs.replace(daemon.status, verdicts=mixed)
    assert f"which conda package is which on PyPI, as of {own_names().date}" in mfenv("status").out


def test_status_shows_no_secret(mfenv: Run, daemon: FakeDaemon) -> None:
    assert daemon.status.projects
    assert "AWS_SECRET_ACCESS_KEY=****" in mfenv("status", "--verbose").out


def test_status_may_be_limited_to_paths(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    assert daemon.status.verdicts
    told = json.loads(mfenv("status", "score.py", "--json").out)
    assert {verdict["source"] for verdict in told["verdicts"]} == {str(project / "score.py")}
    assert [each["root"] for each in told["projects"]] == [str(project)]


def test_status_of_a_watched_folder_that_is_gone(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    project.rename(project.with_name("moved"))
    assert len(json.loads(mfenv("status", str(project), "--json").out)["projects"]) == 1
    assert mfenv("status", str(project.with_name("never"))).code == 2


def test_a_requirements_file_is_no_flow(mfenv: Run, project: Path) -> None:
    (project / "requirements.txt").write_text("numpy\n")
    for command in ("check", "plan", "up"):
        ended = mfenv(command, "requirements.txt")
        assert ended.code == 2
        assert "mfenv resolve -r requirements.txt" in ended.err


def test_the_quick_way_to_status_and_the_usual_one_say_the_same(
    mfenv: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = mfenv("status", "--json", "-v").out
    monkeypatch.setattr("mfenvd.cli.main._STATUS_FLAGS", frozenset())
    assert mfenv("status", "--json", "-v").out == quick
    assert len(json.loads(quick)["verdicts"]) == len(daemon.status.verdicts)


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


def test_why_shows_the_chains_from_the_daemons_verdicts(mfenv: Run, daemon: FakeDaemon) -> None:
    assert daemon.status.verdicts
    assert mfenv("why", "UrlLib3").out == (
        "urllib3 2.5.0\n  requests → urllib3\n    TrainFlow · start  linux-64, osx-arm64, osx-64\n"
    )
    uses = json.loads(mfenv("why", "numpy", "--json").out)["uses"]
    resolved = [use for use in uses if use["version"]]
    assert {tuple(map(tuple, use["chains"])) for use in resolved} == {(("pyarrow", "numpy"),)}
    blocked = [use for use in uses if not use["version"]]
    assert {tuple(map(tuple, use["chains"])) for use in blocked} == {(("pandas", "numpy"),)}


def test_why_of_a_package_that_is_not_there_offers_near_names(mfenv: Run, daemon: FakeDaemon) -> None:
    assert daemon.status.verdicts
    ended = mfenv("why", "request")
    assert ended.code == 1
    assert ended.err == "error: request is in none of 5 resolved environments.\nfix: Did you mean `requests`?\n"


def test_why_cannot_tell_where_environments_could_not_be_resolved(mfenv: Run, daemon: FakeDaemon) -> None:
    ended = mfenv("why", "zarr")
    assert (ended.code, ended.err.splitlines()[1]) == (3, "fix: Others are not resolved: `mfenv check` says why.")
    told = [verdict for verdict in daemon.status.verdicts if tone(verdict) is not Tone.UNKNOWN]
    daemon.status = msgspec.structs.replace(daemon.status, verdicts=tuple(told))
    assert mfenv("why", "zarr").code == 1


def test_why_of_what_is_no_name(mfenv: Run) -> None:
    assert mfenv("why", "not a name").code == 2


def test_logs_are_shown_from_the_end(mfenv: Run) -> None:
    log = find_paths().log_file
    assert mfenv("logs").code == 3
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert mfenv("logs", "-n", "2").out == "line 98\nline 99\n"
    assert len(mfenv("logs").out.splitlines()) == 50
    assert json.loads(mfenv("logs", "-n", "1", "--json").out) == {"line": "line 99"}


def command(*arguments: str, **options: object) -> subprocess.Popen[str]:
    """`mfenv` as a process of its own."""
    argv = [sys.executable, "-c", "from mfenvd.cli.main import main; main()", *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload, no-any-return]


def test_logs_follow_through_a_rotation_until_ctrl_c(project: Path) -> None:
    log = find_paths().log_file
    log.parent.mkdir(parents=True)
    log.write_text("first\n")
    with command("logs", "-f", cwd=project) as following:
        assert following.stdout
        assert following.stdout.readline() == "first\n"
        with log.open("a") as more:
            more.write("second\n")
        assert following.stdout.readline() == "second\n"
        log.rename(log.with_suffix(".1"))
        log.write_text("third\n")
        assert following.stdout.readline() == "third\n"
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 130
        assert following.stderr
        assert following.stderr.read() == ""


def test_a_reader_that_leaves_early_causes_no_noise(project: Path) -> None:
    log = find_paths().log_file
    log.parent.mkdir(parents=True)
    log.write_text("a line of some length\n" * 50_000)
    with command("logs", "-n", "50000", cwd=project) as writing:
        assert writing.stdout
        assert writing.stderr
        writing.stdout.readline()
        writing.stdout.close()
        assert writing.wait(10) == 141
        assert writing.stderr.read() == ""


def test_a_bug_is_told_without_a_traceback(mfenv: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("https://me:secret@index.example/ surprised us")

    monkeypatch.setattr("mfenvd.cli.status.print_status", broken)
    ended = mfenv("status")
    assert ended.code == 3
    assert ended.err.startswith("error: mfenv failed: RuntimeError: https://****@index.example/ surprised us\nfix: ")
    assert "Traceback" not in ended.err
    (crash,) = Path(find_paths().log).glob("crash-*.txt")
    assert str(crash) in ended.err
    written = crash.read_text()
    assert "Traceback" in written
    assert "secret" not in written


def test_what_the_system_refuses_is_no_bug(mfenv: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/cache/x")

    monkeypatch.setattr("mfenvd.cli.status.print_status", full)
    ended = mfenv("status")
    assert ended.code == 3
    assert ended.err.startswith("error: No space left on device: /cache/x\nfix: The details are in ")


def test_a_folder_is_no_requirement_file(mfenv: Run, tmp_path: Path) -> None:
    ended = mfenv("resolve", "-r", str(tmp_path))
    assert (ended.code, ended.err.splitlines()[0]) == (2, f"error: {tmp_path} is not a file.")


def test_a_home_that_cannot_be_written_to_is_said_once(
    mfenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("MFENV_HOME", str(file))
    ended = mfenv("resolve", "demo", "--python", "3.11", "--arch", "linux-64", "--arch", "osx-arm64")
    assert (ended.code, ended.out) == (3, "")
    assert f"error: {file}/cache cannot be written to: Not a directory.\nfix: Set MFENV_HOME" in ended.err
    assert mfenv("status").code == 0


def test_a_working_directory_that_is_gone_is_said(mfenv: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    ended = mfenv("check")
    assert ended.code == 3
    assert ended.err.startswith("error: No such file or directory")


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


def test_status_loads_neither_typer_nor_rich_nor_any_room(project: Path) -> None:
    code = (
        "import sys; from mfenvd.cli.main import run; run(['status', '--json']); "
        "sys.stderr.write(' '.join(name for name in sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project, timeout=20
    )
    loaded = set(ended.stderr.split())
    assert not loaded & {
        "typer",
        "rich",
        "asyncio",
        "aiohttp",
        "textual",
        "mfenvd.engine",
        "mfenvd.flows",
        "mfenvd.resolve",
    }


def test_output_survives_a_terminal_without_unicode(daemon: FakeDaemon, project: Path) -> None:
    assert daemon.status.verdicts
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    with command("status", cwd=project, env=environ) as showing:
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


def test_ctrl_c_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], project: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mfenvd.cli.status.print_status", interrupted)
    assert project
    assert run(["status"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("waiting", [False, True])
def test_ctrl_c_is_quiet_where_it_ends_the_reader_too(waiting: bool) -> None:
    code = f"""
import threading
from mfenvd.cli import main, status
def interrupted(**_):
    print("half")
    if {waiting}:
        threading.Thread(target=threading.Event().wait, args=(60,)).start()
    raise KeyboardInterrupt
status.print_status = interrupted
main.main()
"""
    reader, writer = os.pipe()
    os.close(reader)
    argv, environ = [sys.executable, "-c", code, "status"], {**os.environ, "PYTHONUNBUFFERED": ""}
    with os.fdopen(writer) as closed:
        ended = subprocess.run(argv, stdout=closed, stderr=subprocess.PIPE, check=False, timeout=30, env=environ)
    assert (ended.returncode, ended.stderr) == (130, b"")


def test_ctrl_c_is_quiet_while_modules_are_loaded() -> None:
    code = """
import sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "msgspec":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from mfenvd.cli.entry import main
main()
"""
    ended = subprocess.run(
        [sys.executable, "-c", code, "status"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, "", "")


def test_a_second_ctrl_c_that_hits_a_lock_of_python_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], project: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        lock = threading.Lock()
        with lock:  # given back already when the second one comes, as in `Condition.wait`
            lock.release()
            raise KeyboardInterrupt

    monkeypatch.setattr("mfenvd.cli.status.print_status", interrupted)
    assert project
    assert run(["status"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3725, "1 h 2 min"), (90_000, "1 d 1 h")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
