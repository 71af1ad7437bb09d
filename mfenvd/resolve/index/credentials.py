"""Users and passwords for indexes, found where pip finds them and told to nobody but the index."""

from __future__ import annotations

import json
import logging
import netrc
import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from mfenvd.domain.redact import without_credentials
from mfenvd.resolve.index.configuration import IndexConfiguration
from mfenvd.resolve.index.urls import host_of, split, userinfo

_log = logging.getLogger(__name__)

Login = tuple[str, str]
"""User and password, either of them possibly empty."""

_KEYRING_TIMEOUT = 10


class Credentials:
    """Answers for one configuration; the keyring is asked only after an index refused, and once per host.

    Args:
        config: Whose URLs may hold credentials.
        environ: The project's variables, which the `keyring` command gets on top of this process's: they may be
            without those by which a desktop's own store is reached.
    """

    def __init__(self, config: IndexConfiguration, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = {**os.environ, **environ}
        self._places = [url for url in (*config.index_urls, *config.find_links) if "://" in url]
        self._netrc = _read_netrc(config.netrc)
        self._from_keyring: dict[str, Login | None] = {}
        self._lock = threading.Lock()

    def for_url(self, url: str) -> Login | None:
        """What to send to `url`: what the index's own URL says, else what the keyring said, else netrc."""
        place = self._place_of(url)
        login = userinfo(place) if place else None
        if login is not None and login[1] is not None:
            return login[0], login[1]
        host = host_of(url)
        if self._from_keyring.get(host) is not None:
            return self._from_keyring[host]
        from_netrc = self._from_netrc(split(url).hostname, login[0] if login else None)
        if from_netrc is not None:
            return from_netrc
        return (login[0], "") if login is not None else None

    def ask_keyring(self, url: str, refused: Login | None) -> bool:
        """Whether the keyring has something else to try at `url` than what was just `refused` there."""
        if self._config.keyring is None:
            return False
        host = host_of(url)
        with self._lock:
            if host not in self._from_keyring:
                place = self._place_of(url) or url
                login = userinfo(place)
                user = login[0] if login else None
                found = self._keyring(without_credentials(place), user) or self._keyring(host, user)
                self._from_keyring[host] = found
        # Another thread may have asked since.
        return self._from_keyring[host] not in {None, refused}

    def _place_of(self, url: str) -> str | None:
        """The configured place that `url` belongs to: the longest that it starts with, else any on its host."""
        bare = without_credentials(url)
        same_host = [place for place in self._places if _origin(place) == _origin(url)]
        inside = [place for place in same_host if bare.startswith(without_credentials(place))]
        with_login = [place for place in same_host if userinfo(place)]
        return max(inside, key=len, default=None) or next(iter(with_login or same_host), None)

    def _from_netrc(self, host: str | None, user: str | None) -> Login | None:
        entry = self._netrc.authenticators(host) if self._netrc and host else None
        if entry is None:
            return None
        login, _, password = entry
        return (login or "", password or "") if user in {None, "", login} else None

    def _keyring(self, service: str, user: str | None) -> Login | None:
        """What the `keyring` command says; it gets no terminal, so it cannot ask anybody."""
        assert self._config.keyring is not None  # noqa: S101 - narrows the type; `ask_keyring` looked
        if user:
            password = self._run_keyring("get", service, user)
            return (user, password) if password else None
        answer = self._run_keyring("--mode", "creds", "--output", "json", "get", service)
        try:
            entry = json.loads(answer or "null")
        except ValueError:
            return None
        if not isinstance(entry, dict) or not entry.get("password"):
            return None
        return str(entry.get("username") or ""), str(entry["password"])

    def _run_keyring(self, *arguments: str) -> str | None:
        try:
            done = subprocess.run(
                [str(self._config.keyring), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                env=self._environ,
                timeout=_KEYRING_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
            _log.warning("the keyring command gives no answer: %s", type(error).__name__)
            return None
        return done.stdout.strip() or None if done.returncode == 0 else None


def _origin(url: str) -> tuple[str, str]:
    return split(url).scheme, host_of(url)


def _read_netrc(path: str | None) -> netrc.netrc | None:
    if path is None or not Path(path).is_file():
        return None
    try:
        return netrc.netrc(path)
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError) as error:
        _log.warning("the netrc file %s is passed over: %s", path, type(error).__name__)
        return None
