"""`conda_v2.cnd`, where metaflow-netflixext keeps the environments of all flows (1.3.17, `env_descr.py`).

The extension locks the file and then puts another one in its place by renaming. A writer that waited for the lock of
the file before merges into that one and renames too, so whatever was written in between is gone. What is written here
is therefore looked for afterwards and written again; who wants it to stay watches the file and writes once more when
it changed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.domain.alias import MUTABLE_TAGS
from mfenvd.warm import shared_file
from mfenvd.warm.shared_file import Form, ManifestError

__all__ = [
    "Entry",
    "EnvId",
    "Line",
    "Manifest",
    "ManifestError",
    "Removed",
    "Wanted",
    "Written",
    "is_id",
    "read",
    "remove",
    "write",
]

_VERSION = 1
_ID = re.compile(r"[\w-]+", re.ASCII)
_DEFAULT = "_default"
_ATTEMPTS = 20
_PAUSE = 0.02
"""Seconds until what was written is looked for. The extension's writers follow upon each other within hundredths."""

Entry = dict[str, Any]
"""A resolved environment: `deps`, `sources`, `extras`, `packages`, `resolved_on` and so on; its ids are not in it."""


class EnvId(msgspec.Struct, frozen=True, order=True):
    """What the extension calls a resolved environment.

    Attributes:
        arch: A conda subdir.
        req: 40 hex digits of what was asked for.
        full: 40 hex digits of the packages.
    """

    arch: str
    req: str
    full: str


class Wanted(msgspec.Struct, frozen=True):
    """One environment as it is to stand in the manifest.

    Attributes:
        id: Where it goes.
        entry: What it is.
        is_default: Whether steps that ask for `id.req` get this one.
        aliases: Names of it as the manifest has them: `team/project/env/v1`.
    """

    id: EnvId
    entry: Entry
    is_default: bool = True
    aliases: tuple[str, ...] = ()


class Written(msgspec.Struct, frozen=True):
    """What came of writing.

    Attributes:
        changed: Whether the file is another one now.
        kept: Other environments that stay what steps get, in the place of those wanted.
        refused: Aliases that are another environment's for good.
    """

    changed: bool
    kept: tuple[EnvId, ...] = ()
    refused: tuple[str, ...] = ()


class Removed(msgspec.Struct, frozen=True):
    """What came of removing.

    Attributes:
        gone: What was taken out.
        absent: What was not there.
        of_others: What was resolved again since, and is another's by now.
    """

    gone: tuple[EnvId, ...] = ()
    absent: tuple[EnvId, ...] = ()
    of_others: tuple[EnvId, ...] = ()


class Manifest:
    """The content of the file, to look things up in."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def __iter__(self) -> Iterator[EnvId]:
        """All resolved environments."""
        for arch, requests in self._content["environments"].items():
            for req, found in requests.items():
                yield from (EnvId(arch, req, full) for full in found if full != _DEFAULT)

    def entry(self, id_: EnvId) -> Entry | None:
        """An environment; None where there is none."""
        found = self._of_request(id_.arch, id_.req).get(id_.full)
        return found if isinstance(found, dict) else None

    def default(self, arch: str, req: str) -> EnvId | None:
        """The environment that a step gets that asks for `req`; None where the extension would resolve."""
        full = self._of_request(arch, req).get(_DEFAULT)
        id_ = EnvId(arch, req, full) if isinstance(full, str) else None
        return id_ if id_ is not None and self.entry(id_) is not None else None

    def named(self, alias: str) -> tuple[str, str] | None:
        """The request and full id of an alias (`team/project/env/v1`), or of a full id; None where there is none."""
        found = self._content["aliases"].get(alias) or self._content["mutable_aliases"].get(alias)
        return (found[0], found[1]) if found else None

    def of_step(self, pathspec: str) -> tuple[str, str] | None:
        """The request and full id of a step that ran (`Flow/Run/Step`)."""
        found = self._content["mappings"].get(pathspec)
        return (found[0], found[1]) if found else None

    def aliases(self) -> dict[str, tuple[str, str]]:
        """All names with their request and full id; full ids are not among the names."""
        together = {**self._content["mutable_aliases"], **self._content["aliases"]}
        return {name: (req, full) for name, (req, full) in together.items() if name != full}

    def aliases_of(self, id_: EnvId) -> tuple[str, ...]:
        """The names of an environment, on whatever arch."""
        return tuple(name for name, ids in self.aliases().items() if ids == (id_.req, id_.full))

    def _of_request(self, arch: str, req: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._content["environments"].get(arch, {}).get(req, {})
        return found


def is_mutable(alias: str) -> bool:
    """Whether an alias (`team/project/env/latest`) may be given to another environment."""
    return alias.rpartition("/")[2] in MUTABLE_TAGS


def read(path: Path) -> Manifest:
    """The manifest; an empty one where there is none.

    Raises:
        ManifestError: It cannot be read, or is not what the extension writes.
    """
    return Manifest(shared_file.read(path, _FORM))


def write(
    path: Path,
    wanted: Collection[Wanted],
    *,
    replace: bool = False,
    putting: Callable[[Wanted, bool], None] = lambda *_: None,
) -> Written:
    """Puts environments and their names into the manifest; what others wrote stays.

    An environment that is there already only gets what it lacks: where its packages are cached.

    Args:
        path: Of the manifest; folders above it are made.
        wanted: The environments.
        replace: Steps get them even where they got other ones before.
        putting: Is told of each environment before it can be seen, and whether it was not there; nobody else writes
            meanwhile.

    Raises:
        ManifestError: It cannot be written, or is not what the extension writes.
    """
    change = _Change(wanted, putting, replace=replace)
    changed = _edit(path, change)
    return Written(changed, tuple(change.kept), tuple(change.refused))


def remove(
    path: Path, unwanted: Mapping[EnvId, str], is_unwanted: Callable[[EnvId], bool], *, dry_run: bool = False
) -> Removed:
    """Takes out environments that nothing refers to: no alias, and no step of a run.

    Args:
        path: Of the manifest.
        unwanted: When each of them was resolved, as its entry says: one that was resolved again is another's.
        is_unwanted: Whether one of them still is, asked while nobody else writes.
        dry_run: Only says what would be gone.

    Raises:
        ManifestError: It cannot be written, or is not what the extension writes.
    """
    gone: dict[EnvId, None] = {}
    absent: list[EnvId] = []
    of_others: list[EnvId] = []

    def change(content: dict[str, Any]) -> None:
        used = {tuple(ids) for names in ("mappings", "mutable_aliases") for ids in content[names].values()}
        used |= {tuple(ids) for name, ids in content["aliases"].items() if name != ids[1]}
        absent.clear()
        of_others.clear()
        for id_, resolved_on in unwanted.items():
            entry = Manifest(content).entry(id_)
            if entry is None:
                absent.append(id_)
            elif entry.get("resolved_on") != resolved_on:
                of_others.append(id_)
            elif (id_.req, id_.full) not in used and is_unwanted(id_):
                _take_out(content, id_)
                gone[id_] = None

    if dry_run or not path.exists():
        change(shared_file.read(path, _FORM))
    else:
        _edit(path, change)
    return Removed(tuple(gone), tuple(id_ for id_ in absent if id_ not in gone), tuple(of_others))


def _edit(path: Path, change: Callable[[dict[str, Any]], None]) -> bool:
    """Changes the file, and again for as long as a writer of the extension has put another one in its place."""
    changed = False
    for _ in range(_ATTEMPTS):
        edited = shared_file.edit(path, _FORM, change)
        changed = changed or edited.changed
        if not changed:
            break
        time.sleep(_PAUSE)
        if shared_file.is_still(path, edited.inode):
            break
    return changed


class _Change:
    """Puts in what is wanted, and notes what stays in its way."""

    def __init__(self, wanted: Collection[Wanted], putting: Callable[[Wanted, bool], None], *, replace: bool) -> None:
        self._wanted = wanted
        self._putting = putting
        self._replace = replace
        self.kept: list[EnvId] = []
        self.refused: list[str] = []

    def __call__(self, content: dict[str, Any]) -> None:
        self.kept.clear()
        self.refused.clear()
        for one in self._wanted:
            self._put(content, one)

    def _put(self, content: dict[str, Any], one: Wanted) -> None:
        before = Manifest(content)
        default, there = before.default(one.id.arch, one.id.req), before.entry(one.id)
        found = content["environments"].setdefault(one.id.arch, {}).setdefault(one.id.req, {})
        self._putting(one, there is None)
        if there is None:
            found[one.id.full] = one.entry
        else:
            _add_cache_info(there, one.entry)
        if one.is_default and default != one.id:
            if default is None or self._replace:
                found[_DEFAULT] = one.id.full
            else:
                self.kept.append(default)
        ids = [one.id.req, one.id.full]
        # Two requests may have the same packages: the full id stays the first one's, as the extension has it.
        content["aliases"].setdefault(one.id.full, ids)
        for alias in one.aliases:
            if is_mutable(alias):
                content["mutable_aliases"][alias] = ids
            elif list(content["aliases"].setdefault(alias, ids)) != ids:
                self.refused.append(alias)


def _add_cache_info(there: Entry, entry: Entry) -> None:
    """Says of packages that are there where they are cached, once that is known; never takes it back."""
    known = {package["url"]: package["cache_info"] for package in entry["packages"] if package.get("cache_info")}
    for package in there["packages"]:
        if not package.get("cache_info") and package.get("url") in known:
            package["cache_info"] = known[package["url"]]


def _take_out(content: dict[str, Any], id_: EnvId) -> None:
    requests = content["environments"][id_.arch]
    found = requests[id_.req]
    del found[id_.full]
    if found.get(_DEFAULT) == id_.full:
        del found[_DEFAULT]
    if not found:
        del requests[id_.req]
    if list(content["aliases"].get(id_.full, ())) == [id_.req, id_.full]:
        _name_another(content, id_)


def _name_another(content: dict[str, Any], id_: EnvId) -> None:
    """Lets the full id lead to an environment with these packages that is still there, as far as there is one."""
    archs = content["environments"].values()
    there = {req for requests in archs for req, found in requests.items() if id_.full in found}
    if not there:
        del content["aliases"][id_.full]
    elif id_.req not in there:
        content["aliases"][id_.full] = [min(there), id_.full]


def _problem(value: Any) -> str | None:
    """What keeps a decoded file from being one that the extension reads."""
    if not isinstance(value, dict):
        return "it has another form than metaflow-netflixext gives it"
    if value.get("version") != _VERSION:
        return f"it has version {value.get('version')}, and mfenv knows version {_VERSION}"
    is_known = all(_are_names(value.get(key, {})) for key in ("mappings", "mutable_aliases", "aliases"))
    if not is_known or not _are_environments(value.get("environments", {})):
        return "it has another form than metaflow-netflixext gives it"
    return None


def _are_names(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(ids, list) and len(ids) == 2 and all(map(is_id, ids)) for ids in value.values()
    )


def _are_environments(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(requests, dict)
        and all(
            is_id(req)
            and isinstance(found, dict)
            and all(
                is_id(full) and (isinstance(one, str) if full == _DEFAULT else _holds_packages(one))
                for full, one in found.items()
            )
            for req, found in requests.items()
        )
        for requests in value.values()
    )


def _holds_packages(value: Any) -> bool:
    packages = value.get("packages") if isinstance(value, dict) else None
    return isinstance(packages, list) and all(isinstance(package, dict) for package in packages)


class Line(msgspec.Struct):
    """What the extension cannot do without of a package."""

    filename: str
    url: str
    url_format: str
    hashes: dict[str, str]
    kind: str = msgspec.field(name="_type")


class _Described(msgspec.Struct):
    packages: list[Line]


def is_id(value: Any) -> bool:
    """Whether a decoded value, which may come from anybody, is an id: such become parts of paths."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def is_entry(value: Any) -> bool:
    """Whether a decoded value, which may come from anybody, describes an environment as the extension does."""
    try:
        msgspec.convert(value, _Described)
    except msgspec.ValidationError:
        return False
    return True


def _empty() -> dict[str, Any]:
    return {"version": _VERSION, "mappings": {}, "mutable_aliases": {}, "aliases": {}, "environments": {}}


_FORM = Form(_problem, _empty)
