"""Where mfenv keeps its files, by the platform's own rules; `MFENV_HOME` puts all of it in one folder."""

from __future__ import annotations

import hashlib
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import msgspec
from platformdirs import PlatformDirs

# sun_path is 104 bytes on macOS and 108 on Linux, the closing zero included.
_LONGEST_SOCKET = 103


class Paths(msgspec.Struct, frozen=True):
    """Absolute folders; none of them has to exist yet.

    Attributes:
        config: The user's `config.toml`.
        cache: What can be fetched again.
        state: The daemon's journal and registered projects.
        log: Rotating logs.
        runtime: Socket and lock; only the user may enter.
    """

    config: str
    cache: str
    state: str
    log: str
    runtime: str

    @property
    def socket(self) -> Path:
        """Where the daemon listens: a unix socket, on Windows a named pipe.

        A unix socket's path has at most 103 bytes. Where `runtime` is too long for that, the socket is in a
        folder of /tmp that is named after the user and `runtime`: the same for the daemon and for every client,
        whatever their TMPDIR.
        """
        if sys.platform == "win32":
            return Path(rf"\\.\pipe\mfenvd-{self._digest}")
        usual = Path(self.runtime) / "mfenvd.sock"
        if len(os.fsencode(usual)) <= _LONGEST_SOCKET:
            return usual
        return Path("/tmp") / f"mfenv-{os.getuid()}-{self._digest}" / "mfenvd.sock"  # noqa: S108 - its folder is 0700 and checked

    @property
    def _digest(self) -> str:
        return hashlib.sha256(os.fsencode(self.runtime)).hexdigest()[:12]

    @property
    def lock(self) -> Path:
        """Held by the daemon for as long as it lives."""
        return Path(self.runtime) / "mfenvd.lock"

    @property
    def log_file(self) -> Path:
        return Path(self.log) / "mfenvd.log"

    @property
    def config_file(self) -> Path:
        return Path(self.config) / "config.toml"


def find_paths(environ: Mapping[str, str] | None = None) -> Paths:
    """The folders for this user; `MFENV_HOME` in `environ` (default: the process's) overrides them all."""
    home = (os.environ if environ is None else environ).get("MFENV_HOME")
    if home:
        base = Path(home).expanduser().absolute()
        return Paths(*(str(base / name) for name in ("config", "cache", "state", "log", "run")))
    dirs = PlatformDirs("mfenv", appauthor=False)
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR, as in containers, a folder of /tmp is used: whoever uses it checks whose it is.
        warnings.simplefilter("ignore")
        runtime = dirs.user_runtime_dir
    return Paths(dirs.user_config_dir, dirs.user_cache_dir, dirs.user_state_dir, dirs.user_log_dir, runtime)
