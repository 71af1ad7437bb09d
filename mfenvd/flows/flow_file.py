"""Reads a flow file without running it."""

from __future__ import annotations

import re
from pathlib import Path

from mfenvd.domain.finding import Finding
from mfenvd.flows.reading import FileReading, FlowReading, ProjectFacts
from mfenvd.flows.static import findings
from mfenvd.flows.static.flows import has_candidates, read_flows, unread_flows
from mfenvd.flows.static.imports import run_file
from mfenvd.flows.static.interpreter import Interpreter
from mfenvd.flows.static.modules import ModuleCache, Unreadable, parse, read_bytes
from mfenvd.flows.static.values import Module

__all__ = ["ModuleCache", "looks_like_flow", "read_file"]

_FLOW = re.compile(rb"metaflow|FlowSpec")
_RUNNABLE_CLASS = re.compile(rb"^class\s+\w+\s*\(", re.MULTILINE)


def looks_like_flow(content: bytes) -> bool:
    """Whether a file can define a flow: it names Metaflow, or has a class with a base and a `__main__` part.

    Cheap, for all files of a project; never False for a file that Metaflow could be started with.
    """
    if _FLOW.search(content):
        return True
    return b"__main__" in content and _RUNNABLE_CLASS.search(content) is not None


def read_file(path: Path, facts: ProjectFacts, modules: ModuleCache) -> FileReading:
    """What the flow file at `path` says. Nothing is executed, and nothing is raised for what is in the file.

    Args:
        path: Absolute.
        facts: What may be known of the project.
        modules: Parsed files, shared between the readings of a project; files that are imported go in.

    Returns:
        The flows that the file defines. A file that cannot be read or parsed has a finding, unless it does not
        look like a flow.
    """
    try:
        content = read_bytes(path)
    except Unreadable as unreadable:
        return FileReading(str(path), findings=(unreadable.finding,))
    if not looks_like_flow(content):
        return FileReading(str(path))
    try:
        source = parse(path, content)
    except Unreadable as unreadable:
        return FileReading(str(path), findings=(unreadable.finding,))
    if not has_candidates(source.tree):
        return FileReading(str(path))
    machine = Interpreter(facts, modules, str(path.parent))
    module = Module("__main__", source, str(path.parent))
    machine.loaded[module.name] = module
    flows: tuple[FlowReading, ...] = ()
    problems: tuple[Finding, ...] = ()
    try:
        run_file(machine, module)
        flows = read_flows(machine, module)
        problems = (*unread_flows(module, flows), *(_failures(machine, module) if flows else ()))
    except RecursionError:
        problems = (findings.unreadable_file(path, "is nested too deeply to follow"),)
    return FileReading(str(path), flows, problems, tuple(sorted(machine.reads - {str(path)})))


def _failures(machine: Interpreter, module: Module) -> tuple[Finding, ...]:
    """The statements of the flow's own file that raise."""
    return tuple(
        findings.failing_statement(
            module.source.segment(raised.at.node if raised.at.frame.module is module else statement),
            module.source.location(statement),
            raised.as_unknown(),
        )
        for statement, frame, raised in machine.failures
        if frame.module is module
    )
