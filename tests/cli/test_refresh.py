from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tests.cli.test_up import settling
from tests.support.fake_daemon import FakeDaemon


def play(daemon: FakeDaemon, project: Path) -> None:
    """Tells what follows as soon as something is to be resolved again."""

    def on_resolve() -> None:
        for make in settling(daemon, project):
            daemon.publish(make)

    daemon.on_resolve = on_resolve


def asked(daemon: FakeDaemon) -> list[dict[str, object]]:
    return [body for _, path, body in daemon.received if path == "/v1/resolve" and isinstance(body, dict)]


def test_refresh_replaces_and_shows_what_became_of_it(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    play(daemon, project)
    ended = mfenv("refresh")
    assert ended.code == 0
    (body,) = asked(daemon)
    assert (body["root"], body["refresh"], body["replace"]) == (str(project), True, True)
    assert body["ids"] == [verdict.id for verdict in daemon.status.verdicts if verdict.source.startswith(f"{project}/")]
    assert "TrainFlow" in ended.out


def test_refresh_of_one_flow_leaves_the_others_alone(mfenv: Run, daemon: FakeDaemon, project: Path) -> None:
    play(daemon, project)
    flow = next(verdict.source for verdict in daemon.status.verdicts if verdict.flow == "TrainFlow")
    ended = mfenv("refresh", flow, "--json")
    (body,) = asked(daemon)
    known = {verdict.id: verdict for verdict in daemon.status.verdicts}
    assert isinstance(body["ids"], list)
    python = [known[id_].source for id_ in body["ids"] if known[id_].source.endswith(".py")]
    assert set(python) == {flow}
    assert {verdict["flow"] for verdict in json.loads(ended.out)["verdicts"] if verdict["flow"]} == {"TrainFlow"}


def test_refresh_of_a_folder_that_is_not_watched_is_said(mfenv: Run, daemon: FakeDaemon, tmp_path: Path) -> None:
    ended = mfenv("refresh", str(tmp_path))
    assert ended.code == 2
    assert ended.err.startswith(f"error: {tmp_path} is not watched.\n")
    assert asked(daemon) == []


def test_refresh_without_a_daemon_says_so(mfenv: Run, project: Path) -> None:
    ended = mfenv("refresh")
    assert ended.code == 3
    assert "mfenv up" in ended.err
