"""Servers that npm has, installed into a folder once per machine and started on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from platformdirs import user_cache_path

_PATIENCE = 60.0
_INSTALLING = 240


def installed(package: str, command: str) -> Path:
    """The command of an npm package; skips the test, and says why, where there is none.

    Args:
        package: With its version, as `s3rver@3.7.1`.
        command: That it brings.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"{package} is an npm package, and there is no npm")
    folder = user_cache_path("mfenv-tests") / package
    found = folder / "node_modules" / ".bin" / command
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "whole").exists():
            call = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), package]
            try:
                subprocess.run(call, check=True, capture_output=True, timeout=_INSTALLING)
            except (subprocess.SubprocessError, OSError) as error:
                pytest.skip(f"npm cannot install {package}: {error}")
            (folder / "whole").touch()
    return found


@contextmanager
def served(command: Callable[[int], list[str]], folder: Path) -> Iterator[str]:
    """The URL of a server that `command`, given a port, starts; ended when this is left."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command(port), stdout=log, stderr=log, cwd=folder, env={**os.environ, "CI": "1"})
        try:
            _wait_for(process, port, folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8", "replace"))
