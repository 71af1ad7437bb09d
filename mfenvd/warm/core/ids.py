"""Environment ids exactly as Metaflow computes them, asked of the Metaflow that the project uses.

A short-lived process of the project's Python runs `metaflow_side.py` in the shell's folder and with its variables,
which asks in the dialect of that Metaflow: core's, or that of metaflow-netflixext in a version that mfenv knows.
Trusted flows are loaded by it; of others it gets what was read, and none of their code.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec

from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.identity import RequestIdentity
from mfenvd.domain.loaded import DeclaredStep, FlowQuestion, Launcher, LoadedFile, LoadedFlow, LoadedStep, PlannedLaunch
from mfenvd.warm.core import findings, own_ids

FILE_SECONDS = 60.0
"""A flow that imports large packages takes 10 seconds; one that waits for something never ends."""

KNOWN_EXTENSIONS = ("1.3.17",)
_CORE, _NETFLIXEXT = "mfenvd.warm.core", "mfenvd.warm.netflixext"
_START_SECONDS = 60.0
_LARGEST_LINE = 16 << 20
_OF_PLACE = ("datastore", "root", "manifest", "local_platform", "latest", "envs_dir", "pkgs_dirs")


class MetaflowSide:
    """Asks Metaflow. Blocking, in one thread at a time; `stop` may be called from any thread."""

    def __init__(self, *, seconds: float = FILE_SECONDS) -> None:
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def ask(self, questions: Sequence[FlowQuestion], launcher: Launcher, *, trusted: bool) -> Iterator[LoadedFile]:
        """One answer to each question, in their order; never raises for what a flow does."""
        if launcher.by_project and not trusted:
            why = findings.interpreter_not_started(launcher.interpreter, launcher.root)
            yield from by_own_rules(questions, launcher, why)
            return
        answers = _Answers(questions, launcher, self._seconds, loaded=trusted)
        missing = "it cannot be started"
        for said in self._said(questions, launcher, trusted=trusted):
            if "path" not in said:
                missing = said.get("error", {}).get("text", "")
                answers.extension = said.get("extension")
                continue
            yield from answers.take(said)
        if self._stopped:
            return
        if missing:
            yield from by_own_rules(questions, launcher, findings.metaflow_missing(launcher.interpreter, missing))
        else:
            yield from answers.rest()

    def stop(self) -> None:
        """Ends what is running, with everything that it started."""
        self._stopped = True
        if self._process is not None:
            _end(self._process)

    def _said(
        self, questions: Sequence[FlowQuestion], launcher: Launcher, *, trusted: bool
    ) -> Iterator[dict[str, Any]]:
        with contextlib.ExitStack() as scripts:
            side = _script(scripts, _CORE, "metaflow_side.py")
            dialects = {"": _script(scripts, _CORE, "core_side.py")}
            dialects |= dict.fromkeys(KNOWN_EXTENSIONS, _script(scripts, _NETFLIXEXT, "extension_side.py"))
            message = _message(questions, launcher, self._seconds, dialects, trusted=trusted)
            try:
                process = subprocess.Popen(
                    [launcher.interpreter, side],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    cwd=launcher.cwd, env=launcher.environ, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                yield {"error": {"text": error.strerror or str(error)}}
                return
            self._process = process
            limit = threading.Timer(_START_SECONDS + self._seconds * len(questions), _end, (process,))
            limit.daemon = True
            limit.start()
            try:
                yield from _conversation(process, message)
            finally:
                limit.cancel()
                _end(process)
                process.wait()
                self._process = None


def _script(scripts: contextlib.ExitStack, package: str, name: str) -> str:
    return str(scripts.enter_context(as_file(files(package) / name)))


def _conversation(process: subprocess.Popen[bytes], message: bytes) -> Iterator[dict[str, Any]]:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return
    with stdout:
        with contextlib.suppress(BrokenPipeError), stdin:
            stdin.write(message)
        while line := stdout.readline(_LARGEST_LINE):
            try:
                said = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if isinstance(said, dict):
                yield said


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _message(
    questions: Sequence[FlowQuestion],
    launcher: Launcher,
    seconds: float,
    dialects: Mapping[str, str],
    *,
    trusted: bool,
) -> bytes:
    """The question; `dialects` are scripts by the extension's version, core's by the empty one."""
    message: dict[str, Any] = {
        "root": launcher.root, "seconds": seconds, "datastore": launcher.datastore, "dialects": dialects
    }  # fmt: skip
    if trusted:
        message["files"] = [
            {
                "path": question.path,
                "flows": [flow.flow for flow in question.flows],
                "launches": [
                    {"name": launch.name, "command": launch.command, "with": launch.decospecs}
                    for launch in question.launches
                ],
            }
            for question in questions
        ]
    else:
        message["declared"] = list(_declared(questions, launcher))
    return msgspec.json.encode(message)


def _declared(questions: Sequence[FlowQuestion], launcher: Launcher) -> Iterator[dict[str, Any]]:
    for question in questions:
        for flow in question.flows:
            for launch in question.launches:
                steps = [
                    {
                        "step": step.step,
                        "remote": _remote(step.remote, launch, launcher),
                        "core": _of_core(step) if step.of_core else None,
                        "decorators": step.decorators,
                    }
                    for step in flow.steps
                ]
                yield {"path": question.path, "flow": flow.flow, "launch": launch.name, "steps": steps}


def _of_core(step: DeclaredStep) -> dict[str, Any]:
    """The merged decorators of a step for Metaflow core, by name."""
    kind, merged = step.kind or "conda", {"packages": step.packages, "python": step.python, "disabled": step.disabled}
    return {"conda": {}, kind: merged}


def _remote(written: Sequence[str], launch: PlannedLaunch, launcher: Launcher) -> list[str]:
    """The remote decorators of a step as a launch has it, each once."""
    deployed = own_ids.DEPLOYED.get(launch.command)
    return list(dict.fromkeys([*written, *launch.decospecs, *launcher.attached, *([deployed] if deployed else [])]))


class _Answers:
    """Puts together what is said about each file."""

    def __init__(self, questions: Sequence[FlowQuestion], launcher: Launcher, seconds: float, *, loaded: bool) -> None:
        self._waiting = {question.path: question for question in questions}
        self._launcher = launcher
        self._seconds = seconds
        self._loaded = loaded
        self.extension: str | None = None
        self._path: str | None = None
        self._flows: list[LoadedFlow] = []
        self._files: tuple[str, ...] = ()
        self._findings: list[Finding] = []

    def take(self, said: Mapping[str, Any]) -> Iterator[LoadedFile]:
        """Takes in one line; yields the file before when it is about another one."""
        if said["path"] != self._path:
            yield from self._finished()
            self._path = said["path"]
        if "files" in said:
            self._files = tuple(said["files"])
        elif "error" in said:
            problem = self._problem(said)
            if problem not in self._findings:
                self._findings.append(problem)
        elif "steps" in said:
            self._flows.append(_flow(said))

    def rest(self) -> Iterator[LoadedFile]:
        """The last file, and those that nothing was said about."""
        yield from self._finished()
        if self.extension is not None and self.extension not in KNOWN_EXTENSIONS:
            said = findings.extension_unknown(self._launcher.interpreter, self.extension, KNOWN_EXTENSIONS)
            for question in self._waiting.values():
                yield LoadedFile(question.path, question.digest, findings=(said,), extension=self.extension)
            return
        for question in self._waiting.values():
            said = findings.not_loaded(question.path, "the process ended before its turn came", None)
            yield self._file(question, said)

    def _finished(self) -> Iterator[LoadedFile]:
        question = self._waiting.pop(self._path, None) if self._path else None
        if question is not None:
            yield self._file(question, *self._findings)
        self._flows, self._files, self._findings = [], (), []

    def _file(self, question: FlowQuestion, *said: Finding) -> LoadedFile:
        return LoadedFile(
            question.path, question.digest, tuple(self._flows), self._files, said, self._loaded, self.extension
        )

    def _problem(self, said: Mapping[str, Any]) -> Finding:
        error, path = said["error"], said["path"]
        if error["type"] == "timeout":
            return findings.loading_took_too_long(path, self._seconds)
        if error["stage"] == "metaflow" and "launch" in said:
            return findings.launch_refused(path, said["flow"], said["launch"], error["text"])
        places = [
            Location(file, line) for file, line in error["places"] if Path(file).is_relative_to(self._launcher.root)
        ]
        return findings.not_loaded(path, error["text"], places[-1] if places else None)


def _flow(said: Mapping[str, Any]) -> LoadedFlow:
    steps = []
    for step in said["steps"]:
        if "error" in step:
            error = step["error"]
            steps.append(
                LoadedStep(
                    step["step"],
                    problem=error["text"],
                    refused=error.get("refused", False),
                    needs_trust=error.get("needs_trust", False),
                    passes=error.get("passes", False),
                )
            )
            continue
        if "content" not in step:
            steps.append(_asked(step, said))
            continue
        made = step["id"] and own_ids.identity(step["id"], said["flow"], step["content"], said)
        steps.append(LoadedStep(step["step"], made or None, tuple(step["kinds"]), tuple(step["remote"])))
    return LoadedFlow(said["flow"], said["launch"], tuple(steps))


def _asked(step: Mapping[str, Any], said: Mapping[str, Any]) -> LoadedStep:
    """A step in the words of metaflow-netflixext."""
    request = step["id"] and msgspec.convert(
        {
            **step["request"], "id": step["id"],
            **{name: said[name] for name in _OF_PLACE},
        },
        RequestIdentity,
    )  # fmt: skip
    return LoadedStep(step["step"], kinds=tuple(step["kinds"]), remote=tuple(step["remote"]), request=request or None)


def by_own_rules(questions: Sequence[FlowQuestion], launcher: Launcher, *said: Finding) -> Iterator[LoadedFile]:
    """Ids without asking Metaflow, which says so with `said`."""
    datastore = launcher.datastore or launcher.config.get("METAFLOW_DEFAULT_DATASTORE") or "local"
    root = own_ids.local_root(Path(launcher.cwd), launcher.config)
    packages = own_ids.package_root(datastore, root, launcher.config)
    for question in questions:
        flows = []
        if packages is not None:
            place = {
                "datastore": datastore, "package_root": packages, "local_root": str(root),
                "local_platform": own_ids.conda_platform(),
            }  # fmt: skip
            for flow in question.flows:
                for launch in question.launches:
                    steps = tuple(
                        LoadedStep(step.step, made, (step.kind,) if step.kind else (), tuple(remote))
                        for step in flow.steps
                        if step.of_core
                        for remote in [_remote(step.remote, launch, launcher)]
                        for content in [own_ids.content(step, remote, launcher.python, datastore, launcher.config)]
                        for made in [
                            own_ids.identity(own_ids.content_id(content, packages), flow.flow, content, place)
                            if content
                            else None
                        ]
                    )
                    flows.append(LoadedFlow(flow.flow, launch.name, steps))
        yield LoadedFile(question.path, question.digest, tuple(flows), findings=said)
