"""`mfenv why`: from what was asked for to a package, in every environment that has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfenvd.cli.errors import BadPackageError, UnknownPackageError
from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import JsonFlag, Paths, given_paths

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.domain.finding import Finding
    from mfenvd.domain.verdict import Verdict


def _complete_package(incomplete: str) -> list[str]:
    """Packages of the daemon's resolutions, for the shell."""
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError
    from mfenvd.paths import find_paths

    try:
        verdicts = Connection(find_paths().socket, timeout=1).status().verdicts
    except ClientError:
        return []
    names = {package.name for verdict in verdicts for package in verdict.packages}
    return sorted(name for name in names if name.startswith(incomplete))


Package = Annotated[str, typer.Argument(metavar="PACKAGE", help="A package's name.", autocompletion=_complete_package)]


def add_to(app: typer.Typer) -> None:
    epilog = examples("mfenv why urllib3", "mfenv why nvidia-nccl-cu12 flows/train.py", "mfenv why numpy --json")
    app.command(rich_help_panel=DAEMON, epilog=epilog)(why)


@dataclass(frozen=True)
class Use:
    """Where a package is needed: `version` is None where the environment is blocked because of it."""

    verdict: Verdict
    version: str | None
    chains: tuple[tuple[str, ...], ...]


def why(package: Package, paths: Paths = None, *, json: JsonFlag = False) -> None:
    """Show why a package is in the environments: the chains from what was asked for to it.

    Looks at the verdicts of the daemon when it watches the paths; otherwise the paths are checked first.
    Exit code: 0 found, 1 no environment has it.
    """
    from packaging.utils import InvalidName, canonicalize_name

    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    try:
        name = canonicalize_name(package, validate=True)
    except InvalidName as error:
        raise BadPackageError(package) from error
    verdicts = _verdicts(given_paths(paths), quiet=json)
    uses = find_uses(verdicts, name)
    if not uses:
        raise _unknown(name, verdicts)
    if json:
        print_json({"package": name, "uses": [_as_json(use) for use in uses]})
    else:
        _print(this_terminal(), name, uses)


def find_uses(verdicts: Sequence[Verdict], name: str) -> list[Use]:
    """Every verdict whose packages or findings have `name`, with its chains."""
    from mfenvd.domain.graph import chains

    found = []
    for verdict in verdicts:
        version = next((package.version for package in verdict.packages if package.name == name), None)
        ways = chains(verdict.packages, name) if version else _blamed(verdict.findings, name)
        if version or ways:
            found.append(Use(verdict, version, ways))
    return found


def _blamed(findings: Sequence[Finding], name: str) -> tuple[tuple[str, ...], ...]:
    """The chains of findings that lead to `name` where there is no resolution to look at."""
    ways = (finding.chain[: finding.chain.index(name) + 1] for finding in findings if name in finding.chain)
    return tuple(dict.fromkeys(ways))


def _verdicts(paths: Sequence[Path], *, quiet: bool) -> Sequence[Verdict]:
    """Of everything at or below `paths`: from the daemon when it watches all of them, else checked now."""
    from mfenvd.cli import oneshot
    from mfenvd.cli.progress import Silent, board
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import DaemonNotRunningError
    from mfenvd.client.view import holds
    from mfenvd.paths import find_paths

    folders = find_paths()
    wanted = [str(path.resolve()) for path in paths]
    try:
        status = Connection(folders.socket).status()
    except DaemonNotRunningError:
        status = None
    if status and all(any(holds(project.root, path) for project in status.projects) for path in wanted):
        return [verdict for verdict in status.verdicts if any(holds(path, verdict.source) for path in wanted)]
    with Silent() if quiet else board(this_terminal()) as shown:
        return oneshot.check(paths, folders, shown).verdicts


def _unknown(name: str, verdicts: Sequence[Verdict]) -> UnknownPackageError:
    resolved = [verdict for verdict in verdicts if verdict.packages]
    known = {package.name for verdict in resolved for package in verdict.packages}
    known |= {each for verdict in verdicts for finding in verdict.findings for each in finding.chain}
    environments = {(verdict.source, verdict.flow, verdict.env, verdict.target) for verdict in resolved}
    return UnknownPackageError(name, len(environments), get_close_matches(name, sorted(known), n=2))


def _as_json(use: Use) -> dict[str, Any]:
    verdict = use.verdict
    return {
        "source": verdict.source, "flow": verdict.flow, "step": verdict.step, "env": verdict.env,
        "target": verdict.target, "state": verdict.state, "version": use.version, "chains": use.chains,
    }  # fmt: skip


def _print(terminal: Terminal, name: str, uses: Sequence[Use]) -> None:
    """Archs with the same answer share a block."""
    from mfenvd.cli.rows import rows

    by_answer: dict[tuple[str | None, tuple[tuple[str, ...], ...]], list[Verdict]] = {}
    for use in uses:
        by_answer.setdefault((use.version, use.chains), []).append(use.verdict)
    for (version, ways), verdicts in by_answer.items():
        terminal.say(f"{name} {version}" if version else f"{name} (blocked)", "strong")
        for way in ways:
            terminal.say(f"  {f' {terminal.arrow} '.join(way) if len(way) > 1 else f'{name} is asked for'}")
        for row in rows(verdicts):
            archs = ", ".join(arch.value for arch in row.cells)
            terminal.say(f"    {row.label(terminal.dot)}  {archs}", "muted")
