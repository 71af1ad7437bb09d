"""A reader of one-line flows and a resolver that does as its requirement says.

A flow is a `.py` file with lines `step: requirement [requirement...] [@arch...]`; `!` alone is a syntax error.
What was read and resolved is noted in the cache folder, so that tests see what other processes did.
"""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.request import Kind, PypiPart, Request
from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.resolver import Context, Progress, Resolver
from mfenvd.domain.settings import Settings
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.paths import Paths


class FakeReader:
    """Reads as `ProjectReader` does: what is not changed stays the same object."""

    def __init__(self, root: Path, surroundings: Surroundings, paths: Paths) -> None:
        self.root = root
        self.surroundings = surroundings
        self.notes = Path(paths.cache)
        self.settings = Settings(max_workers=int(surroundings.environ.get("FAKE_WORKERS", "2")))
        self.watched = frozenset(filter(None, [surroundings.environ.get("FAKE_OUTSIDE")]))
        self.files: dict[str, tuple[Environment, ...]] = {}
        self.broken: dict[str, Finding] = {}

    @property
    def remembers(self) -> bool:
        return bool(self.broken)

    def read(self) -> Plan:
        note(self.notes, "read", str(self.root))
        self.files, self.broken = {}, {}
        return self._take(sorted(self.root.rglob("*.py")))

    def update(self, changed: Collection[Path]) -> Plan:
        note(self.notes, "update", " ".join(sorted(path.name for path in changed)))
        if any(str(path) in self.watched for path in changed):
            return self.read()
        return self._take(path for path in changed if path.suffix == ".py")

    def _take(self, paths: Iterable[Path]) -> Plan:
        for path in paths:
            self._read_file(path)
        environments = tuple(one for source in sorted(self.files) for one in self.files[source])
        findings = tuple(self.broken.values())
        return Plan(str(self.root), environments, findings, dict.fromkeys(self.files, ()))

    def _read_file(self, path: Path) -> None:
        source = str(path)
        self.broken.pop(source, None)
        try:
            lines = path.read_text().splitlines()
        except OSError:
            self.files.pop(source, None)
            return
        hogs = [float(line.split()[1]) for line in lines if line.startswith("hog ")]
        if hogs:
            note(self.notes, "hog", source)
            _hold_the_interpreter(sum(hogs))
        if "boom" in lines:
            raise RuntimeError("the reader failed")
        if "!" in lines:
            self.broken[source] = Finding(Code.SYNTAX_ERROR, Severity.ERROR, "not valid", path=source, line=1)
            self.files.setdefault(source, ())
            return
        self.files[source] = tuple(self._environment(source, line) for line in lines if ":" in line)

    def _environment(self, source: str, line: str) -> Environment:
        step, _, words = line.partition(": ")
        requirements = tuple(sorted(word for word in words.split() if not word.startswith("@")))
        archs = [Arch(word[1:]) for word in words.split() if word.startswith("@")] or [Arch.LINUX_64]
        return Environment(
            source, "Flow", step, kind="pypi", python="3.11",
            request=Request(Kind.PYPI, "3.11", PypiPart(requirements)),
            targets=tuple(PlannedTarget(target(arch), ("asked for",)) for arch in archs),
        )  # fmt: skip


def _hold_the_interpreter(seconds: float) -> None:
    """As reading a thousand files does: bytecode, and calls of some 5 ms that do not let go of it."""
    text = "value = [1, 2, 3]\n" * 400
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ast.parse(text)


def target(arch: Arch) -> Target:
    if arch.is_linux:
        return Target(arch, "3.11", glibc="2.26")
    return Target(arch, "3.11", macos="13.0" if arch.is_macos else None)


class FakeResolver:
    """Does what the requirement says: `sleep==SECONDS`, `refresh==SECONDS`, `crash`, `raise`, `offline`, `refused`…"""

    def resolve(
        self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
    ) -> Outcome:
        text = " ".join(request.pypi.requirements)
        note(Path(context.cache_dir), "resolve", f"{text} {target.arch}{' refresh' if context.refresh else ''}")
        note(Path(context.cache_dir), "pid", str(os.getpid()))
        report(Progress("starting", 0, 10))
        for requirement in request.pypi.requirements:
            name, _, value = requirement.partition("==")
            outcome = _ORDERS[name](value, context, report) if name in _ORDERS else None
            if outcome is not None:
                return outcome
        packages = tuple(
            LockedPackage(name, "1.0", f"{name}-1.0-py3-none-any.whl", f"mem://{name}", requested=True)
            for name in sorted(requirement.partition("==")[0] for requirement in request.pypi.requirements)
        )
        return Outcome(Resolution(request.key, target, packages))


def _sleep(value: str, *_: object) -> None:
    time.sleep(float(value))


def _sleep_at_refresh(value: str, context: Context, _: object) -> None:
    time.sleep(float(value) if context.refresh else 0)


def _spin(value: str, _: Context, report: Callable[[Progress], None]) -> None:
    until = time.monotonic() + float(value)
    while time.monotonic() < until:
        report(Progress("spinning", 1, 10))


def _child(value: str, context: Context, _: object) -> None:
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({float(value)})"])
    note(Path(context.cache_dir), "child", str(child.pid))
    child.wait()


def _crash(_: str, context: Context, __: object) -> None:
    note(Path(context.cache_dir), "crash", "")
    os.kill(os.getpid(), signal.SIGKILL)


def _crash_once(_: str, context: Context, __: object) -> None:
    if not notes(Path(context.cache_dir), "crash"):
        _crash("", context, None)


def _raise(_: str, context: Context, __: object) -> None:
    environ = context.surroundings.environ
    raise ValueError(f"could not use {environ.get('PIP_INDEX_URL')} with {environ.get('PIP_PASSWORD')}")


def _print(*_: object) -> None:
    print("a library that prints", flush=True)
    os.write(1, b"and one that is not even Python\n")


def _offline(_: str, context: Context, __: object) -> Outcome | None:
    return None if (Path(context.cache_dir) / "online").exists() else _failed(Code.INDEX_UNREACHABLE)


def _private(_: str, context: Context, __: object) -> Outcome | None:
    return None if "PIP_PASSWORD" in context.surroundings.environ else _failed(Code.INDEX_REFUSES)


def _guarded(_: str, context: Context, __: object) -> Outcome | None:
    return None if (Path(context.root) / ".netrc").exists() else _failed(Code.CHANNEL_REFUSES)


def _missing(*_: object) -> Outcome:
    return Outcome(findings=(Finding(Code.NO_SUCH_PACKAGE, Severity.ERROR, "no such package", "missing"),))


_ORDERS: dict[str, Callable[[str, Context, Callable[[Progress], None]], Outcome | None]] = {
    "sleep": _sleep, "refresh": _sleep_at_refresh, "spin": _spin, "child": _child, "crash": _crash,
    "crashonce": _crash_once, "raise": _raise, "print": _print, "offline": _offline, "private": _private,
    "guarded": _guarded, "missing": _missing,
}  # fmt: skip


def _failed(code: Code) -> Outcome:
    return Outcome(findings=(Finding(code, Severity.ERROR, "no answer"),), failed=True)


class FakeRefresher(FakeResolver):
    """Keeps what ages."""

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        note(Path(context.cache_dir), "refresh", f"{os.getpid()} {os.nice(0)} {len(work)}")
        if any("raise" in request.pypi.requirements for request, _ in work):
            raise ValueError("not foreseen")
        return 1_800


def resolvers() -> Mapping[Kind, Resolver]:
    return {Kind.PYPI: FakeResolver(), Kind.CONDA: FakeRefresher()}


def note(folder: Path, kind: str, text: str) -> None:
    """Adds a line to the notes on what happened."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "notes.txt").open("a") as file:
        file.write(f"{kind} {text}\n")


def notes(folder: Path, kind: str) -> list[str]:
    """What was noted of one kind, in order."""
    path = folder / "notes.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{kind} ")]
