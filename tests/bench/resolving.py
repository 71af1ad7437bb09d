"""How long resolving takes, against uv alone and against pip as Metaflow calls it.

Run it by hand: `python -m tests.bench.resolving [SET…]`. All caches are filled first and stay fresh: what is timed is
what a save costs. pip's downloads are cached as well. It takes minutes and some gigabytes of downloads.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import uv
from metaflow.plugins.pypi.utils import pip_tags

from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.resolver import PypiResolver
from tests.bench.sets import SETS
from tests.bench.surroundings import PYTHON, context, four_targets, request, surroundings

# The best of so many runs is shown, taken in turns: other work on the machine only ever makes a run slower.
_RUNS = 7


def mfenv(requirements: tuple[str, ...], targets: Sequence[Target], folder: Path) -> int:
    """How many packages the last target's resolution has."""
    resolver = PypiResolver()
    locked = 0
    for target in targets:
        outcome = resolver.resolve(request(requirements), target, context(folder), lambda _: None)
        if outcome.resolution is None:
            raise SystemExit(f"{target}: {outcome.findings}")
        locked = len(outcome.resolution.packages)
    return locked


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


def best_of(*actions: Callable[[], object], runs: int = _RUNS) -> list[float]:
    """Seconds for each action."""
    times: list[list[float]] = [[] for _ in actions]
    for _ in range(runs):
        for action, taken in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def main(chosen: Sequence[str]) -> None:
    targets = four_targets()
    print(", ".join(map(str, targets)))
    print("(a) is `uv pip compile --offline` per arch, one after the other; (b) is pip as Metaflow calls it\n")
    print("| set | locked | mfenv, 4 archs | (a), 4 archs | mfenv : (a) | mfenv, 1 arch | (b), 1 arch | (b) : mfenv |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        for title in chosen or SETS:
            print(measured(title, targets, Path(name)), flush=True)


def measured(title: str, targets: Sequence[Target], folder: Path) -> str:
    """A row of the table, after one run of each to fill all caches."""
    requirements = SETS[title]
    locked = mfenv(requirements, targets, folder)
    uv_alone(requirements, targets, folder)
    pip(requirements, targets[0], folder)
    ours, one, uvs = best_of(
        lambda: mfenv(requirements, targets, folder),
        lambda: mfenv(requirements, targets[:1], folder),
        lambda: uv_alone(requirements, targets, folder, "--offline"),
    )
    (pips,) = best_of(lambda: pip(requirements, targets[0], folder), runs=2)
    times = (f"{ours:.2f} s", f"{uvs:.2f} s", f"{ours / uvs:.2f}", f"{one:.2f} s", f"{pips:.1f} s", f"{pips / one:.0f}")
    return f"| {title} | {locked} | {' | '.join(times)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
