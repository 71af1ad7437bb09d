"""Writes flows and reads them."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mfenvd.domain.finding import Finding, Severity
from mfenvd.flows.flow_file import ModuleCache, read_file
from mfenvd.flows.reading import FileReading, FlowReading, ProjectFacts, StepReading

PYTHON = "3.11.7"

HEADER = """\
import functools, json, os, platform, sys
from pathlib import Path
from metaflow import (
    Config, FlowMutator, FlowSpec, StepMutator, batch, card, conda, conda_base, config_expr, current, kubernetes,
    project, pypi, pypi_base, resources, retry, schedule, step, trigger, user_step_decorator,
)
"""

STEPS = """\
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    F()
"""


def flow(start: str = "", *, header: str = "", decorators: str = "", body: str = "") -> str:
    """A flow `F` with the steps start and end.

    Args:
        start: Decorators of the step start, one per line.
        header: Code before the class.
        decorators: Decorators of the class, one per line.
        body: Code at the beginning of the class.
    """
    parts = [HEADER, textwrap.dedent(header), textwrap.dedent(decorators).strip(), "class F(FlowSpec):"]
    inner = [textwrap.dedent(body).strip(), textwrap.dedent(start).strip()]
    parts += [textwrap.indent(part, "    ") for part in inner if part]
    return "\n".join(part for part in parts if part) + "\n" + STEPS


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Writes `{relative path: content}`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def read(
    folder: Path,
    source: str,
    files: Mapping[str, str] | None = None,
    *,
    name: str = "flow.py",
    environ: Mapping[str, str] | None = None,
    python: str | None = PYTHON,
    cwd: Path | None = None,
    site_packages: str | None = None,
    core: bool | None = None,
) -> FileReading:
    """Reads a flow file of the project in `folder`."""
    write(folder, {**(files or {}), name: source})
    facts = ProjectFacts(str(folder), str(cwd or folder), dict(environ or {}), python, site_packages, core)
    return read_file(folder / name, facts, ModuleCache())


def read_flow(folder: Path, source: str, files: Mapping[str, str] | None = None, **facts: object) -> FlowReading:
    """The only flow of a file."""
    reading = read(folder, source, files, **facts)  # type: ignore[arg-type]
    assert len(reading.flows) == 1, reading
    return reading.flows[0]


def read_start(folder: Path, source: str, files: Mapping[str, str] | None = None, **facts: object) -> StepReading:
    """The step start of the only flow of a file."""
    return next(step for step in read_flow(folder, source, files, **facts).steps if step.name == "start")


def errors(step: StepReading) -> list[Finding]:
    """What keeps a step from being known."""
    return [finding for finding in step.findings if finding.severity is Severity.ERROR]


def line_of(source: str, text: str) -> int:
    """The number of the first line that holds `text`."""
    return next(number for number, line in enumerate(source.splitlines(), 1) if text in line)


def oracle(header: str, expression: str) -> Any:
    """What Python computes, from the same imports that the flows have."""
    names: dict[str, Any] = {}
    exec("import functools, json, os, platform, sys\nfrom pathlib import Path\n" + header, names)  # noqa: S102
    return eval(expression, names)  # noqa: S307
