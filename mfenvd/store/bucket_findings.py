"""What can be wrong with a bucket: one finding per cause, and the word for it."""

from __future__ import annotations

from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.mirror import Health
from mfenvd.store.object_errors import CredentialsExpired, ObjectStoreProblem, ReadOnly, Refused

_MEANWHILE = "Uploads wait on this machine meanwhile."


def health_of(problem: ObjectStoreProblem) -> Health:
    """How a bucket fares that did `problem` last."""
    if isinstance(problem, ReadOnly):
        return Health.READ_ONLY
    if isinstance(problem, CredentialsExpired):
        return Health.CREDENTIALS_EXPIRED
    if isinstance(problem, Refused):
        return Health.REFUSED
    return Health.UNREACHABLE if problem.passes else Health.FAILING


def bucket_finding(url: str, problem: ObjectStoreProblem) -> Finding:
    """The finding that tells of `problem` with the bucket at `url`."""
    make = {
        Health.READ_ONLY: _read_only,
        Health.CREDENTIALS_EXPIRED: _refused,
        Health.REFUSED: _refused,
        Health.UNREACHABLE: _unreachable,
    }.get(health_of(problem), _unusable)
    return make(url, problem)


def _unreachable(url: str, problem: ObjectStoreProblem) -> Finding:
    """MFE710: no network, or the server is down."""
    return Finding(
        Code.BUCKET_UNREACHABLE,
        Severity.WARNING,
        f"{problem} {_MEANWHILE}",
        fix="Nothing, if the network is away for a while: it is tried again. Else look at the endpoint and the region.",
        data={"url": url},
    )


def _refused(url: str, problem: ObjectStoreProblem) -> Finding:
    """MFE711: credentials that are wrong, missing, or no longer good."""
    return Finding(
        Code.BUCKET_REFUSES,
        Severity.WARNING,
        f"{problem} {_MEANWHILE}",
        fix="Log in again (as `aws sso login`), or run `mfenv up` in a shell that has good credentials.",
        data={"url": url},
    )


def _read_only(url: str, problem: ObjectStoreProblem) -> Finding:
    """MFE712: good for taking packages from."""
    return Finding(
        Code.BUCKET_READ_ONLY,
        Severity.NOTICE,
        f"{problem} Packages are taken from it, and none are uploaded.",
        fix="Write `read-only = true` under [mirror] in mfenv's configuration if that is as it should be.",
        data={"url": url},
    )


def _unusable(url: str, problem: ObjectStoreProblem) -> Finding:
    """MFE713: the bucket does not exist, or cannot be spoken to."""
    return Finding(
        Code.BUCKET_UNUSABLE,
        Severity.WARNING,
        f"{problem} {_MEANWHILE}",
        fix="Look at METAFLOW_DATASTORE_SYSROOT_S3 (_AZURE, _GS) and the endpoint, or [mirror] in the configuration.",
        data={"url": url},
    )
