"""What `conda_solving` times: one process that solves, loading no more than a worker of the daemon does."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import CondaPart, Kind, Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.resolvers import resolvers

PACKAGES = (("numpy", ""), ("pandas", ""), ("pip", ""), ("python", "=3.11"), ("scikit-learn", ""))
TARGETS = (
    Target(Arch.LINUX_64, "3.11", glibc="2.28"),
    Target(Arch.LINUX_AARCH64, "3.11", glibc="2.28"),
    Target(Arch.OSX_64, "3.11", macos="13.0"),
    Target(Arch.OSX_ARM64, "3.11", macos="13.0"),
    Target(Arch.WIN_64, "3.11"),
)
FOUR = tuple(target for target in TARGETS if target.arch is not Arch.OSX_64)


def solve_four(channel: str, folder: Path) -> None:
    """For four archs, one after another."""
    for target in FOUR:
        solve(channel, folder, target)


def solve(channel: str, folder: Path, target: Target) -> None:
    surroundings = Surroundings(str(folder), environ={"HOME": str(folder)})
    context = Context(str(folder / "cache"), surroundings, str(folder), "linux-64")
    request = Request(Kind.CONDA, "3.11", conda=CondaPart(PACKAGES, (channel,)))
    outcome = resolvers()[Kind.CONDA].resolve(request, target, context, lambda _: None)
    if outcome.resolution is None:
        raise SystemExit(f"{target}: {outcome.findings}")


def peak() -> int:
    """Bytes. What the parent had does not count, as it would in `ru_maxrss` of Linux."""
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    if sys.argv[1] == "four":
        solve_four(sys.argv[2], Path(sys.argv[3]))
    else:
        for each in TARGETS:
            solve(sys.argv[2], Path(sys.argv[3]), each)
        print(peak())
