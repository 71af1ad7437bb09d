"""systemd and launchd, asked to start and stop mfenvd."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Protocol

from mfenvd.cli.service_file import LAUNCHD_LABEL, SYSTEMD_UNIT, NoServiceError

_TIMEOUT = 60.0
"""Seconds; stopping waits for the daemon to let running work finish."""


class ControlError(Exception):
    """The service manager refuses or is not there; the message is its own last line."""


class Control(Protocol):
    """What a service manager can do with the installed file."""

    name: str

    def start(self, file: Path) -> None:
        """Starts the service now and at every login, anew if it runs already.

        Raises:
            ControlError: It does not start.
        """
        ...

    def stop(self) -> None:
        """Stops the service and no longer starts it at login; fine when it does not run."""
        ...

    def running(self) -> bool | None:
        """Whether it runs; None when the service manager does not answer."""
        ...


def control_for(platform: str) -> Control:
    """The service manager of `sys.platform`.

    Raises:
        NoServiceError: mfenv knows none there.
    """
    if platform == "linux":
        return Systemd()
    if platform == "darwin":
        return Launchd(os.getuid())
    raise NoServiceError(platform)


class Systemd:
    """`systemctl --user`."""

    name = "systemd"

    def start(self, file: Path) -> None:
        del file  # systemd finds it by its name
        _checked("systemctl", "--user", "daemon-reload")
        _checked("systemctl", "--user", "enable", SYSTEMD_UNIT)
        _checked("systemctl", "--user", "restart", SYSTEMD_UNIT)

    def stop(self) -> None:
        _run("systemctl", "--user", "disable", "--now", SYSTEMD_UNIT)

    def running(self) -> bool | None:
        answer = _run("systemctl", "--user", "is-active", SYSTEMD_UNIT)
        if answer is None or not answer.stdout.strip():
            return None
        return answer.stdout.strip() in {"active", "reloading"}


class Launchd:
    """`launchctl`, in the domain of the user's graphical session."""

    name = "launchd"

    def __init__(self, user: int) -> None:
        self._domain = f"gui/{user}"

    def start(self, file: Path) -> None:
        self.stop()
        _checked("launchctl", "bootstrap", self._domain, str(file))

    def stop(self) -> None:
        _run("launchctl", "bootout", f"{self._domain}/{LAUNCHD_LABEL}")

    def running(self) -> bool | None:
        answer = _run("launchctl", "print", f"{self._domain}/{LAUNCHD_LABEL}")
        if answer is None:
            return None
        return answer.returncode == 0 and "state = running" in answer.stdout


def _checked(*command: str) -> None:
    answer = _run(*command)
    if answer is None:
        raise ControlError(f"{command[0]} is not here or does not answer")
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip().splitlines()
        raise ControlError(said[-1].strip() if said else f"{' '.join(command)} ended with {answer.returncode}")


def _run(*command: str) -> subprocess.CompletedProcess[str] | None:
    """None when the program is missing or takes too long."""
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
