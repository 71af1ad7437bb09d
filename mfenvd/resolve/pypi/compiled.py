"""What `uv pip compile` prints: names, versions, who asked for what, and what it read on the way."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

import msgspec
from packaging.utils import canonicalize_name

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(\[(?P<extras>[^\]]*)\])?(==(?P<version>\S+)| @ (?P<url>\S+))")
_SELECTING_START = "DEBUG Selecting: "
_SELECTING = re.compile(r"DEBUG Selecting: (?P<name>\S+?)==(?P<version>\S+) \[\w+\] \((?P<filename>[^)\s]+\.whl)\)")
_NEED_START = "DEBUG Adding transitive dependency for "
_NEED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s:]+): "
    r"(?P<needed>[A-Za-z0-9][\w.-]*)(\{[^}]*\})?(?P<versions>\*|[=<>].*)"
)
_MISSING = re.compile(r"DEBUG No compatible version found for: (?P<name>[A-Za-z0-9][\w.-]*)")
_LOG = re.compile(r"(TRACE|DEBUG|INFO|WARN) ")
_VIA = re.compile(r"# via\b *")


class Pinned(msgspec.Struct, frozen=True):
    """One package of uv's answer.

    Attributes:
        name: Canonical name.
        version: None for one that has an address of its own.
        url: That address, perhaps with credentials; None for one from an index.
        extras: Those that are asked for, by the request or by another package.
        via: Canonical names of the packages that need it, sorted; the request is not among them.
    """

    name: str
    version: str | None = None
    url: str | None = None
    extras: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


class Read(msgspec.Struct, frozen=True):
    """A wheel whose metadata uv went by, of a version that it then took or gave up."""

    name: str
    version: str
    filename: str


class Need(msgspec.Struct, frozen=True):
    """That a version needs another package, as its wheel or a constraint of the request says.

    Attributes:
        name: Canonical name.
        version: Whose need it is.
        needed: Canonical name of what it needs.
        versions: Which versions of that, in uv's notation: `>=1.6.0, <2.0.0 | >=3.0+`, or `*`.
    """

    name: str
    version: str
    needed: str
    versions: str


class Log(msgspec.Struct, frozen=True):
    """What uv went by, as far as its log says it.

    Attributes:
        read: In the order of its search, each once.
        missing: Canonical names of packages of which it found no version that would do, in that order.
        needs: Lines about needs, for `parse_needs`: there are thousands, and hardly any matters.
    """

    read: tuple[Read, ...] = ()
    missing: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Compiled(msgspec.Struct, frozen=True):
    """uv's answer: the packages sorted by name, and what it went by."""

    packages: tuple[Pinned, ...] = ()
    log: Log = Log()


def parse_log(text: str) -> tuple[Log, str]:
    """What uv went by, by the log of its resolver on its standard error, and the rest of that.

    The log is meant for people: of a uv that words it otherwise nothing is learned, and nothing is misunderstood.
    """
    read: dict[Read, None] = {}
    missing: dict[str, None] = {}
    needs = []
    rest = []
    for line in text.splitlines():
        if line.startswith(_NEED_START):
            needs.append(line)
            continue
        match = _SELECTING.match(line) if line.startswith(_SELECTING_START) else None
        if match is not None:
            read[Read(canonicalize_name(match["name"]), match["version"], match["filename"])] = None
        elif (absent := _MISSING.match(line)) is not None:
            missing[canonicalize_name(absent["name"])] = None
        elif not _LOG.match(line):
            rest.append(line)
    return Log(tuple(read), tuple(missing), tuple(needs)), "\n".join(rest)


def needed_names(text: str) -> Iterator[str]:
    """Canonical names of the packages that are needed by what uv has looked at, in lines of its log."""
    for line in text.splitlines():
        if line.startswith(_NEED_START) and (match := _NEED.match(line[len(_NEED_START) :])):
            yield canonicalize_name(match["needed"])


def parse_needs(lines: Iterable[str], of: Container[str], on: Container[str]) -> Iterator[Need]:
    """The needs among the log's lines that matter.

    Args:
        lines: As `Log` has them.
        of: `NAME==VERSION` of those whose needs are asked for, as uv writes it.
        on: Canonical names of the packages that are asked about.
    """
    for line in lines:
        text = line[len(_NEED_START) :]
        match = _NEED.match(text) if text.partition(": ")[0] in of else None
        if match is not None and (needed := canonicalize_name(match["needed"])) in on:
            yield Need(canonicalize_name(match["name"]), match["version"], needed, match["versions"].strip())


def parse_compiled(text: str) -> tuple[Pinned, ...]:
    """The packages of a requirements file as uv writes it with `--annotation-style split`.

    Raises:
        ValueError: A line is of a form that uv is not known to write.
    """
    packages: list[Pinned] = []
    via: list[list[str]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        if not line.startswith("#"):
            packages.append(_pinned(line))
            via.append([])
        elif packages:
            via[-1].append(_VIA.sub("", line).removeprefix("#").strip())
    return tuple(
        msgspec.structs.replace(package, via=_names(sources)) for package, sources in zip(packages, via, strict=True)
    )


def _pinned(line: str) -> Pinned:
    match = _PINNED.match(line)
    if match is None:
        raise ValueError(f"uv wrote a line that is not understood: {line}")
    extras = tuple(extra.strip() for extra in (match["extras"] or "").split(",") if extra.strip())
    return Pinned(canonicalize_name(match["name"]), match["version"], match["url"], extras)


def _names(sources: Iterable[str]) -> tuple[str, ...]:
    """Without `-r FILE` and `-c FILE`, which are the request's own."""
    return tuple(sorted({canonicalize_name(source) for source in sources if source and not source.startswith("-")}))
