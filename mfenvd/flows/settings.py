"""mfenv's configuration: `[tool.mfenv]` of pyproject.toml, `mfenv.toml`, and the user's file below both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.settings import CacheSettings, MirrorSettings, NamedEnvironment, Settings, TargetSettings
from mfenvd.flows.findings import bad_setting, malformed_configuration, unreadable_file
from mfenvd.flows.requirement_formats.toml_file import Key, TomlError, TomlPlaces, parse_toml
from mfenvd.flows.setting_values import (
    CACHE_KEYS,
    ENVIRONMENT_KEYS,
    MIRROR_KEYS,
    PROJECT_KEYS,
    TARGET_KEYS,
    BadValueError,
    Check,
    arch,
    nearest,
)
from mfenvd.paths import Paths

_FIELDS = {"with": "launch_with", "mixed-resolver": "mixed_resolver", "max-workers": "max_workers"}


def configuration_files(root: Path, paths: Paths) -> tuple[Path, ...]:
    """Where the configuration of the project at `root` may stand; a later file wins, key by key."""
    return (paths.config_file, root / "pyproject.toml", root / "mfenv.toml")


def load_settings(root: Path, paths: Paths) -> tuple[Settings, tuple[Finding, ...]]:
    """What the configuration files say together, and what is wrong with them.

    A key that does not exist or has a bad value is left out, of an array the bad item alone; all others apply.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, Location] = {}
    findings: list[Finding] = []
    for path in configuration_files(root, paths):
        layer = _Layer(path, users=paths.config_file)
        layer.read()
        findings += layer.findings
        _merge(merged, layer.values)
        origins |= layer.origins
    environments, incomplete = _environments(merged.pop("envs", {}), origins)
    targets = {a: TargetSettings(**keys) for a, keys in merged.pop("targets", {}).items()}
    mirror = MirrorSettings(**_named(merged.pop("mirror", {})))
    cache = CacheSettings(**_named(merged.pop("cache", {})))
    fields = {_FIELDS.get(key, key): value for key, value in merged.items()}
    settings = Settings(
        **fields,
        targets=targets,
        environments=environments,
        mirror=mirror,
        cache=cache,
        origins=origins,
    )
    return settings, (*findings, *incomplete)


def has_settings(path: Path) -> bool:
    """Whether the mfenv.toml or pyproject.toml at `path` says something about mfenv."""
    layer = _Layer(path)
    layer.read()
    return layer.found


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict):
            _merge(base.setdefault(key, {}), value)
        else:
            base[key] = value


def _named(table: Mapping[str, Any]) -> dict[str, Any]:
    """A table's keys as Python spells them."""
    return {key.replace("-", "_"): value for key, value in table.items()}


def _environments(
    tables: Mapping[str, dict[str, Any]], origins: Mapping[str, Location]
) -> tuple[dict[str, NamedEnvironment], list[Finding]]:
    environments, findings = {}, []
    for name, keys in tables.items():
        origin = origins[f"envs.{name}"]
        if any(keys.get(key) for key in ("requirements", "packages", "conda")):
            environments[name] = NamedEnvironment(name=name, origin=origin, **keys)
        else:
            message = f"The environment {name!r} has no `requirements`, `packages` or `conda`."
            findings.append(bad_setting(origin, message, 'Add `requirements = "requirements.txt"`.'))
    return environments, findings


class _Layer:
    """One configuration file: its good values, where they stand, and its findings.

    Args:
        path: Of the file.
        users: Of the user's own file, where that matters.
    """

    def __init__(self, path: Path, users: Path | None = None) -> None:
        self.path, self._users = path, users
        self._all_tables = ("targets", "envs", "mirror", *(("cache",) if users in {None, path} else ()))
        self.found = False
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Location] = {}
        self.findings: list[Finding] = []
        self._places = TomlPlaces("", str(path))
        self._prefix: Key = ("tool", "mfenv") if path.name == "pyproject.toml" else ()

    def read(self) -> None:
        if self.path.is_fifo():  # reading it would wait for a writer
            self.findings.append(unreadable_file(str(self.path), "it is a pipe"))
            return
        try:
            content = self.path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.findings.append(unreadable_file(str(self.path), error.strerror or str(error)))
            return
        try:
            text = content.decode()
            document = parse_toml(text)
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.findings.append(malformed_configuration(Location(str(self.path), line), "it is not UTF-8"))
        except TomlError as error:
            place = Location(str(self.path), error.line or text.count("\n") + 1, error.column)
            self.findings.append(malformed_configuration(place, error.reason))
        else:
            table = self._own_table(document)
            if table is not None:
                self.found = True
                self._places = TomlPlaces(text, str(self.path))
                self._top(table)

    def _own_table(self, document: dict[str, Any]) -> dict[str, Any] | None:
        table: Any = document
        for key in self._prefix:
            table = table.get(key) if isinstance(table, dict) else None
        return table if isinstance(table, dict) else None

    def _top(self, table: dict[str, Any]) -> None:
        for key, value in table.items():
            if key == "targets":
                self._tables(key, value, self._target)
            elif key == "envs":
                self._tables(key, value, self._environment)
            elif key == "mirror":
                self._table(key, value, MIRROR_KEYS)
            elif key == "cache":
                self._cache(value)
            else:
                self._key((key,), value, PROJECT_KEYS, self.values, self._all_tables)

    def _cache(self, table: Any) -> None:
        if "cache" not in self._all_tables:
            message = "`cache` is about all projects of a user, and does not count in one of them"
            self._bad(("cache",), BadValueError(message, f"Write it in {self._users}."))
            return
        self._table("cache", table, CACHE_KEYS)

    def _table(self, name: str, table: Any, checks: Mapping[str, Check]) -> None:
        if not isinstance(table, dict):
            self._bad((name,), BadValueError(f"`{name}` is a table", f"Write it as in `[{name}]`."))
            return
        found = self.values.setdefault(name, {})
        for key, value in table.items():
            self._key((name, key), value, checks, found)

    def _tables(self, key: str, value: Any, read: Callable[[Key, str, dict[str, Any]], None]) -> None:
        example = "[targets.linux-64]" if key == "targets" else "[envs.NAME]"
        bad = BadValueError(f"`{key}` holds tables", f"Write it as in `{example}`.")
        if not isinstance(value, dict):
            self._bad((key,), bad)
            return
        for name, table in value.items():
            if isinstance(table, dict):
                read((key, name), name, table)
            else:
                self._bad((key, name), bad)

    def _target(self, path: Key, name: str, table: dict[str, Any]) -> None:
        try:
            subdir = arch(name)
        except BadValueError as bad:
            close = nearest(name, [str(a) for a in Arch])
            self._bad(path, BadValueError(bad.message, f"Write `[targets.{close}]`." if close else bad.fix))
            return
        found = self.values.setdefault("targets", {}).setdefault(subdir, {})
        for key, value in table.items():
            if (key == "glibc" and not subdir.is_linux) or (key == "macos" and not subdir.is_macos):
                self._bad((*path, key), BadValueError(f"{subdir} has no `{key}`", "Remove this line."))
            else:
                self._key((*path, key), value, TARGET_KEYS, found)

    def _environment(self, path: Key, name: str, table: dict[str, Any]) -> None:
        found = self.values.setdefault("envs", {}).setdefault(name, {})
        self.origins[".".join(map(str, path))] = self._location(path)
        for key, value in table.items():
            self._key((*path, key), value, ENVIRONMENT_KEYS, found)

    def _key(
        self,
        path: Key,
        value: Any,
        checks: Mapping[str, Check],
        into: dict[str, Any],
        tables: tuple[str, ...] = (),
    ) -> None:
        key = str(path[-1])
        if key not in checks:
            self._unknown(path, (*checks, *tables))
            return
        value, places = self._good_items(path, value, checks[key])
        if value is None:
            return
        into[key] = checks[key](value, self.path.parent)
        self.origins[".".join(map(str, path))] = self._location(path)
        for index, place in enumerate(places):
            self.origins[".".join(map(str, (*path, index)))] = self._location((*path, place))

    def _good_items(self, path: Key, value: Any, check: Check) -> tuple[Any, list[int]]:
        """The value without the items that it cannot have, each told, and where in the array those left stand.

        None where nothing is left that counts.
        """
        places = list(range(len(value))) if isinstance(value, list) else []
        while True:
            try:
                check(value, self.path.parent)
            except BadValueError as bad:
                self._bad(path if bad.item is None else (*path, places[bad.item]), bad)
                if bad.item is None or len(places) == 1:
                    return None, []
                value = [item for index, item in enumerate(value) if index != bad.item]
                del places[bad.item]
            else:
                return value, places

    def _unknown(self, path: Key, keys: tuple[str, ...]) -> None:
        key = str(path[-1])
        close = nearest(key, keys)
        table = ".".join(map(str, (*self._prefix, *path[:-1])))
        where = f" in [{table}]" if table else ""
        if close:
            fix = f"Write `{close}`."
        elif len(path) == 1 and (meant := nearest(key, TARGET_KEYS)):
            under = f"under [{'.'.join(map(str, (*self._prefix, 'targets', 'linux-64')))}]."
            fix = f"Put it {under}" if meant == key else f"Write `{meant}`, {under}"
        else:
            fix = f"The keys are {', '.join(sorted(keys))}."
        place = Location(str(self.path), self._location(path).line)
        self.findings.append(bad_setting(place, f"There is no key `{key}`{where}.", fix))

    def _bad(self, path: Key, bad: BadValueError) -> None:
        self.findings.append(bad_setting(self._location(path), f"{bad.message}.", bad.fix))

    def _location(self, path: Key) -> Location:
        return self._places.location(*self._prefix, *path)
