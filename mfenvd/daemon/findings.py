"""Findings about mfenv itself: one function per cause."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.identity import AnyIdentity
from mfenvd.domain.job import Job
from mfenvd.domain.redact import redact


def reading_failed(root: str, reason: str, log: str) -> Finding:
    """Reading a project ended in an error that nobody foresaw; what was known before is kept."""
    return Finding(
        code=Code.INTERNAL_ERROR,
        severity=Severity.ERROR,
        message=f"mfenv could not read {root}: {redact(reason)}. What was known of it before is kept.",
        path=root,
        fix=f"See {log} and report what it says.",
    )


def resolving_failed(job: Job, error: BaseException, log: str) -> Finding:
    """A resolver ended in an error that nobody foresaw."""
    return Finding(
        code=Code.INTERNAL_ERROR,
        severity=Severity.ERROR,
        message=f"mfenv failed while resolving {job.request.id} for {job.target}: {_words(error)}.",
        fix=f"See {log} and report what it says.",
    )


def warming_failed(identity: AnyIdentity, error: BaseException, log: str) -> Finding:
    """Making an environment ready ended in an error that nobody foresaw."""
    return Finding(
        code=Code.INTERNAL_ERROR,
        severity=Severity.WARNING,
        message=f"mfenv failed while making {identity.id} ready for `run`: {_words(error)}.",
        fix=f"See {log} and report what it says.",
    )


def warming_ended(identity: AnyIdentity, reason: str, log: str) -> Finding:
    """The process that made an environment ready ended before it answered."""
    return Finding(
        code=Code.WORKER_DIED,
        severity=Severity.WARNING,
        message=f"The worker process that made {identity.id} ready for `run` ended early: {reason}. mfenv tries again "
        "later.",
        fix=f"See {log}.",
        data={"reason": reason},
    )


def worker_died(job: Job, attempts: int, reason: str, log: str) -> Finding:
    """The process that resolved `job` ended before it answered, each of `attempts` times."""
    return Finding(
        code=Code.WORKER_DIED,
        severity=Severity.ERROR,
        message=f"The worker process that resolved this environment for {job.target} ended early, {attempts} times: "
        f"{reason}. mfenv tries again later.",
        fix=f"Lower `max-workers` if the memory does not suffice; {log} says more.",
        data={"attempts": attempts, "reason": reason},
    )


def folder_gone(root: str) -> Finding:
    """A registered folder is not there; it may come back."""
    return Finding(
        code=Code.FOLDER_GONE,
        severity=Severity.WARNING,
        message=f"{root} is not there. Its verdicts are kept as they were; mfenvd goes on when it is back.",
        path=root,
        fix=f"Run `mfenv unwatch {root}` if it is gone for good.",
    )


def journal_damaged(reason: str, kept: Path | None) -> Finding:
    """The journal could not be read and a new one was begun; `kept` is where the old one was put."""
    where = f" It is kept as {kept}." if kept else ""
    return Finding(
        code=Code.JOURNAL_DAMAGED,
        severity=Severity.WARNING,
        message=f"The daemon's journal could not be read ({reason}), so it forgot its projects, whom it trusts, and "
        f"what was resolved.{where}",
        fix="Run `mfenv up` in each project, and `mfenv trust` where it was trusted.",
    )


def journal_unwritable(path: Path, reason: str) -> Finding:
    """What is settled now is not remembered after a restart."""
    return Finding(
        code=Code.JOURNAL_UNWRITABLE,
        severity=Severity.WARNING,
        message=f"{path} cannot be written ({reason}): what is resolved now will be resolved again after a restart.",
        path=str(path),
        fix=f"Make room on the disk, or make {path.parent} writable.",
    )


def resolve_cancelled(job: Job) -> Finding:
    """Somebody did not want to wait for the answer."""
    return Finding(
        code=Code.CANCELLED,
        severity=Severity.ERROR,
        message=f"Resolving for {job.target.arch} was cancelled.",
        fix="Press r on it in `mfenv-tui` to have it resolved after all, or save a change of the environment.",
    )


def watch_limit(root: str, folders: int, reason: str) -> Finding:
    """The system would not watch any more folders; mfenvd looks for changes itself, every few seconds."""
    return Finding(
        code=Code.WATCH_LIMIT,
        severity=Severity.WARNING,
        message=f"The system would not watch the {folders} folders below {root} ({reason}). mfenvd looks for changes "
        "every few seconds instead, which takes more of the processor.",
        path=root,
        fix="List big folders in .gitignore, or raise the limit (`sysctl fs.inotify.max_user_watches=524288`).",
    )


def credentials_gone(root: str, withheld: Collection[str]) -> Finding:
    """An index refuses, and the shell's secrets did not outlive the daemon's restart."""
    names = ", ".join(sorted(withheld))
    return Finding(
        code=Code.INDEX_REFUSES,
        severity=Severity.WARNING,
        message=f"An index refuses the credentials. mfenvd was restarted since {root} was registered, and never writes "
        f"the secrets in {names} to disk.",
        path=root,
        fix=f"Run `mfenv up` in {root}.",
        data={"variables": sorted(withheld)},
    )


def _words(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
