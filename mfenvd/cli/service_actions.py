"""What `mfenv service` does, and what it tells."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mfenvd.cli import service_file
from mfenvd.cli.errors import CommandError
from mfenvd.cli.service_control import Control, ControlError, control_for
from mfenvd.cli.service_file import NoServiceError

START_SECONDS = 15.0


class ServiceState(msgspec.Struct, frozen=True):
    """The service as it is.

    Attributes:
        manager: `systemd` or `launchd`.
        file: Absolute path of the unit or agent, whether or not it is there.
        installed: Whether it is there.
        executable: The `mfenvd` that it starts; None when not installed.
        usable: Whether that program is there.
        running: Whether the service manager runs it; None when it does not answer.
    """

    manager: str
    file: str
    installed: bool
    executable: str | None
    usable: bool
    running: bool | None


class UnsupportedPlatformError(CommandError):
    """Neither systemd nor launchd."""

    def __init__(self, platform: str) -> None:
        super().__init__(
            f"mfenv has no service for {platform}.", "Have `mfenvd start` run when you log in, or use `mfenv up`."
        )


class NoExecutableError(CommandError):
    """`mfenvd` is not installed as a program."""

    def __init__(self) -> None:
        super().__init__(
            "The program mfenvd was not found.", "Install mfenv into an environment that stays, for example with pipx."
        )


class NotWrittenError(CommandError):
    """The unit or agent cannot be written or removed."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"{error.filename}: {error.strerror}.", "Check the permissions of that folder.")


class NotStartedError(CommandError):
    """The file is in place, but the service manager does not start it."""

    def __init__(self, manager: str, file: Path, reason: str) -> None:
        super().__init__(
            f"{file} is in place, but {manager} does not start it: {reason}.",
            "It is tried again at the next login; until then `mfenv up` starts mfenvd. `mfenv logs` may say more.",
        )


def put_in_place(*, start: bool) -> ServiceState:
    """Installs the service for this user and, with `start`, hands the daemon over to it.

    Raises:
        CommandError: It cannot be done; says why.
    """
    control, home = _control(), Path.home()
    executable = find_executable(Path(sys.executable), os.environ)
    if executable is None:
        raise NoExecutableError
    try:
        file = service_file.install(executable, sys.platform, home, os.environ)
    except OSError as error:
        raise NotWrittenError(error) from error
    if start:
        _hand_over(control, file)
    return service_state()


def _hand_over(control: Control, file: Path) -> None:
    if control.running() is None:
        # The daemon that runs now is better than none.
        raise NotStartedError(control.name, file, "it does not answer")
    _stop_running_daemon()
    try:
        control.start(file)
    except ControlError as error:
        raise NotStartedError(control.name, file, str(error)) from error
    if not _answers_in_time():
        raise NotStartedError(control.name, file, "it was started and does not answer")


def _answers_in_time() -> bool:
    """Whether the daemon answers: service managers are content when a process is there."""
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.paths import find_paths

    connection = Connection(find_paths().socket)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            connection.hello()
        except DaemonNotRunningError:
            time.sleep(0.05)
        else:
            return True
    return False


def take_away() -> bool:
    """Stops the service and removes its file; whether there was one.

    Raises:
        CommandError: It cannot be done; says why.
    """
    control, home = _control(), Path.home()
    if not service_file.service_file(sys.platform, home).exists():
        return False
    control.stop()
    try:
        return service_file.uninstall(sys.platform, home)
    except OSError as error:
        raise NotWrittenError(error) from error


def service_state() -> ServiceState:
    """How it stands.

    Raises:
        UnsupportedPlatformError: There can be no service here.
    """
    control, home = _control(), Path.home()
    file = service_file.service_file(sys.platform, home)
    executable = service_file.installed_executable(sys.platform, home)
    return ServiceState(
        manager=control.name,
        file=str(file),
        installed=file.exists(),
        executable=executable,
        usable=executable is not None and os.access(executable, os.X_OK),
        running=control.running() if file.exists() else False,
    )


def find_executable(interpreter: Path, environ: Mapping[str, str]) -> str | None:
    """Absolute path of the `mfenvd` that belongs to this interpreter, else of the one on the PATH."""
    beside = interpreter.parent / "mfenvd"
    if os.access(beside, os.X_OK):
        return str(beside.absolute())
    found = shutil.which("mfenvd", path=environ.get("PATH"))
    return str(Path(found).absolute()) if found else None


def _control() -> Control:
    try:
        return control_for(sys.platform)
    except NoServiceError:
        raise UnsupportedPlatformError(sys.platform) from None


def _stop_running_daemon() -> None:
    """Two daemons cannot be; the service's takes over the projects and verdicts of the one before."""
    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.client.start import stop
    from mfenvd.paths import find_paths

    try:
        stop(find_paths().socket)
    except DaemonNotRunningError:
        return
