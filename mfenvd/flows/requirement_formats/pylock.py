"""pylock.toml: the standard lock file (PEP 751)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mfenvd.domain.finding import Location
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.lock_age import compare_with_project
from mfenvd.flows.requirement_formats.marker_text import choose_members
from mfenvd.flows.requirement_formats.model import Choice, Draft, FileRequirement, Format, LockedFile, RequirementFile
from mfenvd.flows.requirement_formats.parsing import parse_marker
from mfenvd.flows.requirement_formats.requirement_text import Entry, canonical, python_wanted
from mfenvd.flows.requirement_formats.toml_reader import TomlReader

if TYPE_CHECKING:
    from packaging.pylock import Package, Pylock


def read_pylock(path: Path, text: str, choice: Choice) -> RequirementFile:
    """The packages of the lock at `path`, with the extras and groups in `choice`.

    Without groups the lock's own default groups are taken, as PEP 751 says.
    """
    draft = Draft(str(path), Format.PYLOCK)
    try:
        reader = TomlReader(text, str(path), draft.findings)
        lock = _validated(reader, path)
    except Unusable as unusable:
        draft.findings.append(unusable.finding)
        return draft.finish()
    for kind, wanted, known in (
        ("extra", choice.extras, lock.extras), ("dependency group", choice.groups, lock.dependency_groups)
    ):  # fmt: skip
        draft.findings += [
            findings.unknown_choice(kind, name, known or (), Location(str(path)))
            for name in wanted
            if name not in (known or ())
        ]
    draft.python = python_wanted(lock.requires_python) if lock.requires_python else None
    draft.environments += [str(marker) for marker in lock.environments or ()]
    groups = choice.groups or tuple(lock.default_groups or ())
    for package, place in zip(lock.packages, reader.elements("packages"), strict=True):
        marker = choose_members(str(package.marker or ""), choice.extras, groups)
        if marker is None:
            continue
        try:
            _add(package, marker, place, path.parent, draft)
        except Unusable as unusable:
            draft.findings.append(unusable.finding)
        except ValueError as error:
            # A URL that no tool can read.
            draft.findings.append(findings.malformed("pylock.toml", str(error).partition("\n")[0], place))
    versions: dict[str, list[str]] = {}
    for package in lock.packages:
        versions.setdefault(package.name, []).append(str(package.version or ""))
    if path.name == "pylock.toml":
        compare_with_project(path, draft, choice, versions, None)
    return draft.finish()


def _validated(reader: TomlReader, path: Path) -> Pylock:
    # Late: it loads the email package, and few requirements are such a lock.
    from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

    try:
        return Pylock.from_dict(reader.data)
    except PylockUnsupportedVersionError:
        version = str(reader.get("lock-version"))
        raise Unusable(findings.unknown_lock_version(version, reader.location("lock-version"))) from None
    except PylockValidationError as error:
        raise Unusable(findings.malformed("pylock.toml", str(error), Location(str(path)))) from None


def _add(package: Package, marker: str, location: Location, folder: Path, draft: Draft) -> None:
    version = str(package.version) if package.version else ""
    suffix = f" ; {parse_marker(marker)}" if marker else ""
    digests = [file.hashes for file in (*(package.wheels or ()), package.sdist) if file is not None]
    hashes: tuple[str, ...] = ()
    if package.is_direct:
        text = f"{package.name} @ {_direct(package, folder)}{suffix}"
    else:
        text = f"{package.name}{f'=={version}' if version else ''}{suffix}"
        hashes = tuple(f"{algorithm}:{digest}" for found in digests for algorithm, digest in found.items())
    found = canonical(Entry(text, location, (folder,)))
    draft.reads += found.reads
    draft.requirements.append(FileRequirement(found.text, location, tuple(dict.fromkeys(hashes))))
    if not package.is_direct:
        filenames = tuple(wheel.filename for wheel in package.wheels or ())
        draft.locked.append(
            LockedFile(package.name, version, filenames, package.sdist is not None, marker or None, location)
        )


def _direct(package: Package, folder: Path) -> str:
    """The URL of a package that is on no index; a relative path starts at the lock."""
    if package.vcs is not None:
        vcs = package.vcs
        url = vcs.url or (folder / (vcs.path or "")).as_uri()
        return f"{vcs.type}+{url.removeprefix(f'{vcs.type}+')}@{vcs.commit_id}{_subdirectory(vcs.subdirectory)}"
    if package.directory is not None:
        return (folder / package.directory.path).as_uri()
    archive = package.archive
    if archive is None:
        return ""
    url = archive.url if archive.url and urlsplit(archive.url).scheme else (folder / (archive.path or "")).as_uri()
    return url + _subdirectory(archive.subdirectory)


def _subdirectory(name: str | None) -> str:
    return f"#subdirectory={name}" if name else ""
