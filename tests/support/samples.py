"""A small project with a verdict of every state and the findings that users meet, for tests of clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.event import DaemonInfo, ProjectInfo, Status
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.target import Target
from mfenvd.domain.verdict import Verdict

TRAIN_FLOW = """\
from metaflow import FlowSpec, batch, conda, pypi, step


class TrainFlow(FlowSpec):
    @pypi(packages={"requests": "2.32.3"}, python="3.11")
    @step
    def start(self):
        self.next(self.train)

    @batch(image="amazonlinux:2")
    @pypi(packages={"torch": "2.6.0", "pandas": "2.2.3"}, python="3.11")
    @step
    def train(self):
        self.next(self.evaluate)

    @pypi(packages={"torch": "2.6.0", "pandas": "2.2.3"}, python="3.11")
    @step
    def evaluate(self):
        self.next(self.report)

    @pypi(packages={"pyarrow": ""}, python="3.11")
    @step
    def report(self):
        self.next(self.end)

    @conda(libraries={"scikit-learn": "1.5.0"}, python="3.11")
    @step
    def end(self):
        pass
"""

SCORE_FLOW = """\
from metaflow import FlowSpec, kubernetes, pypi, step

from versions import WANTED


class ScoreFlow(FlowSpec):
    @kubernetes
    @pypi(packages={"clip": "@ git+https://github.com/openai/CLIP.git@main"}, python="3.10")
    @step
    def start(self):
        self.next(self.end)

    @pypi(packages=WANTED, python="3.10")
    @step
    def end(self):
        pass
"""

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.26")
MAC = Target(Arch.OSX_ARM64, "3.11", macos="13.0")
INTEL_MAC = Target(Arch.OSX_64, "3.11", macos="13.0")
STARTED = 1_785_000_000.0


def write_sample_project(root: Path) -> None:
    """The files that the samples' findings point into."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "train.py").write_text(TRAIN_FLOW, encoding="utf-8")
    (root / "score.py").write_text(SCORE_FLOW, encoding="utf-8")


def package(name: str, version: str, *requires: str, requested: bool = False) -> LockedPackage:
    filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    return LockedPackage(
        name=name,
        version=version,
        filename=filename,
        url=f"https://index.example/packages/{filename}",
        sha256=(name.encode().hex() * 64)[:64],
        size=1000 * len(name),
        requires=requires,
        requested=requested,
    )


REQUESTS = (
    package("certifi", "2026.6.1"),
    package("charset-normalizer", "3.4.2"),
    package("idna", "3.10"),
    package("requests", "2.32.3", "certifi", "charset-normalizer", "idna", "urllib3", requested=True),
    package("urllib3", "2.5.0"),
)
PYARROW = (package("numpy", "2.3.1"), package("pyarrow", "17.0.0", "numpy", requested=True))


def findings(root: Path) -> dict[str, Finding]:
    """By a short name: one of each kind that clients show in their own way."""
    train, score = str(root / "train.py"), str(root / "score.py")
    return {
        "gap": Finding(
            code=Code.WHEEL_GAP,
            severity=Severity.ERROR,
            message="torch 2.6.0 has no wheel for osx-64.",
            package="torch",
            path=train,
            line=11,
            column=21,
            fix="`torch==2.2.2` is the last with a wheel for osx-64.",
            chain=("torch",),
            detail=(
                "torch-2.6.0-cp311-none-macosx_11_0_arm64.whl: arch (arm64, not x86_64)",
                "torch-2.6.0-cp311-cp311-manylinux1_x86_64.whl: OS (Linux, not macOS)",
            ),
        ),
        "glibc": Finding(
            code=Code.GLIBC_MISMATCH,
            severity=Severity.ERROR,
            message="numpy 2.4.6 needs GLIBC 2.27; the target has 2.26.",
            package="numpy",
            path=train,
            line=11,
            column=21,
            fix="Pin `numpy==2.3.1`, or run on an image with GLIBC 2.27 or newer.",
            chain=("pandas", "numpy"),
        ),
        "held back": Finding(
            code=Code.GLIBC_HELD_BACK,
            severity=Severity.WARNING,
            message="pyarrow 17.0.0 is chosen: the wheels of 21.0.0 need GLIBC 2.28, the target has 2.26.",
            package="pyarrow",
            path=train,
            line=21,
            column=21,
            fix="Run on an image with GLIBC 2.28 or newer to get pyarrow 21.0.0.",
            chain=("pyarrow",),
        ),
        "drift": Finding(
            code=Code.DRIFT,
            severity=Severity.NOTICE,
            message="pyarrow differs between architectures: 17.0.0 on linux-64, 21.0.0 on osx-arm64.",
            package="pyarrow",
            path=train,
            line=21,
            column=21,
            fix="Pin `pyarrow==17.0.0` to have the same version everywhere.",
        ),
        "git": Finding(
            code=Code.NON_WHEEL_ACROSS_ARCHS,
            severity=Severity.ERROR,
            message=(
                "Cannot resolve environment across architectures as it depends on local files or non-wheel packages: "
                "clip @ git+https://github.com/openai/CLIP.git@main"
            ),
            package="clip",
            path=score,
            line=8,
            column=21,
            fix="Ask for a version that has a wheel, or build one and put it on your index.",
            chain=("clip",),
        ),
        "unknown": Finding(
            code=Code.UNKNOWN_VALUE,
            severity=Severity.ERROR,
            message="`WANTED` cannot be known without running the flow.",
            path=score,
            line=13,
            column=20,
            fix="Write the packages as literals or constants of the project.",
        ),
        "index": Finding(
            code=Code.INDEX_UNREACHABLE,
            severity=Severity.ERROR,
            message="https://****@index.example/simple/ does not answer (connection refused).",
            fix="Check the network, then run `mfenv up` again.",
        ),
        "not yet": Finding(
            code=Code.KIND_NOT_SUPPORTED,
            severity=Severity.WARNING,
            message="mfenv does not resolve conda environments yet; `metaflow run` will resolve this one itself.",
        ),
    }


def verdicts(root: Path) -> tuple[Verdict, ...]:
    """Every state at least once."""
    train, score = str(root / "train.py"), str(root / "score.py")
    found = findings(root)
    here, batch, asked = ("this machine",), ("@batch",), ("archs in mfenv.toml",)

    def of(
        step: str, env: str, target: Target, state: State, *names: str, flow: str = "TrainFlow", **more: Any
    ) -> Verdict:
        source = train if flow == "TrainFlow" else score
        reasons = {Arch.LINUX_64: batch, Arch.OSX_ARM64: here}.get(target.arch, asked)
        return Verdict(
            source, flow, step, env, target, reasons, state, findings=tuple(found[name] for name in names), **more
        )

    python310 = Target(Arch.LINUX_64, "3.10", glibc="2.26")
    mac310 = Target(Arch.OSX_ARM64, "3.10", macos="13.0")
    return (
        of("start", "aaaaaaaaaaaa", LINUX, State.RESOLVED, packages=REQUESTS, settled=STARTED + 4, kind="pypi"),
        of("start", "aaaaaaaaaaaa", MAC, State.WARM, packages=REQUESTS, settled=STARTED + 4, kind="pypi"),
        of("start", "aaaaaaaaaaaa", INTEL_MAC, State.CACHED, packages=REQUESTS, settled=STARTED + 4, kind="pypi"),
        of("train", "bbbbbbbbbbbb", LINUX, State.BLOCKED, "glibc", settled=STARTED + 5, kind="pypi"),
        of("train", "bbbbbbbbbbbb", MAC, State.RESOLVING, kind="pypi"),
        of("train", "bbbbbbbbbbbb", INTEL_MAC, State.BLOCKED, "gap", settled=STARTED + 5, kind="pypi"),
        of("evaluate", "bbbbbbbbbbbb", LINUX, State.BLOCKED, "glibc", settled=STARTED + 5, kind="pypi"),
        of("evaluate", "bbbbbbbbbbbb", MAC, State.RESOLVING, kind="pypi"),
        of("evaluate", "bbbbbbbbbbbb", INTEL_MAC, State.BLOCKED, "gap", settled=STARTED + 5, kind="pypi"),
        of("report", "cccccccccccc", LINUX, State.RESOLVED, "held back", "drift", packages=PYARROW, kind="pypi"),
        of("report", "cccccccccccc", MAC, State.QUEUED, kind="pypi"),
        of("report", "cccccccccccc", INTEL_MAC, State.STALE, packages=PYARROW, kind="pypi"),
        of("end", "dddddddddddd", LINUX, State.FAILED, "not yet", settled=STARTED + 1, kind="conda"),
        of("end", "dddddddddddd", MAC, State.FAILED, "not yet", settled=STARTED + 1, kind="conda"),
        of(
            "start", "eeeeeeeeeeee", python310, State.BLOCKED, "git", flow="ScoreFlow", settled=STARTED + 1, kind="pypi"
        ),
        of("start", "eeeeeeeeeeee", mac310, State.FAILED, "index", flow="ScoreFlow", settled=STARTED + 9, kind="pypi"),
        of("end", "end", python310, State.BLOCKED, "unknown", flow="ScoreFlow", settled=STARTED + 1),
    )


def status(root: Path, *, socket: str = "/run/user/1000/mfenv/mfenvd.sock", seq: int = 100) -> Status:
    """What a daemon that watches `root` would answer."""
    daemon = DaemonInfo(
        pid=4242,
        version="0.1.0",
        socket=socket,
        uptime=3725.0,
        started=STARTED,
        memory=48_000_000,
        workers=3,
        queued=1,
        running=1,
        log="/home/ana/.local/state/mfenv/log/mfenvd.log",
        state_dir="/home/ana/.local/state/mfenv",
        cache_dir="/home/ana/.cache/mfenv",
    )
    project = ProjectInfo(
        root=str(root),
        trusted=False,
        cwd=str(root),
        interpreter="/home/ana/venv/bin/python",
        python="3.11.7",
        environ={"AWS_SECRET_ACCESS_KEY": "****", "METAFLOW_PROFILE": "team"},
        flows=2,
    )
    return Status(daemon=daemon, projects=(project,), verdicts=verdicts(root), seq=seq)
