"""`metaflow environment resolve` and `mfenv resolve` side by side: the same requirements for one arch and for three.

Run it by hand: `python -m tests.bench.netflixext_resolving [PYTHON WITH METAFLOW-NETFLIXEXT]`. Wheels come from the
default index, conda packages from a generated channel, and the extension's micromamba is the tests' stand-in. Each
command is a process of its own, as people start it, the manifest being taken away in between. New means that both run
for the first time on a machine; cold that they ran before and that no cache, be it pip's, conda's or mfenv's, has
anything of an index; warm is the same command once more. Prints seconds (and seconds of processor), and how much faster
mfenv is.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tests.bench.sets import SETS
from tests.support.extension_world import ARCHS, ExtensionWorld, extension_world
from tests.warm.netflixext.extension import python_with_extension

CASES = ("10 packages", "3 packages")
_PASSED_ON = ("PIP_", "SSL_", "UV_", "REQUESTS_", "HTTP", "http", "NO_PROXY", "no_proxy")


class Taken(msgspec.Struct, frozen=True):
    """Seconds until the command ended, and seconds of processor that it and its processes took."""

    seconds: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.cpu:.1f} s)"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Bench:
    """One machine with both tools.

    Args:
        world: The machine.
    """

    def __init__(self, world: ExtensionWorld) -> None:
        self.world = world
        own = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
        folder = Path(world.python).parent
        self.mfenv_home = world.root / "mfenv"
        bare = {name: value for name, value in world.environ.items() if name != "PIP_INDEX_URL"}
        self.environ = {
            **own, **bare, "PATH": f"{folder}:{world.environ['PATH']}", "VIRTUAL_ENV": str(folder.parent),
            "MFENV_HOME": str(self.mfenv_home),
        }  # fmt: skip

    def extension(self, *arguments: str) -> Taken:
        return self._timed([self.world.python, "-m", "metaflow.cmd.main_cli", "environment", "resolve", *arguments])

    def mfenv(self, *arguments: str) -> Taken:
        return self._timed([str(Path(sys.executable).with_name("mfenv")), "resolve", *arguments])

    def forget(self) -> None:
        """Both are new on this machine."""
        for folder in (self.mfenv_home, self.world.home / ".cache", self.world.root / "mamba"):
            shutil.rmtree(folder, ignore_errors=True)
        # For several archs the extension makes it in several threads at once, and fails where one was faster.
        for name in ("envs", "pkgs"):
            (self.world.root / "mamba" / name).mkdir(parents=True)

    def forget_indexes(self) -> None:
        """Both ran here before, long ago."""
        caches = [self.mfenv_home / "cache" / name for name in ("index", "uv", "notes", "channels")]
        for folder in (*caches, self.world.home / ".cache", self.world.root / "mamba" / "pkgs" / "cache"):
            shutil.rmtree(folder, ignore_errors=True)

    def _timed(self, command: list[str]) -> Taken:
        self.world.manifest_file.unlink(missing_ok=True)
        start, cpu = time.perf_counter(), _cpu()
        done = subprocess.run(
            command, cwd=self.world.project, env=self.environ, capture_output=True, text=True, check=False
        )
        taken = Taken(time.perf_counter() - start, _cpu() - cpu)
        if done.returncode or not self.world.manifest_file.exists():
            sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return taken


def measured(bench: Bench, arguments: list[str]) -> Iterator[tuple[str, Taken, Taken]]:
    """`(caches, what the extension took, what mfenv took)`."""
    states: dict[str, Callable[[], None]] = {"new": bench.forget, "cold": bench.forget_indexes, "warm": lambda: None}
    for caches, prepare in states.items():
        prepare()
        yield caches, bench.extension(*arguments), bench.mfenv(*arguments)


def main(python: str | None) -> None:
    print("| requirements | archs | caches | metaflow environment resolve | mfenv resolve | ratio |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        interpreter = python or python_with_extension(Path(scratch))
        with extension_world(Path(scratch, "world"), interpreter) as world:
            bench = Bench(world)
            for case in CASES:
                pins = [line for line in SETS[case] if not line.startswith("requests")]
                world.write("requirements.txt", "\n".join(pins))
                for archs in (ARCHS[:1], ARCHS):
                    options = [part for arch in archs for part in ("--arch", arch)]
                    for cache, extension, mfenv in measured(bench, ["-r", "requirements.txt", *options]):
                        ratio = extension.seconds / mfenv.seconds
                        row = f"| {case} | {len(archs)} | {cache} | {extension} | {mfenv} | {ratio:.1f} x |"
                        print(row, flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
