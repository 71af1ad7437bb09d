"""pip's own configuration, read as pip 26 reads it (https://pip.pypa.io/en/stable/topics/configuration/)."""

from __future__ import annotations

import configparser
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from mfenvd.domain.surroundings import Surroundings
from mfenvd.resolve.index.settings import IndexSettings, flag, seconds

_log = logging.getLogger(__name__)

_BASENAME = "pip.ini" if sys.platform == "win32" else "pip.conf"

# Metaflow resolves with `pip install`, so its section counts over [global] wherever the two are.
_SECTIONS = ("global", "install")


def pip_variables(environ: Mapping[str, str]) -> IndexSettings:
    """What the `PIP_*` variables say."""
    return _settings(
        {
            name[len("PIP_") :].lower().replace("_", "-"): value
            for name, value in sorted(environ.items())
            if name.startswith("PIP_") and value
        }
    )


def pip_files(surroundings: Surroundings) -> IndexSettings:
    """What pip's configuration files say: system, then user, then environment, then PIP_CONFIG_FILE, the last wins.

    A file that cannot be read or parsed is passed over with a line in the log (pip itself would stop).
    """
    by_section: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for path in config_files(surroundings):
        for section, values in _read(path).items():
            if section in by_section:
                by_section[section].update(values)
    options: dict[str, str] = {}
    for section in _SECTIONS:
        options.update({name: value for name, value in by_section[section].items() if value})
    return _settings(options)


def config_files(surroundings: Surroundings) -> tuple[Path, ...]:
    """The files that pip would read, whether they exist or not, in order of rising precedence."""
    environ = surroundings.environ
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:
        return ()
    files = [folder / _BASENAME for folder in _system_folders(environ)]
    if own is None or not Path(surroundings.cwd, own).exists():
        files += [folder / _BASENAME for folder in _user_folders(environ)]
    prefix = _prefix(surroundings)
    if prefix is not None:
        files.append(prefix / _BASENAME)
    if own is not None:
        files.append(Path(surroundings.cwd, own))
    return tuple(files)


def home(environ: Mapping[str, str]) -> Path | None:
    """The user's home folder, by the variables that name it."""
    value = environ.get("USERPROFILE" if sys.platform == "win32" else "HOME")
    return Path(value) if value else None


def _system_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    if sys.platform == "win32":
        yield Path(environ.get("PROGRAMDATA", r"C:\ProgramData"), "pip")
    elif sys.platform == "darwin":
        yield Path("/Library/Application Support/pip")
    else:
        yield from (Path(folder, "pip") for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep))
        yield Path("/etc")


def _user_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    own = home(environ)
    if own is None:
        return
    yield own / ("pip" if sys.platform == "win32" else ".pip")
    if sys.platform == "win32":
        yield Path(environ.get("APPDATA") or own / "AppData" / "Roaming", "pip")
        return
    native = own / "Library" / "Application Support" / "pip"
    if sys.platform == "darwin" and native.is_dir():
        yield native
    else:
        yield Path(environ.get("XDG_CONFIG_HOME") or own / ".config", "pip")


def _prefix(surroundings: Surroundings) -> Path | None:
    """`sys.prefix` of the project's interpreter, told by its path."""
    if surroundings.interpreter is None:
        active = surroundings.environ.get("VIRTUAL_ENV")
        return Path(active) if active else None
    folder = Path(surroundings.interpreter).parent
    return folder.parent if folder.name.lower() in {"bin", "scripts"} else folder


def _read(path: Path) -> dict[str, dict[str, str]]:
    """`{section: {option: value}}`, options spelled with dashes."""
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        _log.warning("pip's configuration %s is passed over: %s", path, type(error).__name__)
        return {}
    return {
        section: {name.lower().replace("_", "-").lstrip("-"): value for name, value in parser.items(section)}
        for section in parser.sections()
    }


def _settings(options: Mapping[str, str]) -> IndexSettings:
    def words(name: str) -> tuple[str, ...]:
        return tuple(options.get(name, "").split())

    timeout = options.get("timeout") or options.get("default-timeout") or ""
    return IndexSettings(
        index_url=options.get("index-url") or options.get("pypi-url"),
        extra_index_urls=words("extra-index-url"),
        find_links=words("find-links"),
        no_index=flag(options.get("no-index", "")),
        trusted_hosts=words("trusted-host"),
        cert=options.get("cert"),
        client_cert=options.get("client-cert"),
        proxy=options.get("proxy"),
        timeout=seconds(timeout),
        keyring=options.get("keyring-provider"),
    )
