"""A bucket that a project's packages are mirrored to, and how that goes."""

from __future__ import annotations

from enum import Enum

import msgspec


class Bucket(msgspec.Struct, frozen=True):
    """Where packages go, and how it is reached. Credentials are not part of it: those are in the shell's variables.

    Attributes:
        url: Root of what Metaflow keeps there, as `s3://team/metaflow/conda`.
        endpoint: URL of a server that is not the vendor's; None for the vendor's.
        profile: Of `~/.aws/config`; None for the shell's.
        role: ARN of a role to assume.
        region: AWS's; None for the shell's.
        encryption: What objects are encrypted with, as `aws:kms`; None leaves it to the bucket.
        bandwidth: Bytes a second at most; None for no limit.
        read_only: Whether nothing is ever uploaded.
        pause_on_battery: Whether nothing is uploaded while the machine runs on its battery.
        pause_on_metered: Whether nothing is uploaded over a network that is paid for by what goes through.
    """

    url: str
    endpoint: str | None = None
    profile: str | None = None
    role: str | None = None
    region: str | None = None
    encryption: str | None = None
    bandwidth: int | None = None
    read_only: bool = False
    pause_on_battery: bool = False
    pause_on_metered: bool = False


class Health(str, Enum):
    """How a bucket fares."""

    OK = "ok"
    READ_ONLY = "read-only"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    CREDENTIALS_EXPIRED = "credentials-expired"
    FAILING = "failing"

    def __str__(self) -> str:
        return self.value


class BucketStatus(msgspec.Struct, frozen=True):
    """One bucket at this moment.

    Attributes:
        url: Its root.
        endpoint: The server that it is on; None for the vendor's own. Without credentials.
        health: When it was last needed.
        problem: What it did last that was wrong, or why uploads wait; empty when all is well.
        since: When it began to be so, in seconds since the epoch; None when all is well.
        waiting: Objects that wait for their upload.
        waiting_bytes: Theirs.
        objects: That the bucket was seen to have.
        bytes: Theirs.
        rate: Bytes a second that went up lately.
        here: Packages' files on this machine, whatever they are for.
        here_bytes: Theirs.
    """

    url: str
    endpoint: str | None = None
    health: Health = Health.OK
    problem: str = ""
    since: float | None = None
    waiting: int = 0
    waiting_bytes: int = 0
    objects: int = 0
    bytes: int = 0
    rate: float = 0.0
    here: int = 0
    here_bytes: int = 0


class MirrorStatus(msgspec.Struct, frozen=True):
    """The mirror at this moment.

    Attributes:
        buckets: Of the projects whose datastore is remote, by URL; empty when there are none.
        paused: Whether nothing is uploaded because somebody said so.
    """

    buckets: tuple[BucketStatus, ...] = ()
    paused: bool = False
