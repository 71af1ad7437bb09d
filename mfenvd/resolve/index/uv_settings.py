"""What uv's variables and configuration files say about indexes (https://docs.astral.sh/uv/reference/settings/)."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mfenvd.resolve.index.pip_settings import home
from mfenvd.resolve.index.settings import IndexSettings, flag, merged, seconds
from mfenvd.resolve.index.urls import with_userinfo

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_log = logging.getLogger(__name__)


def uv_variables(environ: Mapping[str, str]) -> IndexSettings:
    """What the `UV_*` variables say."""
    timeout = environ.get("UV_HTTP_TIMEOUT") or environ.get("UV_REQUEST_TIMEOUT") or ""
    further = (*environ.get("UV_INDEX", "").split(), *environ.get("UV_EXTRA_INDEX_URL", "").split())
    default = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL")
    return IndexSettings(
        index_url=_with_credentials(default, environ) if default else None,
        extra_index_urls=tuple(_with_credentials(url, environ) for url in further),
        find_links=tuple(filter(None, environ.get("UV_FIND_LINKS", "").split(","))),
        no_index=flag(environ.get("UV_NO_INDEX", "")),
        trusted_hosts=tuple(environ.get("UV_INSECURE_HOST", "").split()),
        timeout=seconds(timeout),
    )


def uv_files(environ: Mapping[str, str], root: Path, *, of_project: bool = True) -> IndexSettings:
    """What the project's, the user's and the system's uv configuration say, the nearest first.

    A file that cannot be read or parsed is passed over with a line in the log.
    """
    if flag(environ.get("UV_NO_CONFIG", "")):
        return IndexSettings()
    own = environ.get("UV_CONFIG_FILE")
    if own:
        return _settings(_read(Path(root, own)), Path(root, own).parent, environ)
    return merged(_settings(table, base, environ) for table, base in _tables(environ, root if of_project else None))


def _tables(environ: Mapping[str, str], root: Path | None) -> Iterator[tuple[dict[str, Any], Path]]:
    """Each table that counts, with the folder that its relative paths start from."""
    for folder in (root, *root.parents) if root is not None else ():
        table = _read(folder / "uv.toml") or _read(folder / "pyproject.toml").get("tool", {}).get("uv")
        if table:
            yield table, folder
            break
    config = environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME")
    own = home(environ)
    user = Path(config) if config else own / ".config" if own else None
    folders = [user] if user else []
    if sys.platform != "win32":
        folders += [Path(folder) for folder in environ.get("XDG_CONFIG_DIRS", "").split(":") if folder]
        folders.append(Path("/etc"))
    for folder in folders:
        yield _read(folder / "uv" / "uv.toml"), folder / "uv"


def _settings(table: dict[str, Any], base: Path, environ: Mapping[str, str]) -> IndexSettings:
    """The settings of one uv table; `[pip]` in it counts over its top level, as for `uv pip`."""
    table = {**table, **table.get("pip", {})}
    # An explicit index serves only the packages that uv's sources bind to it: pip knows nothing like it.
    indexes = [index for index in table.get("index", ()) if isinstance(index, dict) and not index.get("explicit")]
    default = next((index for index in indexes if index.get("default")), None)
    further = [_with_credentials(_named(index), environ) for index in indexes if index is not default]
    return IndexSettings(
        index_url=_with_credentials(_named(default), environ) if default else table.get("index-url"),
        extra_index_urls=(*further, *table.get("extra-index-url", ())),
        find_links=tuple(link if "://" in link else str(base / link) for link in table.get("find-links", ())),
        no_index=table.get("no-index"),
        trusted_hosts=tuple(table.get("allow-insecure-host", ())),
    )


def _named(index: dict[str, Any]) -> str:
    url = str(index.get("url", ""))
    return f"{index['name']}={url}" if index.get("name") else url


def _with_credentials(index: str, environ: Mapping[str, str]) -> str:
    """The URL of `[name=]url`, with what `UV_INDEX_NAME_USERNAME` and `…_PASSWORD` say put into it."""
    name, separator, url = index.partition("=")
    if not separator or "/" in name or ":" in name:
        return index
    variable = "UV_INDEX_" + "".join(c if c.isalnum() else "_" for c in name.upper())
    return with_userinfo(url, environ.get(f"{variable}_USERNAME"), environ.get(f"{variable}_PASSWORD"))


def _read(path: Path) -> dict[str, Any]:
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        _log.warning("uv's configuration %s is passed over: %s", path, type(error).__name__)
        return {}
    return table
