"""What can be wrong with packages' files: one function per cause."""

from __future__ import annotations

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.store.errors import NotDownloaded, StoreProblem, StoreUnwritable, WrongContent


def finding_of(problem: StoreProblem) -> Finding:
    """The finding that tells of `problem`."""
    if isinstance(problem, NotDownloaded):
        return not_downloaded(problem)
    if isinstance(problem, WrongContent):
        return wrong_content(problem)
    if isinstance(problem, StoreUnwritable):
        return store_unwritable(problem)
    raise TypeError(problem)


def not_downloaded(problem: NotDownloaded) -> Finding:
    """MFE701: the file's server does not give it."""
    return Finding(
        Code.NOT_DOWNLOADED,
        Severity.WARNING,
        f"{problem} The environment is resolved, but not ready on this machine.",
        package=problem.package.name,
        fix="Check the network and the credentials, then save the file again or run `mfenv refresh`.",
        data={"url": problem.package.url, "detail": problem.detail},
    )


def wrong_content(problem: WrongContent) -> Finding:
    """MFE702: the file was replaced since it was resolved, or is tampered with on its way."""
    return Finding(
        Code.WRONG_CONTENT,
        Severity.ERROR,
        str(problem),
        package=problem.package.name,
        fix="Resolve again with `mfenv refresh`; if it stays so, ask whoever runs the index or channel.",
        data={"url": problem.package.url, "expected": problem.expected, "got": problem.got},
    )


def store_unwritable(problem: StoreUnwritable) -> Finding:
    """MFE703: the disk is full, or the folder may not be written."""
    return Finding(
        Code.STORE_UNWRITABLE,
        Severity.WARNING,
        f"{problem} Nothing can be made ready on this machine.",
        path=problem.path,
        fix="Make room on the disk or give the folder back to your user; `mfenv status` shows where it is.",
    )
