"""`mfenv resolve` where metaflow-netflixext is: what `metaflow environment resolve` does with the same options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mfenvd.cli.errors import (
    AliasIsTakenError,
    ExtensionRefusesError,
    ManifestUnusableError,
    NotAnAliasError,
    NotForExtensionError,
    NotSharedHereError,
)
from mfenvd.domain.alias import Alias, BadAliasError, parse_alias
from mfenvd.domain.arch import Arch
from mfenvd.domain.plan import Environment, Plan
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.state import State
from mfenvd.domain.verdict import Verdict

if TYPE_CHECKING:
    from mfenvd.cli.oneshot import Checked
    from mfenvd.domain.sharing import Asked, AskedEnvironment
    from mfenvd.flows.extension_requests import Described
    from mfenvd.flows.project_context import ProjectContext
    from mfenvd.sharing import Shared, Team

Settle = Callable[[Plan], "Checked"]
TeamOf = Callable[[str, Indexes], "Team"]
_FLAGS = {".yml": "-f", ".yaml": "-f", ".toml": "-p"}


@dataclass(frozen=True)
class Sharing:
    """The options that `metaflow environment resolve` has beside those that say what to resolve.

    Attributes:
        aliases: What the environment is called from now on.
        using: An environment that is extended: an alias or ids.
        using_pathspec: Likewise, the one of a step that ran.
        from_: An environment whose requirements are taken.
        from_pathspec: Likewise, those of a step that ran.
        force: Whether what is resolved already is resolved again.
        dry_run: Whether nothing is written.
        local_only: Whether other environments are looked for on this machine alone.
        set_default: Whether flows that ask for the same get it; None means what the extension does: yes.
        without_pins: Whether Metaflow's own packages are left out.
    """

    aliases: list[str] = field(default_factory=list)
    using: str | None = None
    using_pathspec: str | None = None
    from_: str | None = None
    from_pathspec: str | None = None
    force: bool = False
    dry_run: bool = False
    local_only: bool = False
    set_default: bool | None = None
    without_pins: bool = False

    @property
    def is_asked_for(self) -> bool:
        """Whether there is an option that only the extension can make sense of."""
        others = (self.using, self.using_pathspec, self.from_, self.from_pathspec, self.set_default)
        return bool(self.aliases or self.local_only or self.without_pins) or any(each is not None for each in others)

    @property
    def has_begin(self) -> bool:
        """Whether it begins with another environment, so that no file need say anything."""
        return any((self.using, self.using_pathspec, self.from_, self.from_pathspec))

    def options(self) -> list[str]:
        """As the extension takes them; what it does after resolving is ours."""
        named = {
            "--using": self.using, "--using-pathspec": self.using_pathspec,
            "--from": self.from_, "--from-pathspec": self.from_pathspec,
        }  # fmt: skip
        given = [part for name, value in named.items() if value is not None for part in (name, value)]
        flags = {
            "--force": self.force, "--local-only": self.local_only, "--skip-metaflow-deps": self.without_pins
        }  # fmt: skip
        return [*given, *(name for name, value in flags.items() if value)]


@dataclass(frozen=True)
class Resolved:
    """What came of it: verdicts, one for each arch, and what was written down; None where nothing was."""

    verdicts: tuple[Verdict, ...]
    shared: Shared | None = None


def aliases_of(sharing: Sharing) -> tuple[Alias, ...]:
    """The names that are to be given.

    Raises:
        NotAnAliasError: One of them cannot be given.
    """
    found = []
    for text in sharing.aliases:
        try:
            alias = parse_alias(text)
        except BadAliasError as error:
            raise NotAnAliasError(str(error), error.fix) from None
        if not alias.can_be_given:
            raise NotAnAliasError(f"`{text}` is a name that Metaflow gives.", "Write a name as in `team/env:v1`.")
        found.append(alias)
    return tuple(found)


def what_to_resolve(files: Sequence[Path], python: str | None, archs: Sequence[Arch]) -> list[str]:
    """As the extension takes it.

    Raises:
        NotForExtensionError: It takes one file of a kind, or does not know an arch.
    """
    given: dict[str, str] = {}
    for file in files:
        flag = _FLAGS.get(file.suffix, "-r")
        if flag in given:
            raise NotForExtensionError(f"{given[flag]} and {file} are files of one kind")
        given[flag] = str(file.absolute())
    options = [part for pair in given.items() for part in pair]
    options += ["--python", python] if python is not None else []
    return options + [part for arch in archs for part in ("--arch", str(arch))]


def ask(
    context: ProjectContext,
    options: Sequence[str],
    environ: dict[str, str],
    *,
    meanwhile: Callable[[], object] = lambda: None,
) -> Asked:
    """The extension's answer, that of before where it would say the same again.

    Args:
        context: Of the project.
        options: As the extension takes them.
        environ: Variables besides those of the project.
        meanwhile: What is done while it is asked, if it has to be.

    Raises:
        CommandError: There is none.
    """
    import time
    from concurrent.futures import ThreadPoolExecutor

    from mfenvd.answers import Answers, Question
    from mfenvd.paths import find_paths
    from mfenvd.warm.netflixext import asking

    if context.launcher is None:
        raise NotSharedHereError("the Python that starts the flows is not known")
    answers = Answers(Path(find_paths().cache))
    question = Question(tuple(options), context.launcher, environ, context.watched)
    known, now = answers.find(question), time.time()
    if known is not None:
        return known
    pool = ThreadPoolExecutor(1, "ask")
    try:
        asked = pool.submit(asking.ask, options, context.launcher, environ)
        meanwhile()
        answer = asked.result()
    except asking.RefusedError as error:
        raise ExtensionRefusesError(error.reason, is_usage=error.is_usage) from None
    except asking.NotAskedError as error:
        raise NotSharedHereError(error.reason) from None
    finally:
        pool.shutdown(wait=False)  # after Ctrl-C nobody waits for the answer
    answers.keep(question, answer, now)
    return answer.asked


def resolve_shared(  # noqa: PLR0913 - all that decides
    asked: Asked,
    like: Environment,
    context: ProjectContext,
    settle: Settle,
    *,
    sharing: Sharing,
    team: TeamOf | None = None,
) -> Resolved:
    """Resolves what the extension asked for, and writes it down once all of it is resolved.

    Args:
        asked: The extension's answer.
        like: What mfenv read of the same.
        context: Of the project.
        settle: Resolves.
        sharing: What the command line says of names, and of writing down.
        team: Opens the team's bucket, by its root and by the indexes that packages come from; None leaves it alone.

    Raises:
        CommandError: It cannot be written down.
    """
    from mfenvd.flows.extension_requests import described

    found = {one.arch: described(one, like, context) for one in asked.environments if one.full_id is None}
    environments = [each.environment for each in found.values()]
    bases = [each.base for each in found.values() if each.base is not None and each.environment.request is not None]
    plan = Plan(context.facts.root, (*environments, *bases))
    settled = {(one.target.arch, one.env): one for one in settle(plan).verdicts} if found else {}
    verdicts = tuple(
        _verdict(found[one.arch], settled) if one.arch in found else _known(one, like) for one in asked.environments
    )
    whole = all(verdict.state is State.RESOLVED and verdict.packages for verdict in verdicts)
    if not whole or sharing.dry_run:
        return Resolved(verdicts)
    packages = {str(verdict.target.arch): verdict.packages for verdict in verdicts}
    requests = [environment.request for environment in environments if environment.request is not None]
    indexes = requests[0].pypi.indexes if requests else Indexes()
    opened = partial(team, asked.root or "", indexes) if team is not None and not sharing.local_only else None
    return Resolved(verdicts, _share(asked, packages, sharing, context.facts.environ, opened))


def _share(
    asked: Asked,
    packages: Mapping[str, Sequence[LockedPackage]],
    sharing: Sharing,
    environ: Mapping[str, str],
    team: Callable[[], Team] | None,
) -> Shared:
    from mfenvd.paths import find_paths
    from mfenvd.shared_environments import AliasTakenError
    from mfenvd.sharing import share
    from mfenvd.warm.lines import NotAnEntryError
    from mfenvd.warm.netflixext.recording import username
    from mfenvd.warm.shared_file import ManifestError

    aliases, is_default = aliases_of(sharing), sharing.set_default is not False
    try:
        return share(
            asked,
            packages,
            aliases,
            is_default=is_default,
            user=username(environ),
            cache_dir=Path(find_paths().cache),
            team=team,
        )
    except AliasTakenError as error:
        raise AliasIsTakenError(str(error)) from None
    except NotAnEntryError as error:
        raise NotSharedHereError(f"the extension's manifest has no words for it: {error}") from None
    except ManifestError as error:
        raise ManifestUnusableError(asked.manifest, error.reason) from None


def _verdict(described: Described, settled: Mapping[tuple[Arch, str], Verdict]) -> Verdict:
    """Of the wheels with the conda packages that they go into, as one environment."""
    environment = described.environment
    arch = environment.targets[0].target.arch
    verdict = settled[arch, environment.env]
    base = settled.get((arch, described.base.env)) if described.base is not None else None
    if base is None:
        return verdict
    held = next((package.version for package in base.packages if package.name == "python"), verdict.target.python)
    return msgspec.structs.replace(
        verdict,
        target=msgspec.structs.replace(verdict.target, python=held),
        state=base.state if verdict.state is State.RESOLVED else verdict.state,
        packages=(*verdict.packages, *base.packages),
        findings=(*verdict.findings, *base.findings),
    )


def _known(one: AskedEnvironment, like: Environment) -> Verdict:
    """Of an environment that is taken as it is."""
    from mfenvd.domain.target import Target
    from mfenvd.warm.netflixext.entries import resolution_of

    target = Target(Arch(one.arch), like.python or "3")
    packages = resolution_of(one.entry or {"packages": []}, target, one.request).packages
    held = next((package.version for package in packages if package.name == "python"), target.python)
    return Verdict(
        source=like.source,
        flow=None,
        step=None,
        env=like.env,
        target=msgspec.structs.replace(target, python=held),
        reasons=("resolved before",),
        state=State.RESOLVED,
        packages=packages,
        kind=one.env_type,
    )


def overrides(glibc: str | None, cuda: str | None) -> dict[str, str]:
    """The variables that tell conda and the extension what the machine offers."""
    given = {"CONDA_OVERRIDE_GLIBC": glibc, "CONDA_OVERRIDE_CUDA": cuda}
    return {name: value for name, value in given.items() if value is not None}


def is_started_by_project(context: ProjectContext) -> bool:
    """Whether asking would run a program that the project brought along."""
    return context.launcher is not None and context.launcher.by_project
