"""The unit of work: one request on one target, however many steps share it."""

from __future__ import annotations

import hashlib

import msgspec

from mfenvd.domain.request import Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target


class Job(msgspec.Struct, frozen=True):
    """A request on a target with what its resolver may use."""

    request: Request
    target: Target
    context: Context

    @property
    def key(self) -> str:
        """64 hex digits: equal for work with the same answer. Credentials do not count, trust does."""
        return job_key(self.request, self.target, self.context.root, self.context.trusted)


def job_key(request: Request, target: Target, root: str, trusted: bool) -> str:
    """`Job.key` before there is a job."""
    content = (request.key, msgspec.to_builtins(target), root, trusted)
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
