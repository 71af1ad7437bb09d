"""What goes over the pipes between the daemon and its child processes: length-prefixed msgpack."""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgspec

from mfenvd.domain.availability import Availability
from mfenvd.domain.finding import Finding
from mfenvd.domain.job import Job
from mfenvd.domain.mirror import Bucket, BucketStatus
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.domain.warming import WarmTask, Warmth

LENGTH = struct.Struct(">I")
"""Of what follows, in bytes: the head of each frame."""

_ENCODER = msgspec.msgpack.Encoder()


class Settle(msgspec.Struct, frozen=True, tag="settle"):
    """To a worker: a job to answer."""

    job: Job


class Refresh(msgspec.Struct, frozen=True, tag="refresh"):
    """To a worker: fetch again what is cached for `work` and soon out of date (`domain.resolver.Refresher`)."""

    kind: Kind
    work: tuple[tuple[Request, Target], ...]
    context: Context


class Warm(msgspec.Struct, frozen=True, tag="warm"):
    """To a worker: an environment to make ready."""

    task: WarmTask


class Fetch(msgspec.Struct, frozen=True, tag="fetch"):
    """To a worker: an environment of which something is resolved already (`domain.warming.Warmer.fetch`)."""

    task: WarmTask


class Tidy(msgspec.Struct, frozen=True, tag="tidy"):
    """To a worker: what nobody waits for (`domain.warming.Warmer.tidy`)."""

    context: Context
    removes: bool


class LookUp(msgspec.Struct, frozen=True, tag="look-up"):
    """To a worker: which wheels of `package` there are (`resolve.wheels.look_up`), or conda builds."""

    package: str
    surroundings: Surroundings
    root: str
    cache_dir: str
    limit: int | None
    conda: bool = False


class Reported(msgspec.Struct, frozen=True, tag="progress"):
    """From a worker: the job goes on."""

    progress: Progress


class Done(msgspec.Struct, frozen=True, tag="done"):
    """From a worker: the job's answer; the worker is free again."""

    outcome: Outcome


class Refreshed(msgspec.Struct, frozen=True, tag="refreshed"):
    """From a worker: seconds until it is worth asking again; None when this kind caches nothing."""

    seconds: float | None


class Warmed(msgspec.Struct, frozen=True, tag="warmed"):
    """From a worker: how ready it is."""

    warmth: Warmth


class Fetched(msgspec.Struct, frozen=True, tag="fetched"):
    """From a worker: what could be fetched is there."""


class Tidied(msgspec.Struct, frozen=True, tag="tidied"):
    """From a worker: nothing is left to do."""


class Found(msgspec.Struct, frozen=True, tag="found"):
    """From a worker: the wheels, or why they are not known and what to do."""

    availability: Availability | None = None
    refusal: str = ""
    fix: str | None = None


class Carry(msgspec.Struct, frozen=True, tag="carry"):
    """To a process of the mirror, first: where it sends what waits, with whose credentials."""

    bucket: Bucket
    surroundings: Surroundings
    cache_dir: str


class More(msgspec.Struct, frozen=True, tag="more"):
    """To a process of the mirror: something new may wait."""


class Carried(msgspec.Struct, frozen=True, tag="carried"):
    """From a process of the mirror: how it goes.

    Attributes:
        status: Of the bucket.
        sent: Objects since the process started.
        finding: What somebody has to mend.
    """

    status: BucketStatus
    sent: int
    finding: Finding | None = None


Order = Settle | Refresh | Warm | Fetch | Tidy | LookUp
Reply = Reported | Done | Refreshed | Warmed | Fetched | Tidied | Found

ORDERS: msgspec.msgpack.Decoder[Order] = msgspec.msgpack.Decoder(Order)
CARRY: msgspec.msgpack.Decoder[Carry] = msgspec.msgpack.Decoder(Carry)
CARRIED: msgspec.msgpack.Decoder[Carried] = msgspec.msgpack.Decoder(Carried)
REPLIES: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: msgspec.Struct) -> bytes:
    """`message` as it goes over the pipe."""
    content = _ENCODER.encode(message)
    return LENGTH.pack(len(content)) + content


def read_frame(stream: BinaryIO) -> bytes | None:
    """The content of the next frame, blocking; None when the other side is gone."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    content = stream.read(length)
    return content if len(content) == length else None
