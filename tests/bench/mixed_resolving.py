"""Mixed environments in both ways, side by side: the same packages, and how long each takes.

Run it by hand: `python -m tests.bench.mixed_resolving [FOLDER OF A CONDA CHANNEL]`. Without a folder the channel is the
part of conda-forge that the tests have. Wheels come from the default index. Each way answers twice, and the second
time counts: pages, metadata and package lists are there already, as they are in a daemon.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import msgspec

from mfenvd.domain.arch import Arch
from mfenvd.domain.request import CondaPart, Kind, MixedSolver, PypiPart, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.target import Target
from mfenvd.resolve.resolvers import resolvers
from tests.bench.surroundings import context
from tests.support.conda_channel import write_subset

REQUESTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "a service": (("numpy", "pandas"), ("fastapi", "uvicorn[standard]", "requests>=2.21.0")),
    "learning": (("numpy", "pandas", "scikit-learn"), ("lightgbm", "shap", "category-encoders")),
    "language": (("numpy", "pytorch"), ("transformers", "accelerate", "sentencepiece")),
    "reports": (("matplotlib-base", "pandas"), ("seaborn", "openpyxl", "great-tables", "jinja2")),
    "tracking": (("boto3", "requests", "scipy"), ("mlflow-skinny", "optuna", "hydra-core")),
}

TARGETS = (
    Target(Arch.LINUX_64, "3.11", glibc="2.26"),
    Target(Arch.LINUX_64, "3.11", glibc="2.34"),
    Target(Arch.OSX_ARM64, "3.11", macos="13.0"),
    Target(Arch.WIN_64, "3.11"),
)


class Measured(msgspec.Struct, frozen=True):
    """An answer, and the seconds that it took."""

    outcome: Outcome
    seconds: float

    def count(self, kind: Kind) -> int:
        resolution = self.outcome.resolution
        return sum(one.kind is kind for one in resolution.packages) if resolution else 0

    @property
    def packages(self) -> set[str]:
        resolution = self.outcome.resolution
        return {f"{one.kind} {one.filename} {one.sha256}" for one in resolution.packages} if resolution else set()

    @property
    def error(self) -> str:
        return "; ".join(one.message for one in self.outcome.findings) if self.outcome.resolution is None else ""


def ask(name: str, target: Target, solver: MixedSolver, channel: str, folder: Path) -> Measured:
    conda, wheels = REQUESTS[name]
    request = Request(
        Kind.MIXED,
        target.python,
        PypiPart(tuple(sorted(wheels))),
        CondaPart(tuple((package, "") for package in conda), (channel,)),
        solver,
    )
    start = time.perf_counter()
    outcome = resolvers()[Kind.MIXED].resolve(request, target, context(folder), lambda _: None)
    return Measured(outcome, time.perf_counter() - start)


def main(channel_folder: str | None) -> None:
    print(
        "| request | target | conda | wheels | same | uv s | conda-lock s | ratio |\n|---|---|---|---|---|---|---|---|"
    )
    details = []
    ratios = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        channel = (Path(channel_folder) if channel_folder else write_subset(folder / "conda-forge")).absolute().as_uri()
        for name in REQUESTS:
            for target in TARGETS:
                for solver in MixedSolver:
                    ask(name, target, solver, channel, folder)
                uv, conda_lock = (ask(name, target, solver, channel, folder) for solver in MixedSolver)
                same = uv.packages == conda_lock.packages
                counts = f"{uv.count(Kind.CONDA)} | {uv.count(Kind.PYPI)} | {'yes' if same else 'no'}"
                ratio = conda_lock.seconds / uv.seconds
                ratios.append(ratio)
                row = f"| {name} | {target} | {counts} | {uv.seconds:.2f} | {conda_lock.seconds:.2f} | {ratio:.0f} x |"
                print(row, flush=True)
                for measured, way in ((uv, "uv"), (conda_lock, "conda-lock")):
                    if measured.error:
                        details.append(f"{name}, {target}, {way}: {measured.error}")
                details += [f"{name}, {target}: {one}" for one in sorted(uv.packages ^ conda_lock.packages)]
    ratios.sort()
    print(f"\nratio: {ratios[0]:.0f} to {ratios[-1]:.0f}, median {ratios[len(ratios) // 2]:.0f}")
    print("\n".join(details or ["no differences"]))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
