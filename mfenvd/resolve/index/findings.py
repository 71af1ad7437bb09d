"""What users are told when an index gives no answer."""

from __future__ import annotations

import time

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.redact import shown_url
from mfenvd.resolve.index.errors import IndexProblem, IndexRefuses, IndexUnreachable, IndexUnreadable
from mfenvd.resolve.index.urls import host_of


def index_finding(problem: IndexProblem, package: str | None = None) -> Finding:
    """The finding for whatever `problem` is; `package` is the one that was asked for."""
    if isinstance(problem, IndexUnreachable):
        return unreachable(problem, package)
    if isinstance(problem, IndexRefuses):
        return refuses(problem, package)
    if isinstance(problem, IndexUnreadable):
        return unreadable(problem, package)
    raise TypeError(type(problem))


def unreachable(problem: IndexUnreachable, package: str | None = None) -> Finding:
    address = "its address" if problem.is_file else "the index's URL"
    fix = f"Check the network, the proxy and {address}; a running daemon tries again by itself."
    return _finding(Code.INDEX_UNREACHABLE, problem, package, fix)


def refuses(problem: IndexRefuses, package: str | None = None) -> Finding:
    host = problem.index.partition("://")[2].partition("/")[0] or problem.index
    places = "its URL or netrc" if problem.is_file else "index URL, netrc or keyring"
    verb = "Renew the" if problem.had_credentials else "Give"
    fix = f"{verb} credentials for {host} ({places}); `mfenv up` hands them to the daemon."
    return _finding(Code.INDEX_REFUSES, problem, package, fix)


def kept_back(problem: IndexRefuses, package: str) -> Finding:
    """There is a resolution without `package`, which the index may have and not show to this user."""
    return msgspec.structs.replace(
        refuses(problem, package),
        severity=Severity.WARNING,
        message=f"The package index {problem.index} answers HTTP {problem.status} when asked for {package}, as if it "
        "did not have it: only versions that do without it are used.",
    )


def unreadable(problem: IndexUnreadable, package: str | None = None) -> Finding:
    return _finding(
        Code.INDEX_UNREADABLE,
        problem,
        package,
        "Open the index's URL in a browser: it should list packages; many indexes want it to end in /simple.",
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


def _finding(code: Code, problem: IndexProblem, package: str | None, fix: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        message=str(problem),
        package=package,
        fix=fix,
        data={"index": problem.index, "detail": problem.detail},
    )
