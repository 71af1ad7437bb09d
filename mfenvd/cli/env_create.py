"""`mfenv env create`: a shared environment made on this machine, as `metaflow environment create` makes it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfenvd.cli.check import TrustFlag
from mfenvd.cli.completing import complete_alias
from mfenvd.cli.errors import (
    BadNameError,
    FolderNotEmptyError,
    KernelNeedsNameError,
    ManifestUnusableError,
    NameIsTakenError,
    NotMadeHereError,
    OtherSharedArchError,
)
from mfenvd.cli.options import JsonFlag
from mfenvd.domain.alias import Alias, AliasKind
from mfenvd.domain.arch import Arch
from mfenvd.domain.resolver import Progress

if TYPE_CHECKING:
    from mfenvd.domain.resolver import Context
    from mfenvd.flows.project_context import ProjectContext
    from mfenvd.shared_environments import SharedEnvironment, SharedEnvironments

Name = Annotated[
    str,
    typer.Argument(metavar="ENV", help="team/project/env:v1, step:Flow/Run/step, or an id.",
                   autocompletion=complete_alias),
]  # fmt: skip
FolderName = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="Of its folder.", show_default="metaflowtmp_ and both ids"),
]
IntoDir = Annotated[
    Path | None,
    typer.Option("--into-dir", metavar="DIR", help="Put a link `__conda_python` to its Python into this folder."),
]
Notebook = Annotated[
    bool,
    typer.Option(
        "--install-notebook/--no-install-notebook", help="Make a Jupyter kernel of it, with ipykernel; needs --name."
    ),
]
Force = Annotated[bool, typer.Option("--force/--no-force", help="Make it anew, whatever is there of that name.")]
ExistOk = Annotated[bool, typer.Option("--exist-ok/--no-exist-ok", help="Take it where it is there already.")]
LocalOnly = Annotated[bool, typer.Option("--local-only/--non-local", help="Look for ENV on this machine alone.")]
Pathspec = Annotated[bool, typer.Option("--pathspec", help="ENV is FLOW/RUN/STEP.")]

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


def alias_text(name: str, *, pathspec: bool) -> str:
    """The alias that ENV is, which with `--pathspec` is a step."""
    return f"step:{name}" if pathspec else name


def create(  # noqa: PLR0913 - one parameter per option
    name: Name,
    *,
    called: FolderName = None,
    into_dir: IntoDir = None,
    install_notebook: Notebook = False,
    force: Force = False,
    exist_ok: ExistOk = False,
    local_only: LocalOnly = False,
    pathspec: Pathspec = False,
    trust: TrustFlag = False,
    json: JsonFlag = False,
) -> None:
    """Make an environment on this machine, in the folder of conda environments. Exit code: 0 made, 1 not made."""
    from mfenvd.cli.env import known_environment
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.shared import shared_environments
    from mfenvd.cli.terminal import this_terminal

    if install_notebook and called is None:
        raise KernelNeedsNameError
    if called is not None and not _NAME.fullmatch(called):
        raise BadNameError(called)
    if into_dir is not None and not force and _holds_something(into_dir):
        raise FolderNotEmptyError(into_dir)
    found = shared_environments()
    alias, environment = known_environment(found, alias_text(name, pathspec=pathspec), local_only=local_only)
    making = Making(trust=trust, say=_nothing if json else _to_people)
    asked_for = environment
    if install_notebook:
        environment = making.with_kernel(found, environment, local_only=local_only)
        found = shared_environments()
    place = making.make(found, environment, called, force=force, exist_ok=exist_ok)
    python = place / "bin" / "python"
    folder = _emptied(into_dir) if into_dir is not None else None
    if folder is not None:
        _link(folder / "__conda_python", python)
    kernel = making.kernel(alias, python, folder) if install_notebook else None
    if json:
        print_json({"environment": environment, "prefix": str(place), "kernel": str(kernel) if kernel else None})
        return
    terminal = this_terminal()
    terminal.say(f"{name if environment == asked_for else environment.name} is at {place}.")
    if folder is not None:
        terminal.say(f"Its Python is {folder / '__conda_python'}.")
        if alias.kind is AliasKind.STEP:
            terminal.say("The step's code is not there: `metaflow environment create --pathspec` downloads it.")
    if kernel is not None:
        terminal.say(f"Jupyter shows it as the kernel {kernel.name}.")


class Making:
    """Makes environments for the shell's project.

    Args:
        trust: Whether packages may run scripts of their own while they are linked.
        say: Told what goes on, in a phrase.
    """

    def __init__(self, *, trust: bool, say: Callable[[str], None]) -> None:
        self._trust = trust
        self._say = say
        self._said = ""

    def make(
        self,
        found: SharedEnvironments,
        environment: SharedEnvironment,
        name: str | None,
        *,
        force: bool,
        exist_ok: bool,
    ) -> Path:
        """The environment on this machine; where it is.

        Raises:
            CommandError: It cannot be made.
        """
        from mfenvd.environments import named_environments
        from mfenvd.shared_environments import local_environment
        from mfenvd.warm.lines import NotAnEntryError
        from mfenvd.warm.netflixext.conda_binary import envs_dir
        from mfenvd.warm.netflixext.manifest import EnvId
        from mfenvd.warm.netflixext.named import NameTakenError
        from mfenvd.warm.plan import NotMadeError

        project, context = self._project()
        arch = Arch(context.local_arch)
        if arch not in environment.archs:
            raise OtherSharedArchError(environment.name, arch, list(map(str, environment.archs)))
        config = project.launcher.config if project.launcher else context.surroundings.environ
        folder = envs_dir(context.surroundings, config, trusted=self._trust)
        called = name or f"metaflowtmp_{environment.request}_{environment.full_id}"
        id_ = EnvId(str(arch), environment.request, environment.full_id)
        try:
            return named_environments(context, folder).create(
                called,
                id_,
                local_environment(found, environment, arch),
                self._report,
                force=force,
                exist_ok=exist_ok or name is None,
            )
        except NotAnEntryError as error:
            raise ManifestUnusableError(str(found.path), str(error)) from None
        except NameTakenError as error:
            raise NameIsTakenError(called, str(error.place)) from None
        except NotMadeError as error:
            raise NotMadeHereError(error.finding) from None

    def with_kernel(
        self, found: SharedEnvironments, environment: SharedEnvironment, *, local_only: bool
    ) -> SharedEnvironment:
        """The environment with ipykernel: itself where it has it, else one that extends it.

        Raises:
            CommandError: There is none.
        """
        from mfenvd.cli import oneshot
        from mfenvd.cli.env import known_environment
        from mfenvd.cli.errors import NoKernelError
        from mfenvd.cli.progress import Silent
        from mfenvd.cli.resolve_shared import Sharing, ask, resolve_shared, what_to_resolve
        from mfenvd.cli.shared import shared_environments
        from mfenvd.flows.extension_requests import undescribed

        project, context = self._project()
        arch = Arch(context.local_arch)
        if any(package.name == "ipykernel" for package in found.packages(environment, arch)):
            return environment
        self._say("resolving it with ipykernel")
        ids = f"{environment.request}:{environment.full_id}"
        sharing = Sharing(using=ids, local_only=local_only, without_pins=True)
        with tempfile.TemporaryDirectory() as folder:
            options = what_to_resolve([_asks_for_kernel(Path(folder), environment)], None, [arch])
            asked = ask(project, [*options, *sharing.options()], {})
            resolved = resolve_shared(
                asked,
                undescribed(Path(folder), environment.name),
                project,
                lambda plan: oneshot.settle([(plan, context)], oneshot.real_engine(), Silent()),
                sharing=sharing,
            )
        if resolved.shared is None:
            raise NoKernelError(environment.name, [f.message for v in resolved.verdicts for f in v.errors])
        return known_environment(shared_environments(), f"{resolved.shared.request}:{resolved.shared.full_id}")[1]

    def kernel(self, alias: Alias, python: Path, folder: Path | None) -> Path:
        """The kernel's folder."""
        from mfenvd.warm.kernels import write_kernel

        return write_kernel(alias.key, python, os.environ, folder)

    def _project(self) -> tuple[ProjectContext, Context]:
        from mfenvd.cli import oneshot
        from mfenvd.cli.resolve import project_context
        from mfenvd.cli.shell import shell_for
        from mfenvd.paths import find_paths

        folders = find_paths()
        shell = shell_for((), folders)
        project = project_context(shell, folders)
        return project, oneshot.context_for(project.facts.root, shell, folders, trusted=self._trust)

    def _report(self, step: Progress) -> None:
        if step.stage != self._said:
            self._said = step.stage
            self._say(step.stage)


def _asks_for_kernel(folder: Path, environment: SharedEnvironment) -> Path:
    """A file that asks for ipykernel, of the kind that the environment's other packages are of."""
    of_wheels = environment.kind == "pypi-only"
    file = folder / ("requirements.txt" if of_wheels else "environment.yml")
    file.write_text("ipykernel\n" if of_wheels else "dependencies:\n  - ipykernel\n", "utf-8")
    return file


def _holds_something(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def _emptied(folder: Path) -> Path:
    """The folder, there and empty."""
    if _holds_something(folder):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _to_people(text: str) -> None:
    sys.stderr.write(f"{text} …\n")


def _nothing(text: str) -> None:
    del text
