"""`mfenv hydrate`: an environment of what the bucket holds and nothing else."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfenvd.cli.check import TrustFlag
from mfenvd.cli.completing import complete_alias
from mfenvd.cli.help import ONE_SHOT, examples
from mfenvd.cli.options import JsonFlag

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.domain.alias import Alias
    from mfenvd.domain.arch import Arch
    from mfenvd.domain.history import ManifestPackages
    from mfenvd.domain.mirror import Bucket
    from mfenvd.domain.resolver import Context, Progress
    from mfenvd.hydrating import Described
    from mfenvd.warm.plan import Report

Name = Annotated[
    str,
    typer.Argument(metavar="ENV", help="An id, FLOW/STEP, or team/project/env:v1.", autocompletion=complete_alias),
]
Into = Annotated[
    Path | None,
    typer.Option("--into", metavar="DIR", help="Where to make it.", show_default="a folder of mfenv's cache"),
]

_CORE_ID = re.compile(r"[0-9a-f]{15}")


def add_to(app: typer.Typer) -> None:
    app.command(
        rich_help_panel=ONE_SHOT, epilog=examples("mfenv hydrate TrainFlow/start", "mfenv hydrate team/env:v1")
    )(hydrate)


def hydrate(name: Name, *, into: Into = None, trust: TrustFlag = False, json: JsonFlag = False) -> None:
    """Make an environment here of what the team's bucket holds, as a remote task would: no index, no channel, no cache.

    Exit code: 0 made, 1 it is not known or the bucket does not have all of it.
    """
    from mfenvd.cli.errors import NotMadeHereError
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.mirror_sync import this_project
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.hydrating import hydrate as hydrated
    from mfenvd.hydrating import hydrated_folder
    from mfenvd.warm.plan import NotMadeError

    context, bucket = this_project()
    terminal = this_terminal()
    described = _described(name, context, bucket)
    folder = into.absolute() if into is not None else hydrated_folder(context.cache_dir)
    try:
        prefix = hydrated(described, folder, _silent if json else _report(terminal), trusted=trust or context.trusted)
    except NotMadeError as error:
        raise NotMadeHereError(error.finding) from None
    if json:
        print_json({"id": described.id, "bucket": described.bucket.url, "prefix": str(prefix)})
        return
    terminal.say(f"{name} is at {prefix}, made of what {described.bucket.url} holds.")
    terminal.hint(f"Its Python is {prefix / 'bin' / 'python'}.")


def _described(name: str, context: Context, bucket: Bucket) -> Described:
    """The environment of that name, of this machine's arch.

    Raises:
        NotInBucketError: Nobody knows it.
    """
    from mfenvd.cli.errors import NotInBucketError
    from mfenvd.domain.arch import Arch
    from mfenvd.warm.lines import NotAnEntryError

    arch = Arch(context.local_arch)
    try:
        described = _by_core(name, context, arch, bucket) or _by_extension(name, context, arch)
    except NotAnEntryError as error:
        raise NotInBucketError(name, f"its description cannot be read ({error})") from None
    if described is None:
        raise NotInBucketError(name, f"no manifest here and no alias in the bucket names it for {arch}")
    return described


def _by_core(name: str, context: Context, arch: Arch, bucket: Bucket) -> Described | None:
    """By the manifests at and above the working directory, which a code package brings to a task."""
    from mfenvd.cli.errors import SeveralEnvironmentsError
    from mfenvd.hydrating import core_ids, described_by_core

    contents = _manifests(context)
    if _CORE_ID.fullmatch(name):
        found = [one for each in contents.values() if (one := described_by_core(each, name, arch, bucket))]
        return next(iter(found), None)
    flow, _, step = name.partition("/")
    if flow not in contents:
        return None
    held = _held_of_step(flow, step, context, arch) if step else ()
    ids = tuple(dict.fromkeys(one.id for one in held)) or tuple(core_ids([contents[flow]], arch))
    if len(ids) > 1:
        raise SeveralEnvironmentsError(name, ids)
    return described_by_core(contents[flow], ids[0], arch, bucket) if ids else None


def _manifests(context: Context) -> dict[str, Mapping[str, Any]]:
    """By flow; of several the nearest."""
    from mfenvd.cli.errors import ManifestUnusableError
    from mfenvd.warm.core import manifest
    from mfenvd.warm.core.known import local_roots

    found: dict[str, Mapping[str, Any]] = {}
    for root in local_roots([Path.cwd()], context.surroundings.environ):
        for path in sorted(root.glob("*/conda.manifest")):
            try:
                found.setdefault(path.parent.name, manifest.read(path))
            except manifest.ManifestError as error:
                raise ManifestUnusableError(str(path), error.reason) from None
    return found


def _held_of_step(flow: str, step: str, context: Context, arch: Arch) -> tuple[ManifestPackages, ...]:
    """What Metaflow's manifests have for the step, as the daemon has asked it; nothing without a daemon."""
    from mfenvd.client import calls
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError
    from mfenvd.paths import find_paths

    connection = Connection(find_paths().socket)
    try:
        verdicts = connection.status(context.root).verdicts
        wanted = [one for one in verdicts if (one.flow, one.step, one.target.arch) == (flow, step, arch)]
        manifests = [held for one in wanted for held in connection.call(calls.history(one.id)).manifests]
    except ClientError:
        return ()
    return tuple(held for held in manifests if held.platform == arch)


def _by_extension(name: str, context: Context, arch: Arch) -> Described | None:
    """By what metaflow-netflixext keeps in the bucket."""
    from mfenvd.buckets import extension_bucket_of
    from mfenvd.cli.errors import FindingError
    from mfenvd.domain.alias import BadAliasError, parse_alias
    from mfenvd.hydrating import described_in_bucket
    from mfenvd.store.bucket_findings import bucket_finding
    from mfenvd.store.object_errors import ObjectStoreProblem

    bucket = extension_bucket_of(context)
    if bucket is None:
        return None
    try:
        return described_in_bucket(_alias_of_step(name, context, arch) or parse_alias(name), arch, bucket)
    except BadAliasError:
        return None
    except ObjectStoreProblem as problem:
        raise FindingError(bucket_finding(bucket.url, problem)) from None


def _alias_of_step(name: str, context: Context, arch: Arch) -> Alias | None:
    """The ids of what the extension's manifest has for `FLOW/STEP`; None where it is no step, or not known."""
    from mfenvd.domain.alias import Alias, AliasKind, parse_alias
    from mfenvd.shared_environments import SharedEnvironments
    from mfenvd.warm.netflixext.manifest import ManifestError

    flow, _, step = name.partition("/")
    for held in _held_of_step(flow, step, context, arch) if step else ():
        with contextlib.suppress(ManifestError):
            found = SharedEnvironments(Path(held.path)).find(parse_alias(held.id))
            if found is not None:
                return Alias(AliasKind.IDS, f"{found.request}:{found.full_id}")
    return None


def _report(terminal: Terminal) -> Report:
    """Each stage once, on standard error."""
    said: list[str] = []

    def report(progress: Progress) -> None:
        if progress.stage not in said:
            said.append(progress.stage)
            terminal.hint(progress.stage)

    return report


def _silent(progress: Progress) -> None:
    """For `--json`."""
