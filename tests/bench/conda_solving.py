"""How long conda environments take to solve, and how much memory a worker needs, also for a channel ten times as large.

Run it by hand: `python -m tests.bench.conda_solving [FOLDER]`. FOLDER is a channel's, with `repodata.json` or
`repodata.json.zst` in each subdir; without it the tests' own subset is taken, which is small. Where a micromamba is on
PATH, it solves the same by `create --dry-run`, one arch after the other.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import zstandard

from tests.bench.conda_worker import FOUR, PACKAGES, solve_four
from tests.support.conda_channel import SUBDIRS, subset_repodata, write_repodata

# The best of so many runs is shown: other work on the machine only ever makes a run slower.
_RUNS = 9

_TIMES = 10
_MIB = 2**20


def main() -> None:
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory(prefix="mfenv-bench-") as name:
        folder = Path(name)
        content = dict(_read(given)) if given else subset_repodata()
        channel = write_repodata(folder / "channel", content).as_uri()
        records = sum(len(part[kind]) for part in content.values() for kind in ("packages", "packages.conda"))
        print(f"{records:,} records in {len(content)} subdirs; best of {_RUNS} runs\n")
        warm, cpu = _best(lambda: solve_four(channel, folder))
        print(
            f"warm worker, {len(FOUR)} archs one after the other           {warm:.3f} s, {cpu:.3f} s of them computing"
        )
        fresh, cpu = _best(lambda: _in_another("four", channel, folder))
        print(f"fresh process, the same, start and end included    {fresh:.3f} s, {cpu:.3f} s of them computing")
        _micromamba(channel, folder, warm)
        print()
        _memory("one time the size", channel, folder)
        big = write_repodata(folder / "big", {subdir: _multiplied(part) for subdir, part in content.items()})
        _memory(f"{_TIMES} times the size", big.as_uri(), folder)


def _best(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the quickest of `_RUNS`, after one that does not count, and the least that a processor had to do."""
    run()
    taken, computed = [], []
    for _ in range(_RUNS):
        begun, before = time.perf_counter(), _computed()
        run()
        taken.append(time.perf_counter() - begun)
        computed.append(_computed() - before)
    return min(taken), min(computed)


def _computed() -> float:
    """Seconds of processor time, of this process and of those that it started."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _in_another(what: str, channel: str, folder: Path) -> str:
    command = [sys.executable, "-m", "tests.bench.conda_worker", what, channel, str(folder)]
    # Compiled modules are kept, as they are wherever mfenv is installed.
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout


def _memory(label: str, channel: str, folder: Path) -> None:
    """Of a process that has solved for all archs, so that all subdirs are loaded."""
    size = sum(file.stat().st_size for file in Path(channel.removeprefix("file://")).glob("*/repodata.json"))
    peak = int(_in_another("all", channel, folder))
    print(f"peak memory, all subdirs, {label:<18} {peak / _MIB:.0f} MiB   (the lists are {size / _MIB:.0f} MiB)")


def _micromamba(channel: str, folder: Path, ours: float) -> None:
    binary = shutil.which("micromamba")
    if binary is None:
        print("micromamba is not on PATH")
        return

    def run() -> None:
        for target in FOUR:
            command = [
                binary, "create", "--yes", "--quiet", "--dry-run", "--json", "--no-rc", "--override-channels",
                "--channel", channel, "--platform", str(target.arch), "--prefix", str(folder / "prefix"),
                "--root-prefix", str(folder / "mamba"), *(f"{name}{spec}" for name, spec in PACKAGES),
            ]  # fmt: skip
            environ = {"CONDA_OVERRIDE_GLIBC": target.glibc or "", "CONDA_OVERRIDE_OSX": target.macos or ""}
            subprocess.run(command, check=True, capture_output=True, env={k: v for k, v in environ.items() if v})

    theirs, _ = _best(run)
    print(f"micromamba, one `create --dry-run` per arch        {theirs:.3f} s   {theirs / ours:.1f} x")


def _read(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for subdir in SUBDIRS:
        plain, packed = folder / subdir / "repodata.json", folder / subdir / "repodata.json.zst"
        if plain.exists():
            yield subdir, json.loads(plain.read_bytes())
        elif packed.exists():
            with packed.open("rb") as stream:
                yield subdir, json.loads(zstandard.ZstdDecompressor().stream_reader(stream).read())


def _multiplied(repodata: Mapping[str, Any]) -> dict[str, Any]:
    """`repodata` with `_TIMES` as many packages: copies under other names and builds, which need each other."""
    found: dict[str, Any] = {"info": repodata.get("info", {})}
    for kind in ("packages", "packages.conda"):
        packages = dict(repodata.get(kind, {}))
        for number in range(1, _TIMES):
            for filename, entry in repodata.get(kind, {}).items():
                copy = {
                    **entry,
                    "name": f"{entry['name']}-copy{number}",
                    "build": f"c{number}_{entry['build']}"[:64],
                    "depends": [_renamed(spec, number) for spec in entry["depends"]],
                }
                packages[f"copy{number}-{filename}"] = copy
        found[kind] = packages
    return found


def _renamed(spec: str, number: int) -> str:
    name, separator, rest = spec.partition(" ")
    return spec if name.startswith("__") else f"{name}-copy{number}{separator}{rest.split(' ')[0]}"


if __name__ == "__main__":
    main()
