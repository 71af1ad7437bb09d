"""How long resolving takes, against uv alone and against pip as Metaflow calls it.

Run it by hand: `python -m tests.bench.resolving [SET…]`. All caches are filled first and stay fresh: what is timed is
what a save costs. pip's downloads are cached as well. It takes minutes and some gigabytes of downloads.

Each target is timed by itself; the second table adds up every choice of four archs out of five, at every GLIBC. Beside
each ratio of times stands that of the processor time, which other work on the machine hardly changes.
"""

from __future__ import annotations

import functools
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import uv
from metaflow.plugins.pypi.utils import pip_tags

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.resolver import PypiResolver
from tests.bench.sets import SETS
from tests.bench.surroundings import PYTHON, all_targets, context, request, surroundings

# The best of so many runs is shown, taken in turns: other work on the machine only ever makes a run slower.
_RUNS = 7


def mfenv(requirements: tuple[str, ...], target: Target, folder: Path) -> int:
    """How many packages the resolution has."""
    outcome = PypiResolver().resolve(request(requirements), target, context(folder), lambda _: None)
    if outcome.resolution is None:
        raise SystemExit(f"{target}: {outcome.findings}")
    return len(outcome.resolution.packages)


def uv_alone(requirements: tuple[str, ...], targets: Sequence[Target], folder: Path, *options: str) -> None:
    """`uv pip compile` per target, one after the other, from the same cache."""
    for target in targets:
        platform = uv_platform(target)
        command = [
            uv.find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-config", "--format", "pylock.toml", "--no-header",
            "--only-binary", ":all:", "--no-python-downloads", "--cache-dir", str(folder / "cache" / "uv"),
            "--python", sys.executable, "--python-version", platform.python, "--python-platform", platform.name,
            *options,
        ]  # fmt: skip
        environ = {**surroundings(folder).environ, **platform.environ}
        lines = "\n".join(requirements)
        subprocess.run(command, input=lines, check=True, capture_output=True, text=True, env=environ)


def pip(requirements: tuple[str, ...], target: Target, folder: Path) -> None:
    """As Metaflow 2.19.39 has pip solve an environment for `target` (`Pip.solve`)."""
    tags = pip_tags(PYTHON, str(target.arch))  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable, "-m", "pip", "install", "--dry-run", "--only-binary=:all:",
            "--upgrade-strategy=only-if-needed", f"--target={scratch}", f"--report={scratch}/report.json",
            "--progress-bar=off", "--quiet",
            *(f"--abi={abi}" for abi in sorted({tag.abi for tag in tags})),
            *(f"--platform={platform}" for platform in sorted({tag.platform for tag in tags})),
            *requirements,
        ]  # fmt: skip
        environ = {**os.environ, **surroundings(folder).environ, "PIP_CACHE_DIR": str(folder / "pip")}
        environ.pop("PIP_FIND_LINKS", None)
        subprocess.run(command, check=True, capture_output=True, text=True, env=environ)


class Cost(msgspec.Struct, frozen=True):
    """Seconds that something takes, and seconds of processor time, that of its processes included."""

    wall: float
    processor: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.wall + other.wall, self.processor + other.processor)

    def over(self, other: Cost) -> str:
        return f"{self.wall / other.wall:.2f} ({self.processor / other.processor:.2f})"


class Times(msgspec.Struct, frozen=True):
    """What one target costs."""

    locked: int
    mfenv: Cost
    uv: Cost


def best_of(*actions: Callable[[], object], runs: int = _RUNS) -> list[Cost]:
    """The lowest cost of each action."""
    costs: list[list[Cost]] = [[] for _ in actions]
    for _ in range(runs):
        for action, taken in zip(actions, costs, strict=True):
            start, used = time.perf_counter(), _processor_time()
            action()
            taken.append(Cost(time.perf_counter() - start, _processor_time() - used))
    return [Cost(min(cost.wall for cost in taken), min(cost.processor for cost in taken)) for taken in costs]


def _processor_time() -> float:
    """Of this process and those that it has waited for."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def timed(requirements: tuple[str, ...], target: Target, folder: Path) -> Times:
    """After one run of each to fill all caches."""
    locked = mfenv(requirements, target, folder)
    uv_alone(requirements, [target], folder)
    ours, uvs = best_of(
        lambda: mfenv(requirements, target, folder), lambda: uv_alone(requirements, [target], folder, "--offline")
    )
    return Times(locked, ours, uvs)


def four_of(targets: Iterable[Target]) -> dict[tuple[Arch, ...], list[tuple[Target, ...]]]:
    """Every choice of four archs, each with every choice of one target for each of them."""
    by_arch: dict[Arch, list[Target]] = {}
    for target in targets:
        by_arch.setdefault(target.arch, []).append(target)
    return {
        archs: list(itertools.product(*(by_arch[arch] for arch in archs)))
        for archs in itertools.combinations(by_arch, 4)
    }


def measured(title: str, targets: Sequence[Target], folder: Path) -> Iterator[str]:
    """The tables of one set."""
    requirements = SETS[title]
    times = {}
    yield f"\n{title}\n\n| target | locked | mfenv | (a) | mfenv : (a) |\n|---|---|---|---|---|"
    for target in targets:
        found = times[target] = timed(requirements, target, folder)
        ours, uvs = found.mfenv, found.uv
        yield f"| {target} | {found.locked} | {ours.wall:.3f} s | {uvs.wall:.3f} s | {ours.over(uvs)} |"
    yield "\n| 4 archs | mfenv | (a) | mfenv : (a), worst GLIBC | best GLIBC |\n|---|---|---|---|---|"
    for archs, choices in four_of(targets).items():
        sums = [
            (_total(times[target].mfenv for target in choice), _total(times[target].uv for target in choice))
            for choice in choices
        ]
        sums.sort(key=lambda pair: pair[0].wall / pair[1].wall)
        (best, best_uv), (worst, worst_uv) = sums[0], sums[-1]
        ratios = f"{worst.over(worst_uv)} | {best.over(best_uv)}"
        yield f"| {', '.join(map(str, archs))} | {worst.wall:.2f} s | {worst_uv.wall:.2f} s | {ratios} |"
    one = targets[0]
    pip(requirements, one, folder)
    (pips,) = best_of(lambda: pip(requirements, one, folder), runs=2)
    yield f"\n(b) for {one}: {pips.wall:.1f} s, {pips.wall / times[one].mfenv.wall:.0f} times mfenv's"


def _total(costs: Iterable[Cost]) -> Cost:
    return functools.reduce(Cost.__add__, costs)


def main(chosen: Sequence[str]) -> None:
    print("(a) is `uv pip compile --offline`; (b) is pip as Metaflow calls it", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for title in chosen or SETS:
            for line in measured(title, all_targets(), Path(name)):
                print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
