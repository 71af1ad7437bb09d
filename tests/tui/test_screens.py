"""The screens beside the table, and the keys that change something: what they do, and why when they cannot."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from textual.widgets import DataTable

from mfenv_tui.actions import ACTIONS, CHANGES
from mfenv_tui.app import Dashboard
from mfenv_tui.keeping import Settings, load, save
from mfenv_tui.widgets.daemon_screen import DaemonScreen
from mfenv_tui.widgets.export_screen import ExportScreen
from mfenv_tui.widgets.mirror_screen import MirrorScreen
from mfenv_tui.widgets.wheels_screen import WheelsScreen
from mfenvd.client.errors import ClientError
from mfenvd.client.export import Export, ExportFailedError
from mfenvd.domain.arch import Arch
from mfenvd.domain.event import MirrorChanged
from mfenvd.domain.mirror import BucketStatus, MirrorStatus
from tests.support import samples
from tests.support.fake_daemon import running_fake_daemon
from tests.tui.screen_samples import conda_numpy, numpy
from tests.tui.support import dashboard, of_status, press, shows, text_of, until

WIDE = (140, 45)


def said(app: Dashboard) -> str:
    return " ".join(notification.message for notification in app._notifications)


def line_with(app: Dashboard, text: str) -> str:
    return next((line for line in text_of(app).splitlines() if text in line), "")


def words(app: Dashboard) -> str:
    """What is on the screen, as if nothing had been wrapped."""
    return " ".join(text_of(app).replace("│", " ").split())


async def test_w_shows_the_wheels_of_the_package_of_the_finding_and_of_any_other(project: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)) as daemon:
        daemon.wheels = {"numpy": numpy()}
        app = dashboard(socket=socket)
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "down", "right")
            await shows(pilot, "numpy 2.4.6 needs GLIBC")
            await press(pilot, "w")
            await shows(pilot, "✓ 3.11\N{EN DASH}3.13 glibc 2.17")
            await shows(pilot, "✓ 3.11\N{EN DASH}3.12 glibc 2.17   ✓ 3.13 glibc 2.27")
            assert "✗ none" in text_of(app)
            assert "2 of 43 versions" in text_of(app)
            await press(pilot, "down")
            await shows(pilot, "withdrawn: broken")
            await pilot.resize_terminal(70, 45)
            await until(pilot, lambda: "13 glibc" not in line_with(app, "2.3.1 "), "the systems give way")
            await shows(pilot, "withdrawn: broken")  # the cursor is where it was
            await pilot.resize_terminal(*WIDE)
            await press(pilot, "slash", "home", "ctrl+k", *"nunpy", "enter")
            await shows(pilot, "No index has a package named nunpy. Look for a typing error.")
            await press(pilot, "escape")
            await until(pilot, lambda: not isinstance(app.screen, WheelsScreen), "back")
        asked = [path for _, path, _ in daemon.received if path.startswith("/v1/wheels")]
    assert [path.partition("&")[0] for path in asked] == ["/v1/wheels?name=numpy", "/v1/wheels?name=nunpy"]


async def test_w_asks_condas_channels_too(project: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)) as daemon:
        daemon.wheels = {"numpy": numpy(), "conda::numpy": conda_numpy()}
        app = dashboard(socket=socket)
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "down", "right", "w")
            await shows(pilot, "on the indexes of team-flows")
            await shows(pilot, "✓ 3.13 glibc 2.27")
            await press(pilot, "f2")
            await shows(pilot, "Conda packages · on the channels of team-flows")
            await shows(pilot, "✓ 3.12 glibc 2.17, CUDA 12.0")
            assert "sdist" not in text_of(app)
            await press(pilot, "down")
            await shows(pilot, "numpy 1.0 · any arch")
            assert "✓ any" in text_of(app)
            await press(pilot, "slash", "c", "f2")  # while one types, a letter is one
            await shows(pilot, "No index has a package named c.")


async def test_typing_over_the_versions_asks_about_another_package(project: Path, socket: Path) -> None:
    with running_fake_daemon(socket, samples.status(project)) as daemon:
        daemon.wheels = {"numpy": numpy()}
        app = dashboard(socket=socket)
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "down", "right", "w")
            await shows(pilot, "✓ 3.13 glibc 2.27")
            assert isinstance(app.focused, DataTable)
            await press(pilot, *"cupy4q", "enter")
            await shows(pilot, "No index has a package named cupy4q.")
            await press(pilot, "escape")
            await shows(pilot, "TrainFlow")
            assert app.is_running


async def test_d_shows_the_process_and_says_when_it_is_gone(project: Path, socket: Path) -> None:
    status = samples.status(project)
    app = dashboard(socket=socket)
    async with app.run_test(size=WIDE) as pilot:
        with running_fake_daemon(socket, status) as daemon:
            await shows(pilot, "TrainFlow")
            grown = msgspec.structs.replace(status.daemon, memory=100 * 2**20, findings=())
            daemon.status = msgspec.structs.replace(status, daemon=grown)
            await press(pilot, "d")
            await shows(pilot, "pid 4242 · up 3 min · 100 MiB")
            assert "2 flows · not trusted · Python 3.11.7" in words(app)
        await shows(pilot, "mfenvd is not running")
        assert "Below is what was last known." in words(app)
        await press(pilot, "escape")
        await until(pilot, lambda: not isinstance(app.screen, DaemonScreen), "back")


async def test_m_shows_the_mirror_and_follows_what_is_told_of_it(project: Path, socket: Path) -> None:
    status = samples.status(project)
    app = dashboard(socket=socket)
    async with app.run_test(size=WIDE) as pilot:
        with running_fake_daemon(socket, status) as daemon:
            await shows(pilot, "TrainFlow")
            await press(pilot, "m")
            await shows(pilot, "No bucket was needed yet")
            one = MirrorStatus((BucketStatus("s3://team/conda", objects=1),))
            daemon.publish(lambda seq: MirrorChanged(seq, one))
            await shows(pilot, "1 package · 0 B")
            daemon.publish(lambda seq: MirrorChanged(seq, MirrorStatus(paused=True)))
            await shows(pilot, "▲ paused `mfenv mirror resume` uploads again.")
            await press(pilot, "m")
            await until(pilot, lambda: not isinstance(app.screen, MirrorScreen), "back")


async def test_x_cancels_what_waits_or_runs_and_says_when_nothing_does(project: Path, socket: Path) -> None:
    status = samples.status(project)
    app = dashboard(socket=socket)
    with running_fake_daemon(socket, status) as daemon:
        async with app.run_test(size=WIDE) as pilot:
            await shows(pilot, "TrainFlow")
            await press(pilot, "down", "end", "x")
            await until(pilot, lambda: "1 cancelled" in said(app), "an answer")
            await press(pilot, "left", "x")
            await until(pilot, lambda: "neither waits nor runs" in said(app), "a reason")
        (body,) = [body for _, path, body in daemon.received if path == "/v1/cancel"]
    mac = {v.id for v in status.verdicts if v.step in {"train", "evaluate"} and v.target.arch is Arch.OSX_ARM64}
    assert (body["root"], set(body["ids"])) == (str(project), mac)


async def test_e_writes_the_selected_environment_and_asks_before_it_overwrites(project: Path) -> None:
    asked: list[Export] = []

    def write(export: Export) -> str:
        asked.append(export)
        if export.output.name == "no.toml":
            raise ExportFailedError("error: It is not resolved.\nfix: Wait.\n")
        return ""

    app = dashboard(of_status(samples.status(project)), export=write)
    there = project / "TrainFlow-start-pylock.toml"
    there.touch()
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "e")
        await until(pilot, lambda: "is not resolved" in said(app), "a reason")
        await press(pilot, "ctrl+end", "right", "e", "enter")
        await shows(pilot, "Enter once more overwrites it")
        await press(pilot, "enter")
        await until(pilot, lambda: "Written: " in said(app), "written")
        assert not isinstance(app.screen, ExportScreen)
        await press(pilot, "e", "ctrl+u", *f"{project}/no.toml", "enter")
        await shows(pilot, "It is not resolved. Wait.")
        await press(pilot, "escape")
        assert not isinstance(app.screen, ExportScreen)
    assert asked[0] == Export("TrainFlow/start", str(project / "train.py"), there, "pylock", Arch.LINUX_64)


def test_the_real_export_fails_in_its_own_words(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mfenvd.client.export import export

    monkeypatch.setenv("MFENV_HOME", str(tmp_path / "home"))
    with pytest.raises(ClientError) as failed:
        export(Export("NoFlow/start", str(tmp_path), tmp_path / "out.toml"))
    assert "NoFlow/start" in failed.value.message
    assert not (tmp_path / "out.toml").exists()


@pytest.mark.parametrize("action", sorted(CHANGES))
async def test_read_only_refuses_every_change_and_says_why(project: Path, action: str) -> None:
    app = dashboard(of_status(samples.status(project)), unchangeable="Only looking.")
    key = next(each.keys for each in ACTIONS if each.name == action)
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "ctrl+end", key)
        await until(pilot, lambda: said(app) == "Only looking.", "the reason")
        assert len(app.screen_stack) == 1


async def test_settings_are_kept_from_one_time_to_the_next(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "config" / "dashboard.json"
    app = dashboard(of_status(samples.status(project)), settings_file=file)
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow · evaluate, train")
        await press(pilot, "z", "t", "v")
        app.theme = "nord"
        await shows(pilot, "TrainFlow · train")
        await until(pilot, lambda: load(file).theme == "nord", "kept")
    assert load(file) == Settings("nord", "below", folded=False, by_name=True)
    assert [each.name for each in file.parent.iterdir()] == ["dashboard.json"]
    again = dashboard(of_status(samples.status(project)), settings_file=file)
    async with again.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow · train")
        assert again.theme == "nord"
        assert again.matrix.by_name
        assert again._pane.region.y > again._table.region.y


async def test_where_the_findings_are_below_already_the_next_view_is_without_them(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "v")
        assert not app._pane.display
        await press(pilot, "v")
        assert app._pane.display


def test_settings_that_cannot_be_read_are_the_defaults_and_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.json"
    for content in ("", "{", '{"layout": "sideways"}', "[]"):
        file.write_text(content, encoding="utf-8")
        assert load(file) == Settings()
    file.unlink()
    file.mkdir()
    with pytest.raises(OSError, match="directory"):
        save(Settings(), file)
    assert [each.name for each in tmp_path.iterdir()] == ["dashboard.json"]


async def test_the_palette_leads_to_environments_settings_and_says_why_an_action_cannot_be_done(project: Path) -> None:
    app = dashboard(of_status(samples.status(project)))
    async with app.run_test(size=WIDE) as pilot:
        await shows(pilot, "TrainFlow")
        await press(pilot, "ctrl+p", *"report")
        await shows(pilot, "Go to it.")
        await press(pilot, "enter")
        await until(pilot, lambda: chosen(app) == ("report",), "the environment")
        await press(pilot, "ctrl+p", *"by name")
        await shows(pilot, "Rows stand by file")
        await press(pilot, "enter")
        await until(pilot, lambda: app.matrix.by_name, "sorted")
        await press(pilot, "s")
        await until(pilot, lambda: "running already" in said(app), "a reason")


def chosen(app: Dashboard) -> tuple[str, ...]:
    selection = app._table.selection
    return selection.row.names if selection else ()
