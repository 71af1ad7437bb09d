"""What goes over the pipes between the daemon and a worker: length-prefixed msgpack."""

from __future__ import annotations

import asyncio
import struct
from typing import BinaryIO

import msgspec

from mfenvd.domain.job import Job
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Progress

_LENGTH = struct.Struct(">I")
_ENCODER = msgspec.msgpack.Encoder()
_JOB = msgspec.msgpack.Decoder(Job)


class Reported(msgspec.Struct, frozen=True, tag="progress"):
    """The job goes on."""

    progress: Progress


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The job's answer; the worker is free again."""

    outcome: Outcome


Reply = Reported | Done
_REPLY: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def frame(message: Job | Reply) -> bytes:
    """`message` as it goes over the pipe."""
    content = _ENCODER.encode(message)
    return _LENGTH.pack(len(content)) + content


def read_job(stream: BinaryIO) -> Job | None:
    """The next job, blocking; None when the daemon is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = stream.read(length)
    return _JOB.decode(content) if len(content) == length else None


async def read_reply(stream: asyncio.StreamReader) -> Reply:
    """The worker's next word.

    Raises:
        asyncio.IncompleteReadError: The worker is gone.
        msgspec.DecodeError: What came is no reply.
    """
    (length,) = _LENGTH.unpack(await stream.readexactly(_LENGTH.size))
    return _REPLY.decode(await stream.readexactly(length))
