"""`mfenv env`: environments that are shared by name, as `metaflow environment` has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfenvd.cli.completing import complete_alias
from mfenvd.cli.env_create import LocalOnly, Pathspec, alias_text, create
from mfenvd.cli.export import Format, FormatOption, OutputOption, write_lock
from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag
from mfenvd.domain.alias import Alias, AliasKind
from mfenvd.domain.arch import Arch

if TYPE_CHECKING:
    from mfenvd.domain.verdict import Verdict
    from mfenvd.shared_environments import SharedEnvironment, SharedEnvironments

env_app = typer.Typer(name="env", no_args_is_help=True, pretty_exceptions_enable=False)


Name = Annotated[
    str,
    typer.Argument(
        metavar="ENV", help="team/project/env:v1, step:Flow/Run/step, or an id.", autocompletion=complete_alias
    ),
]
NewAlias = Annotated[str, typer.Argument(metavar="ALIAS", help="team/project/env:v1; without a tag, latest.")]
ArchOption = Annotated[
    list[Arch] | None,
    typer.Option("--arch", metavar="ARCH", help="Only this arch; may repeat.", show_default="all that it is for"),
]


def add_to(app: typer.Typer) -> None:
    """Adds `mfenv env` to the commands."""
    env_app.command("create", epilog=examples("mfenv env create team/env:v1 --name lab --install-notebook"))(create)
    app.add_typer(
        env_app,
        help="Look at, name, make and fetch environments that are shared by name.",
        epilog=examples(
            "mfenv env list",
            "mfenv env show team/project/env:v1",
            "mfenv env create team/env --name lab --install-notebook",
            "mfenv env get team/env -o pylock.toml",
        ),
        rich_help_panel=ONE_SHOT,
    )


@env_app.command("list", epilog=examples("mfenv env list", "mfenv env list --json"))
def list_all(*, json: JsonFlag = False) -> None:
    """List the environments of metaflow-netflixext's manifest, and those that the configuration names."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.shared import configured_environments, listing, shared_environments
    from mfenvd.cli.terminal import this_terminal

    found, configured = shared_environments(), configured_environments()
    if json:
        print_json({"manifest": str(found.path), "environments": found.all(), "configured": configured})
        return
    terminal = this_terminal()
    if not found.all() and not configured:
        terminal.say(f"No environment is shared here: {terminal.path(str(found.path))} holds none.")
        return
    terminal.print(listing(found.all(), configured))


@env_app.command(
    epilog=examples("mfenv env show team/project/env:v1", "mfenv env show team/env --arch linux-64 --json")
)
def show(
    name: Name,
    *,
    arch: ArchOption = None,
    pathspec: Pathspec = False,
    local_only: LocalOnly = False,
    json: JsonFlag = False,
) -> None:
    """Show what an environment holds on each arch. Exit code: 0 shown, 1 there is none."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.packages_table import packages_table
    from mfenvd.cli.shared import shared_environments
    from mfenvd.cli.terminal import this_terminal

    found = shared_environments()
    name = alias_text(name, pathspec=pathspec)
    _, environment = known_environment(found, name, local_only=local_only)
    verdicts = _verdicts(found, environment, arch or [])
    if json:
        packages = {verdict.target.arch: verdict.packages for verdict in verdicts}
        print_json({"environment": environment, "packages": packages})
        return
    terminal = this_terminal()
    terminal.say(name, style="strong")
    terminal.fact("aliases", ", ".join(environment.aliases) or "none")
    terminal.fact("ids", f"{environment.request}:{environment.full_id}")
    terminal.fact("kind", environment.kind or "unknown")
    terminal.fact("resolved", f"{environment.resolved_on or 'unknown'} by {environment.resolved_by or 'unknown'}")
    terminal.print("")
    terminal.print(packages_table(terminal, verdicts))


@env_app.command(epilog=examples("mfenv env alias team/project/env:candidate team/project/env:v2"))
def alias(name: Name, new: NewAlias, *, pathspec: Pathspec = False, json: JsonFlag = False) -> None:
    """Give an environment another name.

    The tags latest, candidate and stable may move to another environment; a name with any other tag is given once.
    """
    from mfenvd.cli.errors import AliasIsTakenError
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.shared import metaflow_configuration, shared_environments
    from mfenvd.cli.team import named_in_team
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.shared_environments import AliasTakenError
    from mfenvd.warm.netflixext.alias_files import AliasFiles, local_root

    given, config = _alias(new, to_give=True), metaflow_configuration()
    found = shared_environments()
    _, environment = known_environment(found, alias_text(name, pathspec=pathspec))
    try:
        there, findings = named_in_team(found.wanted(environment), given, quiet=json)
        found.give(environment, given, AliasFiles(local_root(config)), there)
    except AliasTakenError:
        raise AliasIsTakenError(str(given)) from None
    if json:
        print_json({"environment": found.find(given), "findings": findings})
        return
    terminal = this_terminal()
    terminal.say(f"{given} is {environment.name}.")
    for finding in findings:
        terminal.say(f"{finding.code}: {finding.message}")
        terminal.hint(f"fix: {finding.fix}")


@env_app.command(epilog=examples("mfenv env get team/project/env:v1", "mfenv env get team/env --format explicit"))
def get(  # noqa: PLR0913 - one parameter per option
    name: Name,
    *,
    format: FormatOption = None,  # noqa: A002 - the option's name
    arch: ArchOption = None,
    output: OutputOption = None,
    pathspec: Pathspec = False,
    local_only: LocalOnly = False,
) -> None:
    """Write an environment down as a lock, as `mfenv export` does. Exit code: 0 written, 1 there is none."""
    from mfenvd.cli.exports.selection import Exported
    from mfenvd.cli.shared import shared_environments

    found = shared_environments()
    name = alias_text(name, pathspec=pathspec)
    verdicts = _verdicts(found, known_environment(found, name, local_only=local_only)[1], arch or [])
    environment = Exported(name, verdicts)
    chosen = format or (Format.PYLOCK if environment.kind == "pypi" else Format.CONDA_LOCK)
    write_lock(environment, chosen, output, archs=arch or [])


def _alias(text: str, *, to_give: bool = False) -> Alias:
    from mfenvd.cli.errors import NotAnAliasError
    from mfenvd.domain.alias import BadAliasError, parse_alias

    try:
        found = parse_alias(text)
    except BadAliasError as error:
        raise NotAnAliasError(str(error), error.fix) from None
    if to_give and not found.can_be_given:
        raise NotAnAliasError(f"`{text}` is a name that Metaflow gives.", "Write a name as in `team/project/env:v1`.")
    return found


def _ids_of_step(step: Alias) -> Alias:
    """The environment that a step ran in, by its ids.

    Raises:
        NotSharedError: Nobody knows the step, or it ran in none.
    """
    from mfenvd.cli.errors import NoStepEnvironmentError
    from mfenvd.cli.resolve import project_context
    from mfenvd.client.shell import this_shell
    from mfenvd.paths import find_paths
    from mfenvd.warm.netflixext.asking import NotAskedError, ask_of_step

    launcher = project_context(this_shell(), find_paths()).launcher
    if launcher is None:
        raise NoStepEnvironmentError(str(step), "the Python that starts the flows is not known")
    try:
        request, full = ask_of_step(step.name, launcher)
    except NotAskedError as error:
        raise NoStepEnvironmentError(str(step), error.reason) from None
    return Alias(AliasKind.IDS, f"{request}:{full}")


def known_environment(
    found: SharedEnvironments, name: str, *, local_only: bool = False
) -> tuple[Alias, SharedEnvironment]:
    """The environment of that name, and the name.

    What the manifest does not know is taken from the datastore, and so is what may lead elsewhere by now. Which
    environment a step ran in, Metaflow's metadata knows.

    Args:
        found: Those of the manifest; what is taken is added.
        name: As people write it.
        local_only: Whether the datastore is left alone.

    Raises:
        NotAnAliasError: It is no name.
        NotSharedError: There is none.
        NoStepEnvironmentError: There is none of that step.
    """
    from difflib import get_close_matches

    from mfenvd.cli.errors import ManifestUnusableError, NotSharedError
    from mfenvd.cli.team import of_datastore
    from mfenvd.paths import find_paths
    from mfenvd.warm.shared_file import ManifestError

    alias = _alias(name)
    environment = found.find(alias)
    wanted = alias
    if environment is None and alias.kind is AliasKind.STEP:
        wanted = _ids_of_step(alias)
        environment = found.find(wanted)
    if not local_only and (environment is None or alias.is_mutable) and (taken := of_datastore(wanted)):
        try:
            found.take(taken, Path(find_paths().cache))
        except ManifestError as error:
            raise ManifestUnusableError(str(found.path), error.reason) from None
        environment = found.find(wanted)
    if environment is None:
        raise NotSharedError(name, str(found.path), get_close_matches(name, found.aliases(), n=2))
    return alias, environment


def _verdicts(found: SharedEnvironments, environment: SharedEnvironment, archs: list[Arch]) -> tuple[Verdict, ...]:
    """As verdicts, which tables and locks are made of.

    Raises:
        OtherArchError: It is not there for one of `archs`.
        ManifestUnusableError: The manifest does not say what a package is.
    """
    from mfenvd.cli.errors import ManifestUnusableError, OtherSharedArchError
    from mfenvd.domain.state import State
    from mfenvd.domain.target import Target
    from mfenvd.domain.verdict import Verdict
    from mfenvd.warm.lines import NotAnEntryError

    missing = next((arch for arch in archs if arch not in environment.archs), None)
    if missing is not None:
        raise OtherSharedArchError(environment.name, missing, list(map(str, environment.archs)))
    try:
        return tuple(
            Verdict(
                source=str(Path(found.path)),
                flow=None,
                step=None,
                env=environment.name,
                target=Target(arch, environment.python or "3"),
                reasons=(),
                state=State.RESOLVED,
                packages=found.packages(environment, arch),
            )
            for arch in environment.archs
            if not archs or arch in archs
        )
    except NotAnEntryError as error:
        raise ManifestUnusableError(str(found.path), str(error)) from None
