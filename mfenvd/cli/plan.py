"""`mfenv plan`: what was understood, nothing resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import typer

from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag, Paths, VerboseFlag, given_paths

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.domain.finding import Finding
    from mfenvd.domain.plan import Environment, Plan, PlannedTarget


def add_to(app: typer.Typer) -> None:
    epilog = examples("mfenv plan", "mfenv plan flows/train.py", "mfenv plan --json | jq '.steps[].packages'")
    app.command(rich_help_panel=ONE_SHOT, epilog=epilog)(plan)


def plan(paths: Paths = None, *, json: JsonFlag = False, verbose: VerboseFlag = False) -> None:
    """Show what is understood of each step, resolving nothing.

    Its environment, Python, packages, channels and indexes, where it will run and why, and what cannot be known
    without running the flow.
    """
    from mfenvd.cli import oneshot
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.shell import shell_for
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.paths import find_paths

    given, folders = given_paths(paths), find_paths()
    plans = oneshot.read(given, shell_for(given, folders), folders)
    if json:
        print_json(as_json(plans))
    else:
        _print(this_terminal(), plans, verbose=verbose)


def as_json(plans: Sequence[Plan]) -> dict[str, object]:
    """What docs/json.md promises of `plan`."""
    return {
        "steps": [environment.as_json() for each in plans for environment in each.environments],
        "findings": [finding for each in plans for finding in each.findings],
    }


def _print(terminal: Terminal, plans: Sequence[Plan], *, verbose: bool) -> None:
    from mfenvd.cli import findings

    environments = [environment for each in plans for environment in each.environments]
    for source, group in groupby(environments, key=lambda environment: environment.source):
        terminal.say(terminal.path(source), "strong")
        for flow, steps in groupby(group, key=lambda environment: environment.flow):
            _print_flow(terminal, flow, list(steps))
        terminal.print("")
    folded = findings.fold((), _all_findings(plans))
    if folded:
        terminal.print(findings.full(terminal, folded, verbose=verbose))
    elif not environments:
        terminal.say("No flow here has a step that could be read, and no configuration names an environment.")


def _all_findings(plans: Iterable[Plan]) -> list[Finding]:
    found: list[Finding] = []
    for each in plans:
        found.extend(each.findings)
        for environment in each.environments:
            found.extend(environment.findings)
            found.extend(finding for target in environment.targets for finding in target.findings)
    return found


def _print_flow(terminal: Terminal, flow: str | None, steps: Sequence[Environment]) -> None:
    if flow:
        terminal.say(f"  {flow}", "strong")
    for step in steps:
        terminal.print(_heading(terminal, step))
        for label, text in _facts(step):
            terminal.fact(label, text, indent=6, width=13)
        for target in step.targets if step.kind and not step.disabled else ():
            terminal.fact(str(target.target.arch), _target(terminal, target), indent=6, width=13)


def _heading(terminal: Terminal, step: Environment) -> object:
    from rich.text import Text

    from mfenvd.cli.terminal import printable

    parts = ["disabled"] if step.disabled else [] if step.kind else ["no environment"]
    if step.kind and not step.disabled:
        parts += [step.kind, f"python {step.python}"]
    said = f" {terminal.dot} ".join(parts)
    return Text.assemble("    ", (printable(step.step or step.env), "strong"), (f"  {said}", "muted"))


def _facts(step: Environment) -> list[tuple[str, str]]:
    facts = (
        ("pypi", _packages(step.pypi)),
        ("conda", _packages(step.conda)),
        ("channels", ", ".join(step.channels)),
        ("indexes", ", ".join(step.indexes)),
        ("named env", step.named_env or ""),
        ("remote", ", ".join(f"@{name}" for name in step.remote)),
    )
    return [(label, text) for label, text in facts if text]


def _packages(packages: dict[str, str]) -> str:
    return ", ".join(f"{name} {spec}".strip() for name, spec in packages.items())


def _target(terminal: Terminal, planned: PlannedTarget) -> str:
    from mfenvd.cli.rows import floor

    parts = (floor(planned.target), f"python {planned.target.python}", "; ".join(planned.reasons))
    return f" {terminal.dot} ".join(part for part in parts if part)
