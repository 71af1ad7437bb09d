"""Whether a lock still answers what the project beside it asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.file_text import read_text
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.model import Choice, Draft
from mfenvd.flows.requirement_formats.parsing import parse_requirement
from mfenvd.flows.requirement_formats.pyproject import read_pyproject


def compare_with_project(
    lock: Path, draft: Draft, choice: Choice, versions: Mapping[str, list[str]], declared: Collection[str] | None
) -> None:
    """Puts the project's indexes into `draft`, and a warning per requirement that the lock does not meet.

    Args:
        lock: Absolute path of the lock; the project is the pyproject.toml beside it, if there is one.
        draft: Of the lock.
        choice: The extras and groups that the lock is read with.
        versions: `{canonical name: versions in the lock}`.
        declared: What the project asked for when the lock was made; None when the lock does not say.
    """
    project = lock.with_name("pyproject.toml")
    draft.reads.append(str(project))
    try:
        reading = read_pyproject(project, read_text(project), choice)
    except Unusable:
        return
    draft.reads += reading.reads
    indexes = reading.indexes
    draft.index_url, draft.no_index = indexes.index_url, indexes.no_index
    draft.extra_index_urls += indexes.extra_index_urls
    draft.find_links += indexes.find_links
    for wanted in reading.requirements:
        requirement = parse_requirement(wanted.text)
        reason = _unmet(requirement, versions, declared)
        if reason:
            draft.findings.append(findings.stale_lock(lock.name, str(requirement), reason, wanted.location))


def _unmet(requirement: Requirement, versions: Mapping[str, list[str]], declared: Collection[str] | None) -> str | None:
    """Why the lock does not meet `requirement`; None when it does, or when that cannot be told."""
    name = canonicalize_name(requirement.name)
    if name not in versions:
        # A lock leaves out what no environment needs, so a marker may be the reason.
        known = declared is None or (requirement.marker is not None and name in declared)
        return None if known else "does not list it"
    locked = [text for text in versions[name] if _is_version(text)]
    if requirement.url or not locked or any(requirement.specifier.contains(v, prereleases=True) for v in locked):
        return None
    return f"has {name} {', '.join(locked)}"


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
