"""What users are told when an index gives no answer."""

from __future__ import annotations

import time

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.redact import shown_url
from mfenvd.resolve.index.errors import IndexProblem, IndexRefuses, IndexUnreachable, IndexUnreadable
from mfenvd.resolve.index.urls import host_of


def index_finding(problem: IndexProblem) -> Finding:
    """The finding for whatever `problem` is."""
    if isinstance(problem, IndexUnreachable):
        return _unreachable(problem)
    if isinstance(problem, IndexRefuses):
        return _refuses(problem)
    if isinstance(problem, IndexUnreadable):
        return _unreadable(problem)
    raise TypeError(type(problem))


def kept_back(problem: IndexRefuses, package: str) -> Finding:
    """There is a resolution without `package`, which the index may have and not show to this user."""
    return msgspec.structs.replace(
        _refuses(problem),
        severity=Severity.WARNING,
        message=f"The package index {problem.index} answers HTTP {problem.status} when asked for {package}, as if it "
        "did not have it: only versions that do without it are used.",
        package=package,
    )


def stale(index: str, since: float) -> Finding:
    """Pages of `index` as of `since` (seconds since 1970) were used, as it does not answer now."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(since))
    return Finding(
        code=Code.INDEX_UNREACHABLE,
        severity=Severity.NOTICE,
        message=f"The package index {index} does not answer; what it listed at {when} was used.",
        fix="Nothing needs to be done; newer releases are seen once it answers again.",
        data={"index": index, "since": since},
    )


def ignored(url: str) -> Finding:
    """One of `IndexConfiguration.ignored_urls`."""
    shown, host = shown_url(url), host_of(url)
    return Finding(
        code=Code.INDEX_IGNORED,
        severity=Severity.WARNING,
        message=f"The package index {shown} is passed over, as by pip: http from another machine can be forged.",
        fix=f"Use https, or add `trusted-host = {host}` to pip's configuration.",
        data={"index": shown},
    )


def _unreachable(problem: IndexUnreachable) -> Finding:
    address = "its address" if problem.is_file else "the index's URL"
    fix = f"Check the network, the proxy and {address}; a running daemon tries again by itself."
    return _finding(Code.INDEX_UNREACHABLE, problem, fix)


def _refuses(problem: IndexRefuses) -> Finding:
    host = problem.index.partition("://")[2].partition("/")[0] or problem.index
    places = "its URL or netrc" if problem.is_file else "index URL, netrc or keyring"
    verb = "Renew the" if problem.had_credentials else "Give"
    fix = f"{verb} credentials for {host} ({places}); `mfenv up` hands them to the daemon."
    return _finding(Code.INDEX_REFUSES, problem, fix)


def _unreadable(problem: IndexUnreadable) -> Finding:
    fix = "Open the index's URL in a browser: it should list packages; many indexes want it to end in /simple."
    return _finding(Code.INDEX_UNREADABLE, problem, fix)


def _finding(code: Code, problem: IndexProblem, fix: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=str(problem),
        fix=fix,
        data={"index": problem.index, "detail": problem.detail},
    )
