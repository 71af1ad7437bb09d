"""Uploads wait while the machine runs on its battery or the network is a metered one, where that is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO, cast

import psutil
import pytest

from mfenvd.daemon.circumstances import is_metered, reason_to_wait, runs_on_battery
from mfenvd.daemon.frames import CARRIED, Carried, Carry, More, frame, read_frame
from mfenvd.domain.mirror import Bucket
from mfenvd.domain.surroundings import Surroundings
from mfenvd.store.uploads import Uploads, mirror_folder
from tests.store.mirrors import stored, upload_of
from tests.support.s3_server import BUCKET, bucket
from tests.support.s3_server import Bucket as Server

ROOT = f"s3://{BUCKET}/conda"


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds what NetworkManager answers."""
    says = tmp_path / "says"
    says.write_text("u 2")
    busctl = tmp_path / "bin" / "busctl"
    busctl.parent.mkdir()
    busctl.write_text(f"#!/bin/sh\ncat {says}\n")
    busctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{busctl.parent}:/usr/bin:/bin")
    return says


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with bucket() as one:
        yield one


@pytest.mark.parametrize(
    ("answer", "metered"), [("u 1", True), ("u 3", True), ("u 2", False), ("u 0", False), ("", False)]
)
def test_the_network_is_what_networkmanager_says(network: Path, answer: str, metered: bool) -> None:
    network.write_text(answer)
    assert is_metered() is metered


def test_without_networkmanager_no_network_is_metered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not is_metered()


def test_only_what_is_asked_for_is_a_reason(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network.write_text("u 1")
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=False), raising=False)
    assert runs_on_battery()
    assert reason_to_wait(Bucket(ROOT)) == ""
    assert "plugged in" in reason_to_wait(Bucket(ROOT, pause_on_battery=True))
    assert "metered" in reason_to_wait(Bucket(ROOT, pause_on_metered=True))
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert reason_to_wait(Bucket(ROOT, pause_on_battery=True)) == ""


def test_uploads_wait_for_another_network(network: Path, server: Server, tmp_path: Path) -> None:
    Uploads(mirror_folder(str(tmp_path))).add([upload_of(stored(tmp_path, "numpy"), ROOT)])
    network.write_text("u 1")
    order = Carry(
        Bucket(ROOT, server.url, pause_on_metered=True),
        Surroundings(str(tmp_path), environ=server.environ),
        str(tmp_path),
    )
    with subprocess.Popen(
        [sys.executable, "-m", "mfenvd.daemon.mirror_worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        replies = cast("BinaryIO", worker.stdout)

        def reply() -> Carried:
            return CARRIED.decode(cast("bytes", read_frame(replies)))

        worker.stdin.write(frame(order))
        worker.stdin.flush()
        held = reply().status
        assert (held.waiting, held.problem) == (1, "Uploads wait until the network is not a metered one.")
        assert server.keys() == []

        network.write_text("u 2")
        worker.stdin.write(frame(More()))
        worker.stdin.flush()
        while (said := reply().status).waiting:
            pass
        assert (said.problem, said.here, said.here_bytes) == ("", 1, 5)
        worker.stdin.close()
    assert server.keys() == ["conda/files.example/numpy.whl"]
