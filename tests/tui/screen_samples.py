"""What the screens beside the table are told."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.availability import ANY_PYTHON, Availability, Cell, PythonWheel, Row
from mfenvd.domain.event import Status
from mfenvd.domain.mirror import BucketStatus, Health, MirrorStatus
from tests.support import samples


def numpy() -> Availability:
    """Two versions; the newer has none for Intel Macs, and asks for a newer GLIBC on the newest Python."""
    linux = (PythonWheel("3.11", "2.17"), PythonWheel("3.12", "2.17"), PythonWheel("3.13", "2.27"))
    mac = (PythonWheel("3.11", macos="11.0"), PythonWheel("3.13t", macos="14.0"))
    new = (Cell(Arch.LINUX_64, linux, glibc="2.17"), Cell(Arch.OSX_64), Cell(Arch.OSX_ARM64, mac, macos="11.0"))
    old = (Cell(Arch.LINUX_64, linux[:2], glibc="2.17"), Cell(Arch.OSX_64, mac[:1], macos="11.0"), new[2])
    rows = (Row("2.3.1", new, sdist=True, requires_python=">=3.11"), Row("1.26.4", old, yanked="broken"))
    return Availability("numpy", rows, 43)


def conda_numpy() -> Availability:
    """A version with builds for two archs, and one that is for all."""
    linux = (PythonWheel("3.11", "2.17"), PythonWheel("3.12", "2.17", cuda="12.0"))
    mac = (PythonWheel("3.11", macos="11.0"),)
    new = (Cell(Arch.LINUX_64, linux, glibc="2.17"), Cell(Arch.OSX_64), Cell(Arch.OSX_ARM64, mac, macos="11.0"))
    anywhere = tuple(Cell(cell.arch, (PythonWheel(ANY_PYTHON),)) for cell in new)
    return Availability("numpy", (Row("2.3.1", new, sdist=None), Row("1.0", anywhere, sdist=None, pure=True)), 2)


async def wheels(_socket: Path, _package: str, _root: str, _limit: int, *, conda: bool) -> Availability:
    """The answer to any package."""
    return conda_numpy() if conda else numpy()


def status_of_ana(project: Path) -> Status:
    """The samples, with a daemon and a project where a user would have them, so that no picture names this machine."""
    home = "/home/ana"
    told = msgspec.json.encode(samples.status(project)).replace(str(project).encode(), f"{home}/team-flows".encode())
    status = msgspec.json.decode(told, type=Status)
    daemon = msgspec.structs.replace(
        status.daemon, workers=3, memory=57 * 2**20, running=1, queued=2, socket=f"{home}/.run/mfenv/mfenvd.sock",
        log=f"{home}/.local/state/mfenv/log/mfenvd.log", state_dir=f"{home}/.local/state/mfenv",
        cache_dir=f"{home}/.cache/mfenv",
    )  # fmt: skip
    return msgspec.structs.replace(status, daemon=daemon, mirror=mirror(samples.STARTED))


def mirror(since: float) -> MirrorStatus:
    """A bucket that takes packages, and one that is not to be reached."""
    takes = BucketStatus(
        "s3://team/metaflow/conda", waiting=12, waiting_bytes=40 * 2**20, objects=431, bytes=3 * 2**30, rate=5.5 * 2**20
    )
    lost = BucketStatus(
        "s3://research/conda", "https://minio.example:9000", Health.UNREACHABLE,
        "https://minio.example:9000 does not answer: timed out.", since, waiting=1, waiting_bytes=2048,
    )  # fmt: skip
    return MirrorStatus((takes, lost))
