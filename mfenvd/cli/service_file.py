"""The file that makes the operating system start mfenvd at login: a systemd user unit or a launchd agent."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from mfenvd.atomic_write import write_atomically

SYSTEMD_UNIT = "mfenvd.service"
LAUNCHD_LABEL = "com.metaflow.mfenvd"

PASSED_ON = ("MFENV_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")
"""Variables that move mfenv's folders: the daemon and the command line have to agree on them."""

_SYSTEMD_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "%": "%%"})


class NoServiceError(Exception):
    """A platform on which mfenv knows no way to start with the user's session."""


def service_file(platform: str, home: Path) -> Path:
    """Where the file belongs; it may not exist.

    Args:
        platform: As `sys.platform`.
        home: The user's home folder, absolute.

    Raises:
        NoServiceError: There is no such file on this platform.
    """
    if platform == "linux":
        return home / ".config" / "systemd" / "user" / SYSTEMD_UNIT
    if platform == "darwin":
        return home / "Library" / "LaunchAgents" / f"{LAUNCHD_LABEL}.plist"
    raise NoServiceError(platform)


def service_content(executable: str, platform: str, environment: Mapping[str, str]) -> bytes:
    """The file's content: contrib's, with this `mfenvd` and these variables.

    Raises:
        NoServiceError: As `service_file`.
    """
    if platform == "linux":
        return _systemd_unit(executable, environment)
    if platform == "darwin":
        return _launchd_agent(executable, environment)
    raise NoServiceError(platform)


def install(executable: str, platform: str, home: Path, environment: Mapping[str, str] | None = None) -> Path:
    """Puts the file in place, whole or not at all, and returns its path. Nothing is started.

    Args:
        executable: Absolute path of `mfenvd`.
        platform: As `sys.platform`.
        home: The user's home folder, absolute.
        environment: Those of its variables that are in `PASSED_ON` and set go into the file.

    Raises:
        NoServiceError: As `service_file`.
        OSError: The file cannot be written.
    """
    target = service_file(platform, home)
    kept = {name: value for name in PASSED_ON if (value := (environment or {}).get(name))}
    content = service_content(executable, platform, kept)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, content, mode=0o644, sync=True)
    return target


def uninstall(platform: str, home: Path) -> bool:
    """Removes the file; whether there was one.

    Raises:
        NoServiceError: As `service_file`.
        OSError: It cannot be removed.
    """
    target = service_file(platform, home)
    existed = target.exists()
    target.unlink(missing_ok=True)
    return existed


def installed_executable(platform: str, home: Path) -> str | None:
    """The `mfenvd` that the installed file starts; None when there is no file or it says something else.

    Raises:
        NoServiceError: As `service_file`.
    """
    try:
        content = service_file(platform, home).read_bytes()
        if platform == "darwin":
            return str(plistlib.loads(content)["ProgramArguments"][0])
        line = next(line for line in content.decode().splitlines() if line.startswith("ExecStart="))
    except (OSError, ValueError, LookupError, StopIteration, plistlib.InvalidFileException):
        return None
    return _unquoted(line.removeprefix("ExecStart=").removesuffix(" run"))


def _systemd_unit(executable: str, environment: Mapping[str, str]) -> bytes:
    lines = []
    for line in _template(SYSTEMD_UNIT).decode().splitlines():
        if line.startswith("ExecStart="):
            lines += [f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(environment.items())]
            lines.append(f"ExecStart={_quoted(executable)} run")
        elif not line.startswith("#"):
            lines.append(line)
    return ("\n".join(lines).strip() + "\n").encode()


def _launchd_agent(executable: str, environment: Mapping[str, str]) -> bytes:
    agent = plistlib.loads(_template(f"{LAUNCHD_LABEL}.plist"))
    agent["ProgramArguments"] = [executable, "run"]
    if environment:
        agent["EnvironmentVariables"] = dict(environment)
    return plistlib.dumps(agent)


def _quoted(text: str) -> str:
    """For a unit's program or assignment: systemd expands `%` there and splits at blanks; `$` stays as it is."""
    return f'"{text.translate(_SYSTEMD_ESCAPES)}"'


def _unquoted(text: str) -> str:
    return re.sub(r"[\\%](.)", r"\1", text.removeprefix('"').removesuffix('"'))


def _template(name: str) -> bytes:
    """From the installed package, else from the source tree beside it."""
    package = files("mfenvd")
    for folder in (package / "contrib", Path(str(package)).parent / "contrib"):
        file = folder / name
        if file.is_file():
            return file.read_bytes()
    raise FileNotFoundError(name)
