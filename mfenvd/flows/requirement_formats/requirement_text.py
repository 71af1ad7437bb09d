"""One requirement, in any spelling that pip knows, as canonical PEP 508."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from mfenvd.domain.file_urls import path_of_file_url
from mfenvd.domain.finding import Finding, Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.parsing import parse_requirement
from mfenvd.flows.requirement_formats.project_name import PROJECT_FILES, is_project, project_name

_VCS = ("git", "hg", "svn", "bzr")
_URL_SCHEME = re.compile(rf"(?:https?|ftp|file|(?:{'|'.join(_VCS)})(?:\+[a-z-]+)?):", re.IGNORECASE)
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")
_EGG_PART = re.compile(r"[#&]egg=(?P<egg>[^&]*)")
_EGG = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?")
_SCP_LIKE = re.compile(r"(?:git\+)?[\w.-]+@[\w.-]+:[^/\s]\S*")
_SINGLE_EQUALS = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?)\s*=?\s*(?P<version>\d[\w.!*+-]*)")
_LONG = 200


class Canonical(msgspec.Struct, frozen=True):
    """A requirement's canonical text.

    Attributes:
        reads: The files that its name was read from.
        notes: What is worth knowing about the way it is written.
    """

    text: str
    reads: tuple[str, ...] = ()
    notes: tuple[Finding, ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """A requirement as written.

    Attributes:
        text: After `${VAR}` is replaced.
        location: Where it stands.
        folders: Where relative paths may begin, the preferred first.
        editable: Whether `-e` was before it.
    """

    text: str
    location: Location
    folders: Sequence[Path]
    editable: bool = False


def canonical(entry: Entry) -> Canonical:
    """The requirement as PEP 508: `name @ URL` for URLs, folders and archives.

    Raises:
        Unusable: It is not valid, its file does not exist, or its name cannot be known.
    """
    try:
        return _canonical(entry)
    except ValueError as error:
        # What the libraries for URLs and paths raise, as for a host that ends in the middle of an address.
        raise _invalid(entry, str(error)) from None


def _canonical(entry: Entry) -> Canonical:
    if _SCP_LIKE.fullmatch(entry.text):
        # PEP 508 would take it for a package called `git`.
        raise _scp_like(entry, entry.text)
    try:
        # pip takes a semicolon with nothing behind it for no marker at all.
        requirement = parse_requirement(entry.text.removesuffix(";"))
    except InvalidRequirement as error:
        # A path or URL may still be one: `./pkg` is not PEP 508 and fine with pip.
        return _bare(entry, str(error).partition("\n")[0])
    url = requirement.url
    if url is None:
        return _named(entry, requirement)
    if _SCP_LIKE.fullmatch(url):
        raise _scp_like(entry, url, requirement.name)
    if url.lower().startswith("file:") or "://" not in url:
        return _local(_Reference(entry, url, _extras(requirement), _marker(requirement), requirement.name))
    return Canonical(str(requirement))


def python_wanted(specifiers: SpecifierSet) -> str | None:
    """The version that `==3.11` or `==3.11.*` means, else the specifier as it is; None for an empty one."""
    exact = [s.version.removesuffix(".*") for s in specifiers if s.operator in {"==", "==="}]
    return exact[0] if exact and len(list(specifiers)) == 1 else str(specifiers) or None


class _Reference(msgspec.Struct, frozen=True):
    """A URL or path with what surrounds it; `name` is what the text says, None when it says nothing."""

    entry: Entry
    target: str
    extras: str = ""
    marker: str = ""
    name: str | None = None

    def to(self, url: str, name: str, reads: tuple[str, ...] = ()) -> Canonical:
        text = f"{name}{self.extras} @ {url}{f' ; {self.marker}' if self.marker else ''}"
        try:
            return Canonical(str(parse_requirement(text)), reads)
        except InvalidRequirement as error:
            raise _invalid(self.entry, str(error).partition("\n")[0]) from None


def _named(entry: Entry, requirement: Requirement) -> Canonical:
    """A requirement without URL, unless it is the name of an archive or after `-e`."""
    if entry.editable:
        return _local(_Reference(entry, entry.text))
    if entry.text.lower().endswith(_ARCHIVES):
        return _bare(entry, "")
    return Canonical(str(requirement))


def _bare(entry: Entry, reason: str) -> Canonical:
    """Something that is not PEP 508: a URL, a path, or a mistake."""
    text, marker = _split_marker(entry.text)
    if entry.editable and text.lower().startswith(tuple(f"{vcs}:" for vcs in _VCS)):
        text = f"{text.partition(':')[0]}+{text}"
    reference = _Reference(entry, text, marker=marker)
    if _URL_SCHEME.match(text) and not text.lower().startswith("file:"):
        return _remote(reference)
    if text.lower().startswith("file:") or _looks_like_path(text) or entry.editable:
        path, bracket, extras = text.rpartition("[")
        if path and extras.endswith("]"):
            reference = msgspec.structs.replace(reference, target=path, extras=bracket + extras)
        return _local(reference)
    raise _invalid(entry, reason)


def _split_marker(text: str) -> tuple[str, str]:
    """A requirement and its marker; pip splits a URL at `; ` and anything else at `;`."""
    body, _, marker = text.partition("; " if _URL_SCHEME.match(text) else ";")
    return body.strip(), marker.strip()


def _looks_like_path(text: str) -> bool:
    bare = text.partition("[")[0]
    if "://" in text:
        return False
    return "/" in bare or "\\" in bare or bare.startswith(".") or bare.lower().endswith(_ARCHIVES)


def _remote(reference: _Reference) -> Canonical:
    """A URL without a name before it: the egg fragment or the filename names it."""
    if re.search(r"\s", reference.target):
        raise _invalid(reference.entry, "a URL has no blanks")
    url, fragment = urldefrag(reference.target)
    egg, rest = _split_egg(fragment)
    filename = unquote(urlsplit(url).path).rpartition("/")[2]
    full = f"{url}#{rest}" if rest else url
    found = None if filename.lower().endswith(".whl") else _EGG.fullmatch(egg)
    if found:
        reference = msgspec.structs.replace(reference, extras=found["extras"] or "")
        named = reference.to(full, found["name"])
        if not found["extras"]:
            return named
        note = findings.extras_in_egg(named.text, reference.entry.location)
        return msgspec.structs.replace(named, notes=(note,))
    is_archive = "+" not in url.partition(":")[0]
    name = _name_in_filename(reference.entry, filename) if is_archive else None
    if name is None:
        guess = None if is_archive else _repository_name(filename)
        raise Unusable(findings.unnamed_url(full, guess, reference.entry.location))
    return reference.to(full, name)


def _local(reference: _Reference) -> Canonical:
    """A path or `file:` URL of a folder or an archive."""
    entry = reference.entry
    is_url = reference.target.lower().startswith("file:")
    target, fragment = urldefrag(reference.target) if is_url else _hash_off(reference.target)
    egg, rest = _split_egg(fragment)
    path = _existing(to_path(target), entry)
    name: str | None = reference.name
    reads: tuple[str, ...] = ()
    found = _EGG.fullmatch(egg)
    if name is None and found:
        name = found["name"]
        reference = msgspec.structs.replace(reference, extras=reference.extras or found["extras"] or "")
    if name is None:
        name, reads = _name_of(path, entry)
    return reference.to(path.as_uri() + (f"#{rest}" if rest else ""), name, reads)


def _hash_off(target: str) -> tuple[str, str]:
    """A plain path may end in `#egg=name`; another `#` is part of it."""
    path, mark, fragment = target.partition("#egg=")
    return (path, f"egg={fragment}") if mark else (target, "")


def to_path(target: str) -> Path:
    """The path that a `file:` URL or a path with `~` means.

    Raises:
        ValueError: It is no URL.
    """
    if not target.lower().startswith("file:"):
        return Path(target).expanduser()
    return path_of_file_url(target)


def _existing(path: Path, entry: Entry) -> Path:
    """`path` made absolute against the first folder where it exists."""
    candidates = [Path(os.path.normpath(folder / path)) for folder in entry.folders]
    for candidate in candidates:
        try:
            if candidate.exists():
                return candidate
        except (OSError, ValueError):
            break
    raise Unusable(findings.missing_file(candidates[0], entry.location))


def _name_of(path: Path, entry: Entry) -> tuple[str, tuple[str, ...]]:
    if not path.is_dir():
        name = _name_in_filename(entry, path.name)
        if name is None:
            raise Unusable(findings.unnamed_local(path, "has no `NAME-VERSION` in its filename", entry.location))
        return name, ()
    if not is_project(path):
        raise Unusable(findings.unnamed_local(path, "has neither pyproject.toml nor setup.py", entry.location))
    name = project_name(path)
    if name is None:
        raise Unusable(findings.unnamed_local(path, "does not say its name in a readable place", entry.location))
    return name, tuple(str(path / file) for file in PROJECT_FILES)


def _name_in_filename(entry: Entry, filename: str) -> str | None:
    """The package's name in an archive's filename; None where it follows no convention."""
    if filename.lower().endswith(".whl"):
        try:
            return parse_wheel_filename(filename)[0]
        except InvalidWheelFilename as error:
            raise _invalid(entry, str(error), "Correct the wheel's filename (PEP 427).") from None
    try:
        return parse_sdist_filename(filename)[0]
    except InvalidSdistFilename:
        return None


def _split_egg(fragment: str) -> tuple[str, str]:
    """The `egg` of a URL's fragment, and the fragment without it."""
    whole = f"#{fragment}"
    found = _EGG_PART.search(whole)
    if found is None:
        return "", fragment
    rest = whole[: found.start()] + whole[found.end() :]
    return unquote(found["egg"]).strip(), rest.lstrip("#&")


def _repository_name(filename: str) -> str | None:
    """What a repository's URL suggests: `https://…/CLIP.git@v1` -> `clip`."""
    bare = filename.partition("@")[0].removesuffix(".git")
    return canonicalize_name(bare) if _EGG.fullmatch(bare) else None


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""


def _marker(requirement: Requirement) -> str:
    return str(requirement.marker) if requirement.marker else ""


def _scp_like(entry: Entry, address: str, name: str | None = None) -> Unusable:
    """`git@host:path`, which git understands and pip does not."""
    host, _, path = address.removeprefix("git+").partition(":")
    name = name or _repository_name(path.rpartition("/")[2]) or "NAME"
    return Unusable(findings.scp_like(address, f"{name} @ git+ssh://{host}/{path}", entry.location))


def _invalid(entry: Entry, reason: str, fix: str | None = None) -> Unusable:
    equals = _SINGLE_EQUALS.fullmatch(entry.text) if len(entry.text) < _LONG else None
    if fix is None and equals:
        fix = f"Write `{equals['name']}=={equals['version']}`."
    reason = reason[:1].lower() + reason[1:]
    return Unusable(findings.bad_requirement(entry.text, reason or "nothing of it is known", entry.location, fix))
