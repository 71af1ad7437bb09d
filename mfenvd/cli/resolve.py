"""`mfenv resolve`: requirement files and packages for given archs, without a flow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import typer

from mfenvd.cli.check import TrustFlag
from mfenvd.cli.errors import (
    BadCudaError,
    BadGlibcError,
    BadPythonError,
    ChannelsUnusedError,
    ExtensionRefusesError,
    NoSuchPathError,
    NotAFileError,
    NotForExtensionError,
    NothingAskedError,
    NotSharedHereError,
    PartsUnusedError,
)
from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag, StrictFlag, VerboseFlag
from mfenvd.cli.resolve_options import (
    Aliases,
    Archs,
    Channels,
    CondaPackages,
    CudaOption,
    DryRun,
    Extras,
    Files,
    ForceFlag,
    From,
    FromPathspec,
    GlibcOption,
    Groups,
    LocalOnly,
    Packages,
    PythonOption,
    RefreshFlag,
    SetDefault,
    Using,
    UsingPathspec,
    WithoutPins,
)
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from mfenvd.cli.oneshot import Checked
    from mfenvd.cli.resolve_shared import Sharing, TeamOf
    from mfenvd.domain.finding import Finding
    from mfenvd.domain.plan import Environment, Plan
    from mfenvd.domain.request import Indexes
    from mfenvd.domain.resolver import Context
    from mfenvd.domain.surroundings import Surroundings
    from mfenvd.domain.verdict import Verdict
    from mfenvd.flows.project_context import ProjectContext
    from mfenvd.paths import Paths
    from mfenvd.sharing import Shared
    from mfenvd.team_environments import TeamEnvironments


def add_to(app: typer.Typer) -> None:
    epilog = examples(
        "mfenv resolve -r requirements.txt --python 3.9 --arch linux-64",
        "mfenv resolve 'torch==2.2.2' pandas --python 3.11 --arch linux-64 --arch osx-64 --glibc 2.28",
        "mfenv resolve -r requirements.txt --arch linux-aarch64 --json",
        "mfenv resolve -f environment.yml --arch linux-64 --arch osx-arm64",
        "mfenv resolve --conda-pkg 'numpy>=1.20' --conda-pkg pytorch -c conda-forge --python 3.11 --cuda 12.4",
        "mfenv resolve -r requirements.txt --alias team/project/env:v1 --arch linux-64 --arch osx-arm64",
    )
    app.command(rich_help_panel=ONE_SHOT, epilog=epilog)(resolve)


def resolve(  # noqa: PLR0913 - one parameter per option
    packages: Packages = None,
    *,
    files: Files = None,
    extra: Extras = None,
    group: Groups = None,
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
    refresh: RefreshFlag = False,
    force: ForceFlag = False,
    alias: Aliases = None,
    using: Using = None,
    using_pathspec: UsingPathspec = None,
    from_: From = None,
    from_pathspec: FromPathspec = None,
    dry_run: DryRun = False,
    local_only: LocalOnly = False,
    set_default: SetDefault = None,
    skip_metaflow_deps: WithoutPins = False,
) -> None:
    """Resolve requirement files and packages for any architecture, whatever this machine is.

    Where the project's Python has metaflow-netflixext, the result goes into its manifest, as with
    `metaflow environment resolve`. Exit code: 0 fine, 1 findings, 2 usage, 3 could not tell.
    """
    from mfenvd.cli.exit_codes import exit_code
    from mfenvd.cli.resolve_shared import Sharing, aliases_of

    refresh = refresh or force
    sharing = Sharing(
        alias or [], using, using_pathspec, from_, from_pathspec, refresh, dry_run, local_only, set_default,
        skip_metaflow_deps,
    )  # fmt: skip
    aliases_of(sharing)
    written = Written(files or [], packages or [], conda or [], channel or [], extra or [], group or [])
    asked = Resolving(written, python, arch or [], glibc, cuda, trust=trust, refresh=refresh)
    found = asked.found(sharing, quiet=json)
    _tell(found, json=json, verbose=verbose)
    raise typer.Exit(exit_code(found.verdicts, found.findings, strict=strict))


@dataclass(frozen=True)
class Found:
    """What is told of a resolve: `shared` is what was written down, None where nothing was."""

    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...]
    shared: Shared | None = None


def _tell(found: Found, *, json: bool, verbose: bool) -> None:
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.packages_table import packages_table
    from mfenvd.cli.report import as_json, print_report
    from mfenvd.cli.terminal import this_terminal

    if json:
        told = as_json(found.verdicts, found.findings)
        print_json(told if found.shared is None else {**told, "shared": found.shared})
        return
    terminal = this_terminal()
    if any(verdict.packages for verdict in found.verdicts):
        terminal.print(packages_table(terminal, found.verdicts, verbose=verbose))
        terminal.print("")
    print_report(terminal, found.verdicts, found.findings, verbose=verbose)
    if found.shared is not None:
        names = ", ".join(found.shared.aliases)
        terminal.say(f"{names + ' is ' if names else ''}{found.shared.request}:{found.shared.full_id}")


@dataclass(frozen=True)
class Written:
    """What the command line asks for: files, PEP 508 requirements, conda packages with channels; parts of the files."""

    files: list[Path]
    packages: list[str] = field(default_factory=list)
    conda: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    @property
    def is_for_extension(self) -> bool:
        """Whether `metaflow environment resolve` could take it."""
        return not (self.packages or self.conda or self.channels or self.extras or self.groups)


class _Settle(Protocol):
    """Resolves a plan; `ahead` of what counts in the end."""

    def __call__(self, plan: Plan, *, ahead: bool = False) -> Checked: ...


@dataclass(frozen=True)
class Resolving:
    """What the command line asks for, and how."""

    written: Written
    python: str | None
    archs: list[Arch]
    glibc: str | None
    cuda: str | None
    trust: bool
    refresh: bool

    def found(self, sharing: Sharing, *, quiet: bool) -> Found:
        """Resolves it, through the extension where the project has it or an option needs it.

        Args:
            sharing: The options that are about other environments and about writing down.
            quiet: Whether no progress is shown.
        """
        from mfenvd.cli import oneshot
        from mfenvd.cli.progress import board
        from mfenvd.cli.resolve_shared import is_started_by_project
        from mfenvd.cli.shell import shell_for
        from mfenvd.cli.team import team_environments
        from mfenvd.cli.terminal import this_terminal
        from mfenvd.domain.plan import Plan
        from mfenvd.paths import find_paths

        folders = find_paths()
        shell = shell_for(map(Path.absolute, self.written.files), folders)

        def here(root: str) -> Context:
            return oneshot.context_for(root, shell, folders, trusted=self.trust, refresh=self.refresh)

        def settle(plan: Plan, *, ahead: bool = False) -> oneshot.Checked:
            terminal = this_terminal()
            # What is done twice is told twice where it vanishes again, not where it stays.
            with board(terminal, quiet=quiet or (ahead and not terminal.err.is_terminal)) as shown:
                return oneshot.settle([(plan, here(plan.root))], oneshot.real_engine(), shown)

        def team(root: str, indexes: Indexes) -> TeamEnvironments:
            return team_environments(root, here(context.facts.root), indexes, quiet=quiet)

        said: tuple[Finding, ...] = ()
        if sharing.is_asked_for or self.written.is_for_extension:
            context = project_context(shell, folders)
            if sharing.is_asked_for or (context.requests.core is False and not is_started_by_project(context)):
                try:
                    return self._through_extension(sharing, context, shell, settle, team)
                except (NotSharedHereError, ExtensionRefusesError) as error:
                    if sharing.is_asked_for:
                        raise
                    from mfenvd.sharing import not_written

                    said = (not_written(error.message),)
        environment = _on(described(self.written, self.python, self.archs, shell), self.glibc, self.cuda)
        checked = settle(Plan(str(Path.cwd()), (environment,)))
        return Found(checked.verdicts, (*checked.findings, *said))

    def _through_extension(
        self, sharing: Sharing, context: ProjectContext, shell: Surroundings, settle: _Settle, team: TeamOf
    ) -> Found:
        from mfenvd.cli.resolve_shared import ask, overrides, resolve_shared, what_to_resolve
        from mfenvd.domain.plan import Plan
        from mfenvd.flows.extension_requests import undescribed

        if not self.written.is_for_extension:
            raise NotForExtensionError("it takes packages and channels from files alone, and whole files")
        if self.written.files or not sharing.has_begin:
            like = described(self.written, self.python, self.archs, shell)
            archs = [planned.target.arch for planned in like.targets]
            ahead = Plan(context.facts.root, (_on(like, self.glibc, self.cuda),))
        else:
            like = undescribed(Path.cwd(), sharing.using or sharing.from_ or "step")
            archs = self.archs
            ahead = Plan(context.facts.root)
        options = [*what_to_resolve(self.written.files, self.python, archs), *sharing.options()]
        # What the extension adds is little beside what the files say: the indexes are asked while it thinks.
        asked = ask(context, options, overrides(self.glibc, self.cuda), meanwhile=lambda: settle(ahead, ahead=True))
        found = resolve_shared(asked, like, context, settle, sharing=sharing, team=team)
        return Found(found.verdicts, found.shared.findings if found.shared else (), found.shared)


def project_context(shell: Surroundings, folders: Paths) -> ProjectContext:
    """What is known of the project that the shell is in."""
    from mfenvd.flows.host import this_host
    from mfenvd.flows.project import project_root
    from mfenvd.flows.project_context import read_context

    return read_context(project_root(Path(shell.cwd)), shell, folders, this_host())


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
    if (written.extras or written.groups) and not written.files:
        raise PartsUnusedError
    for file in written.files:
        if not file.is_file():
            raise NotAFileError(file) if file.exists() else NoSuchPathError(file)
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
        extras=written.extras,
        groups=written.groups,
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
