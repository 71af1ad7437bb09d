"""One environment on three archs in which every tab of the detail has something to show."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mfenvd.domain.codes import Code
from mfenvd.domain.event import Status
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.history import Before, History, ManifestPackages, Stage
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict
from tests.support import samples

LINUX_TAGS = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"


def wheel(
    name: str, version: str, tags: str, *requires: str, requested: bool = False, size: int = 1000
) -> LockedPackage:
    filename = f"{name.replace('-', '_')}-{version}-{tags}.whl"
    return LockedPackage(
        name, version, filename, f"https://index.example/{filename}", "ab" * 32, size, requires, requested=requested
    )


def packages(tags: str, *, pyarrow: str, numpy: str) -> tuple[LockedPackage, ...]:
    return (
        wheel("numpy", numpy, tags, size=16_500_000),
        wheel("pandas", "2.2.3", tags, "numpy", "python-dateutil", requested=True, size=13_100_000),
        wheel("pyarrow", pyarrow, tags.replace("2_17", "2_28").replace(".manylinux2014_x86_64", ""), "numpy",
              requested=True, size=42_000_000),
        wheel("python-dateutil", "2.9.0", "py2.py3-none-any", "six", size=229_892),
        wheel("six", "1.17.0", "py2.py3-none-any", size=11_050),
    )  # fmt: skip


ON_LINUX = (
    *packages(LINUX_TAGS, pyarrow="17.0.0", numpy="2.2.6")[:2],
    wheel("pyarrow", "17.0.0", LINUX_TAGS, "numpy", requested=True, size=39_900_000),
    *packages(LINUX_TAGS, pyarrow="17.0.0", numpy="2.2.6")[3:],
    LockedPackage(
        "zlib", "1.3.1", "zlib-1.3.1-hb9d3cd8_2.conda", "https://conda.example/linux-64/zlib.conda",
        kind=Kind.CONDA, build="hb9d3cd8_2", subdir="linux-64", size=92_286,
    ),
)  # fmt: skip
ON_MAC = packages("cp311-cp311-macosx_14_0_arm64", pyarrow="21.0.0", numpy="2.3.1")
BEFORE = (
    wheel("attrs", "25.1.0", "py3-none-any"),
    wheel("numpy", "2.2.5", LINUX_TAGS),
    *ON_LINUX[1:2],
    wheel("pyarrow", "18.0.0", LINUX_TAGS),
    *ON_LINUX[3:],
)


def status(root: Path) -> Status:
    """A resolution for Linux that is held back, one for a Mac, and a gap on the older Macs."""
    train = root / "train.py"
    held_back = Finding(
        Code.GLIBC_HELD_BACK, Severity.WARNING,
        "pyarrow 21.0.0 needs GLIBC 2.28 and the target has 2.26: 17.0.0 is used.",
        package="pyarrow", path=str(train), line=21, column=21, chain=("pyarrow",),
        fix="Pin `pyarrow==17.0.0`, or use an image with GLIBC 2.28 or newer.",
        data={"chosen": "17.0.0", "newest": "21.0.0", "needs_glibc": "2.28", "has_glibc": "2.26"},
    )  # fmt: skip
    gap = Finding(
        Code.WHEEL_GAP, Severity.ERROR, "pyarrow 18.0.0 has no wheel for osx-64.",
        package="pyarrow", path=str(train), line=21, column=21, chain=("pyarrow",),
        fix="`pyarrow==17.0.0` is the last with a wheel for osx-64.",
        data={
            "nearest": "17.0.0", "sdist": True,
            "wheels": [
                {"filename": "pyarrow-18.0.0-cp311-cp311-macosx_12_0_arm64.whl", "axes": ["arch"], "needs": "arm64"},
                {
                    "filename": "pyarrow-18.0.0-cp312-cp312-macosx_14_0_x86_64.whl", "axes": ["Python", "macOS"],
                    "needs": "Python 3.12, macOS 14.0",
                },
            ],
        },
    )  # fmt: skip

    def of(target: Target, state: State, packages: tuple[LockedPackage, ...], *findings: Finding) -> Verdict:
        return Verdict(
            str(train), "TrainFlow", "report", "cccccccccccc", target, ("@batch",), state, packages, findings,
            kind="pypi", settled=samples.STARTED + 5,
        )  # fmt: skip

    verdicts = (
        of(samples.LINUX, State.RESOLVED, ON_LINUX, held_back),
        of(samples.MAC, State.WARM, ON_MAC),
        of(samples.INTEL_MAC, State.BLOCKED, (), gap),
    )
    return msgspec.structs.replace(samples.status(root), verdicts=verdicts)


def history(root: Path, id_: str) -> History:
    """As the daemon tells it of any verdict."""
    start = samples.STARTED
    stages = (
        Stage(start + 1.0, "queued"),
        Stage(start + 1.2, "started"),
        Stage(start + 1.3, "reading metadata", 60, 60),
        Stage(start + 4.4, "checking wheels", 5, 5),
        Stage(start + 5.0, "resolved"),
    )
    manifest = root / ".metaflow" / "TrainFlow" / "conda.manifest"
    return History(
        id_,
        Before(BEFORE, start - 7200),
        (ManifestPackages(str(manifest), "5d1f00fa2f4c9e1", "linux-64", ON_LINUX),),
        {ON_LINUX[0].filename: ("cache", "linked"), ON_LINUX[1].filename: ("cache",)},
        stages,
    )
