"""`mfenv resolve`: requirement files and packages for given archs, without a flow."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from mfenvd.cli.check import TrustFlag
from mfenvd.cli.errors import (
    BadCudaError,
    BadGlibcError,
    BadPythonError,
    ChannelsUnusedError,
    NoSuchPathError,
    NothingAskedError,
)
from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag, StrictFlag, VerboseFlag
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from mfenvd.domain.plan import Environment
    from mfenvd.domain.surroundings import Surroundings

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--requirements",
        "--requirement",
        "-r",
        "--file",
        "-f",
        "--pyproject",
        "-p",
        metavar="FILE",
        help="requirements.txt, pyproject.toml, environment.yml or another; may repeat.",
    ),
]
Packages = Annotated[
    list[str] | None, typer.Argument(metavar="PACKAGE", help="Requirements as pip takes them: 'torch==2.2.2'.")
]
CondaPackages = Annotated[
    list[str] | None,
    typer.Option("--conda-pkg", metavar="PACKAGE", help="A conda package: 'numpy>=1.20', 'numpy=1.20'; may repeat."),
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        "-c",
        metavar="CHANNEL",
        help="A conda channel by name, URL or path; may repeat, the first comes first.",
        show_default="conda's configuration, else conda-forge",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="X.Y[.Z]",
        help="Of the environment; also `3.11.*`.",
        show_default="the files' or the project's",
    ),
]
Archs = Annotated[
    list[Arch] | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="linux-64, linux-aarch64, osx-64, osx-arm64 or win-64; may repeat.",
        show_default="this machine's and the configured ones",
    ),
]
GlibcOption = Annotated[
    str | None,
    typer.Option("--glibc", metavar="X.Y", help="Of the Linux targets.", show_default="as configured"),
]
CudaOption = Annotated[
    str | None,
    typer.Option(
        "--cuda", metavar="X.Y", help="Of the driver, for conda packages that need a GPU.", show_default="as configured"
    ),
]

ForceFlag = Annotated[
    bool, typer.Option("--refresh", "--force", help="Ask the indexes again instead of using the cache.")
]


def add_to(app: typer.Typer) -> None:
    epilog = examples(
        "mfenv resolve -r requirements.txt --python 3.9 --arch linux-64",
        "mfenv resolve 'torch==2.2.2' pandas --python 3.11 --arch linux-64 --arch osx-64 --glibc 2.28",
        "mfenv resolve -r requirements.txt --arch linux-aarch64 --json",
        "mfenv resolve -f environment.yml --arch linux-64 --arch osx-arm64",
        "mfenv resolve --conda-pkg 'numpy>=1.20' --conda-pkg pytorch -c conda-forge --python 3.11 --cuda 12.4",
    )
    app.command(rich_help_panel=ONE_SHOT, epilog=epilog)(resolve)


def resolve(  # noqa: PLR0913 - one parameter per option
    packages: Packages = None,
    *,
    files: Files = None,
    conda: CondaPackages = None,
    channel: Channels = None,
    python: PythonOption = None,
    arch: Archs = None,
    glibc: GlibcOption = None,
    cuda: CudaOption = None,
    json: JsonFlag = False,
    verbose: VerboseFlag = False,
    strict: StrictFlag = False,
    trust: TrustFlag = False,
    refresh: ForceFlag = False,
) -> None:
    """Resolve requirement files and packages for any architecture, whatever this machine is.

    Exit code: 0 fine, 1 findings, 2 usage, 3 could not tell.
    """
    from mfenvd.cli import oneshot
    from mfenvd.cli.exit_codes import exit_code
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.packages_table import packages_table
    from mfenvd.cli.progress import Silent, board
    from mfenvd.cli.report import as_json, print_report
    from mfenvd.cli.shell import shell_for
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.domain.plan import Plan
    from mfenvd.paths import find_paths

    written = Written(files or [], packages or [], conda or [], channel or [])
    terminal, folders = this_terminal(), find_paths()
    shell = shell_for(map(Path.absolute, written.files), folders)
    environment = _on(described(written, python, arch or [], shell), glibc, cuda)
    plan = Plan(str(Path.cwd()), (environment,))
    context = oneshot.context_for(plan.root, shell, folders, trusted=trust, refresh=refresh)
    with Silent() if json else board(terminal) as shown:
        found = oneshot.settle([(plan, context)], oneshot.real_engine(), shown)
    if json:
        print_json(as_json(found.verdicts, found.findings))
    else:
        if any(verdict.packages for verdict in found.verdicts):
            terminal.print(packages_table(terminal, found.verdicts, verbose=verbose))
            terminal.print("")
        print_report(terminal, found.verdicts, found.findings, verbose=verbose)
    raise typer.Exit(exit_code(found.verdicts, found.findings, strict=strict))


@dataclass(frozen=True)
class Written:
    """What the command line asks for: files, PEP 508 requirements, conda packages and their channels."""

    files: list[Path]
    packages: list[str]
    conda: list[str]
    channels: list[str]


def described(written: Written, python: str | None, archs: list[Arch], shell: Surroundings) -> Environment:
    """The environment that the command line, typed in `shell`, describes.

    Raises:
        UsageError: It describes nothing, or something that is none.
    """
    from mfenvd.flows.project import request_from_file
    from mfenvd.paths import find_paths

    if not (written.files or written.packages or written.conda):
        raise NothingAskedError("mfenv resolve", "mfenv resolve -r requirements.txt")
    if written.channels and not (written.files or written.conda):
        raise ChannelsUnusedError("Ask for conda packages with `--conda-pkg NAME`.")
    for file in written.files:
        if not file.is_file():
            raise NoSuchPathError(file)
    if python is not None:
        python = python.removesuffix(".*")  # metaflow-netflixext's default is `3.11.*`
        if not re.fullmatch(r"3\.\d+(\.\d+)?t?", python):
            raise BadPythonError(python)
    return request_from_file(
        written.files,
        written.packages,
        python,
        archs=archs,
        conda=written.conda,
        channels=written.channels,
        surroundings=shell,
        folders=find_paths(),
    )


def _on(environment: Environment, glibc: str | None, cuda: str | None) -> Environment:
    """The environment on targets with the GLIBC and the CUDA of the command line.

    Raises:
        UsageError: One of them is no version.
    """
    if glibc is not None and not re.fullmatch(r"2\.\d+", glibc):
        raise BadGlibcError(glibc)
    if cuda is not None and not re.fullmatch(r"\d+(\.\d+)?", cuda):
        raise BadCudaError(cuda)
    targets = tuple(target.given(glibc=glibc, cuda=cuda) for target in environment.targets)
    return msgspec.structs.replace(environment, targets=targets)
