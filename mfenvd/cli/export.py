"""`mfenv export`: a resolved environment in a format that other tools read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfenvd.atomic_write import write_atomically
from mfenvd.cli.help import DAEMON, examples
from mfenvd.cli.options import Paths, given_paths
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from mfenvd.cli.exports.selection import Exported
    from mfenvd.domain.verdict import Verdict

_FILES = frozenset({".txt", ".in", ".toml", ".lock", ".yml", ".yaml"})


class Format(str, Enum):
    """What is written."""

    CONDA_LOCK = "conda-lock"
    EXPLICIT = "explicit"
    PYLOCK = "pylock"
    REQUIREMENTS = "requirements"


def _complete_environment(incomplete: str) -> list[str]:
    """Environments at or below the working directory that the daemon knows, for the shell."""
    from mfenvd.cli.exports.selection import called
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError
    from mfenvd.client.view import holds
    from mfenvd.paths import find_paths

    try:
        verdicts = Connection(find_paths().socket, timeout=1).status().verdicts
    except ClientError:
        return []
    here = str(Path.cwd())
    names = {called(verdict) for verdict in verdicts if holds(here, verdict.source)}
    return sorted(name for name in names if name.startswith(incomplete))


What = Annotated[
    str,
    typer.Argument(
        metavar="ENV|FLOW/STEP|FILE",
        help="A configured environment, a step, an id, or a requirement file.",
        autocompletion=_complete_environment,
    ),
]
FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="conda-lock, explicit, pylock or requirements.",
        show_default="conda-lock with conda packages, else pylock",
    ),
]
ArchOption = Annotated[
    list[Arch] | None,
    typer.Option("--arch", metavar="ARCH", help="Only this arch; may repeat.", show_default="all that are resolved"),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there.", show_default="standard output")
]


def add_to(app: typer.Typer) -> None:
    epilog = examples(
        "mfenv export TrainFlow/start -o conda-lock.yml",
        "mfenv export serving --format pylock -o pylock.toml",
        "mfenv export TrainFlow/start --format explicit --arch linux-64 > linux-64.txt",
        "mfenv export environment.yml --arch linux-64 --arch osx-arm64",
    )
    app.command(rich_help_panel=DAEMON, epilog=epilog)(export)


def export(
    what: What,
    paths: Paths = None,
    *,
    format: FormatOption = None,  # noqa: A002 - the option's name
    arch: ArchOption = None,
    output: OutputOption = None,
) -> None:
    """Write a resolved environment down for other tools: conda-lock, micromamba, uv, pip.

    Looks at the verdicts of the daemon when it watches the paths; otherwise they are checked first. A requirement file
    is resolved. Exit code: 0 written, 1 not resolved or not found, 2 the format cannot hold it.
    """
    from mfenvd.cli.exports.selection import exported

    archs = list(dict.fromkeys(arch or []))
    environment = exported(_name(what), _verdicts(what, given_paths(paths), archs), archs)
    chosen = format or (Format.PYLOCK if environment.kind == "pypi" else Format.CONDA_LOCK)
    write_lock(environment, chosen, output, archs=archs)


def write_lock(environment: Exported, chosen: Format, output: Path | None, *, archs: Sequence[Arch]) -> None:
    """Writes the environment to `output` or standard output, and what has no room in the format to standard error.

    Args:
        environment: What is written.
        chosen: How.
        output: None means standard output.
        archs: That were asked for; none means all, of which a format for one arch gets this machine's.

    Raises:
        CannotExportError: The format cannot hold it.
    """
    if chosen is Format.EXPLICIT and not archs:
        environment = _local(environment)
    text = _writer(chosen)(environment)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
    for remark in _left_out(environment, chosen):
        sys.stderr.write(f"note: {remark}\n")


def _write(output: Path, text: str) -> None:
    """Whole or not at all, where a link leads to; a pipe or a device takes it as it comes."""
    if output.exists() and not output.is_file():
        output.write_text(text, "utf-8")
    else:
        write_atomically(Path(os.path.realpath(output)), text.encode(), mode=None)


def _writer(chosen: Format) -> Callable[[Exported], str]:
    if chosen is Format.CONDA_LOCK:
        from mfenvd.cli.exports.conda_lock import conda_lock

        return conda_lock
    if chosen is Format.EXPLICIT:
        from mfenvd.cli.exports.explicit import explicit

        return explicit
    if chosen is Format.PYLOCK:
        from mfenvd.cli.exports.pylock import pylock

        return pylock
    from mfenvd.cli.exports.requirements import requirements

    return requirements


def _is_file(what: str) -> bool:
    return Path(what).suffix in _FILES and Path(what).is_file()


def _name(what: str) -> str:
    return Path(what).name if _is_file(what) else what


def _verdicts(what: str, paths: list[Path], archs: list[Arch]) -> tuple[Verdict, ...]:
    """What may be meant: a requirement file resolved now, else everything at or below `paths`."""
    from mfenvd.cli.known import verdicts_at

    if not _is_file(what):
        return tuple(verdicts_at(paths, quiet=True))
    from mfenvd.cli import oneshot
    from mfenvd.cli.progress import Silent
    from mfenvd.cli.resolve import Written, described
    from mfenvd.cli.shell import shell_for
    from mfenvd.domain.plan import Plan
    from mfenvd.paths import find_paths

    folders = find_paths()
    shell = shell_for([Path(what).absolute()], folders)
    environment = described(Written([Path(what)]), None, archs, shell)
    plan = Plan(str(Path.cwd()), (environment,))
    context = oneshot.context_for(plan.root, shell, folders, trusted=False)
    return oneshot.settle([(plan, context)], oneshot.real_engine(), Silent()).verdicts


def _local(environment: Exported) -> Exported:
    """Where the format is for a single arch and none is named: this machine's, if it is among several."""
    import msgspec

    from mfenvd.flows.host import this_host

    here = tuple(verdict for verdict in environment.verdicts if verdict.target.arch is this_host().arch)
    return msgspec.structs.replace(environment, verdicts=here) if here else environment


def _left_out(environment: Exported, chosen: Format) -> list[str]:
    """What the format has no room for, in a mixed environment."""
    if environment.kind != "mixed":
        return []
    if chosen is Format.EXPLICIT:
        return ["the wheels are comments: `conda-lock install` reads them, micromamba and conda leave them out."]
    if chosen in {Format.PYLOCK, Format.REQUIREMENTS}:
        return ["the conda packages are left out; `--format conda-lock` has everything."]
    return []
