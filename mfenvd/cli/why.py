"""`mfenv why`: from what was asked for to a package, in every environment that has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from packaging.utils import canonicalize_name

from mfenvd.cli.errors import BadPackageError, UnknownPackageError
from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.known import verdicts_at
from mfenvd.cli.options import JsonFlag, Paths, given_paths
from mfenvd.domain.words import Tone, tone

_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*")

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.domain.finding import Finding
    from mfenvd.domain.resolution import LockedPackage
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
    """Where a package is needed: `package` is None where the environment is blocked because of it."""

    verdict: Verdict
    package: LockedPackage | None
    chains: tuple[tuple[str, ...], ...]

    @property
    def version(self) -> str | None:
        return self.package.version if self.package else None


def why(package: Package, paths: Paths = None, *, json: JsonFlag = False) -> None:
    """Show why a package is in the environments: the chains from what was asked for to it.

    Looks at the verdicts of the daemon when it watches the paths; otherwise the paths are checked first.
    Exit code: 0 found, 1 no environment has it, 3 some could not be resolved.
    """
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    if not _NAME.fullmatch(package):
        raise BadPackageError(package)
    name: str = canonicalize_name(package)
    verdicts = verdicts_at(given_paths(paths), quiet=json)
    uses = find_uses(verdicts, name) or brought_by_conda(verdicts, name)
    if not uses:
        raise _unknown(name, verdicts)
    name = next((use.package.name for use in uses if use.package), name)
    if json:
        print_json({"package": name, "uses": [as_json(use) for use in uses]})
    else:
        _print(this_terminal(), name, uses)


def find_uses(verdicts: Sequence[Verdict], name: str) -> list[Use]:
    """Every verdict whose packages or findings have `name` (canonical), with its chains.

    conda's names are compared likewise: `ruamel-yaml` means `ruamel.yaml`.
    """
    from mfenvd.domain.graph import chains

    found: list[Use] = []
    for verdict in verdicts:
        packages = [package for package in verdict.packages if canonicalize_name(package.name) == name]
        found += [Use(verdict, package, chains(verdict.packages, package.name)) for package in packages]
        ways = _blamed(verdict.findings, name) if not packages else ()
        if ways:
            found.append(Use(verdict, None, ways))
    return found


def brought_by_conda(verdicts: Sequence[Verdict], name: str) -> list[Use]:
    """The uses of what brings distribution `name` of the index in a mixed environment: `pytorch` for `torch`."""
    from mfenvd.domain.request import Kind
    from mfenvd.paths import find_paths
    from mfenvd.resolve.mixed.names import known_names

    names = known_names(Path(find_paths().cache))
    conda = {package.name for verdict in verdicts for package in verdict.packages if package.kind is Kind.CONDA}
    return [use for one in sorted(conda) if name in names.on_index(one) for use in find_uses(verdicts, one)]


def _blamed(findings: Sequence[Finding], name: str) -> tuple[tuple[str, ...], ...]:
    """The chains of findings that lead to `name` where there is no resolution to look at."""
    ways = []
    for finding in findings:
        names: list[str] = [canonicalize_name(each) for each in finding.chain]
        if name in names:
            ways.append(finding.chain[: names.index(name) + 1])
    return tuple(dict.fromkeys(ways))


def _unknown(name: str, verdicts: Sequence[Verdict]) -> UnknownPackageError:
    resolved = [verdict for verdict in verdicts if verdict.packages]
    known = {package.name for verdict in resolved for package in verdict.packages}
    known |= {each for verdict in verdicts for finding in verdict.findings for each in finding.chain}
    untold = [verdict for verdict in verdicts if tone(verdict) is Tone.UNKNOWN]
    near = get_close_matches(name, sorted(known), n=2)
    return UnknownPackageError(name, _environments(resolved), _environments(untold), near)


def _environments(verdicts: Iterable[Verdict]) -> int:
    return len({(verdict.source, verdict.flow, verdict.env, verdict.target) for verdict in verdicts})


def as_json(use: Use) -> dict[str, Any]:
    """An entry of what docs/json.md promises of `why`."""
    verdict = use.verdict
    return {
        "source": verdict.source, "flow": verdict.flow, "step": verdict.step, "env": verdict.env,
        "target": verdict.target, "state": verdict.state, "version": use.version, "chains": use.chains,
        "kind": use.package and use.package.kind, "build": use.package and use.package.build,
        "channel": use.package and use.package.channel,
    }  # fmt: skip


def _print(terminal: Terminal, name: str, uses: Sequence[Use]) -> None:
    """Archs with the same answer share a block."""
    from mfenvd.cli.rows import rows

    by_answer: dict[tuple[str, tuple[tuple[str, ...], ...]], list[Verdict]] = {}
    for use in uses:
        by_answer.setdefault((_what(name, use.package), use.chains), []).append(use.verdict)
    for (what, ways), verdicts in by_answer.items():
        terminal.say(what, "strong")
        for way in ways:
            terminal.say(f"  {f' {terminal.arrow} '.join(way) if len(way) > 1 else f'{name} is asked for'}")
        for row in rows(verdicts):
            archs = ", ".join(arch.value for arch in row.cells)
            terminal.say(f"    {row.label(terminal.dot)}  {archs}", "muted")


def _what(name: str, package: LockedPackage | None) -> str:
    """`numpy 1.26.4`, of conda with its build and channel: `numpy 1.26.4 py311h64a7726_0 (conda-forge)`."""
    from mfenvd.cli.packages_table import channel_name

    if package is None:
        return f"{name} (blocked)"
    of_conda = f" {package.build} ({channel_name(package)})" if package.build else ""
    return f"{package.name} {package.version}{of_conda}"
