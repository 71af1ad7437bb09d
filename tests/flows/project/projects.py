"""Projects with flows, written into folders and read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from mfenvd.domain.plan import Environment, Plan
from mfenvd.flows.project_reader import ProjectReader

Open = Callable[..., ProjectReader]

FLOW = """\
from metaflow import FlowSpec, {imports}step

class {name}(FlowSpec):
{start}
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    {name}()
"""


def flow(name: str = "TrainFlow", packages: str = '{"pandas": "2.2.2"}', extra: str = "") -> str:
    lines = [line for line in (extra, f'@pypi(packages={packages}, python="3.11")' if packages else "") if line]
    imports = "".join(f"{word}, " for word in ("pypi", "batch", "kubernetes"))
    return FLOW.format(name=name, imports=imports, start="\n".join(f"    {line}" for line in lines))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat().st_mtime_ns if path.exists() else None
    path.write_text(text)
    if before is not None and path.stat().st_mtime_ns == before:
        os.utime(path, ns=(before + 1, before + 1))
    return path


def step_of(plan: Plan, step: str = "start", flow: str | None = None) -> Environment:
    (found,) = [e for e in plan.environments if e.step == step and flow in {None, e.flow}]
    return found


def targets(environment: Environment) -> dict[str, tuple[str, ...]]:
    return {str(target.target.arch): target.reasons for target in environment.targets}


def codes(plan: Plan) -> list[str]:
    return [str(finding.code) for finding in plan.findings]
