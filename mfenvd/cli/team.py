"""The team's bucket as `mfenv resolve --alias` and `mfenv env alias` write to it, with what people see of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mfenvd.domain.alias import Alias
    from mfenvd.domain.finding import Finding
    from mfenvd.domain.request import Indexes
    from mfenvd.domain.resolver import Context, Progress
    from mfenvd.team_bucket import Amount
    from mfenvd.team_environments import TeamEnvironments
    from mfenvd.warm.netflixext.manifest import Wanted


def team_environments(root: str, context: Context, indexes: Indexes, *, quiet: bool) -> TeamEnvironments:
    """What the bucket of the project knows of environments.

    Args:
        root: Where the extension keeps them.
        context: Of the project.
        indexes: Those that packages come from, with their credentials.
        quiet: Whether nothing is shown.

    Raises:
        NotSharedWithTeamError: mfenv does not write there.
    """
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.cli.transfers import transfers
    from mfenvd.team_environments import TeamEnvironments

    said: set[str] = set()

    def report(step: Progress) -> None:
        if not quiet and step.stage not in said:
            said.add(step.stage)
            sys.stderr.write(f"{step.stage} …\n")

    @contextmanager
    def bar(amount: Amount) -> Iterator[Callable[[int], None]]:
        with transfers(this_terminal(), "uploading", amount.objects, amount.size, quiet=quiet) as shown:
            yield shown.advance

    return TeamEnvironments(root, context, indexes, report, bar)


def named_in_team(
    wanted: tuple[Wanted, ...], alias: Alias, *, quiet: bool
) -> tuple[tuple[Wanted, ...], tuple[Finding, ...]]:
    """Calls an environment so in the bucket of the working directory's project.

    Args:
        wanted: Its entries, one for each arch.
        alias: Its new name.
        quiet: Whether nothing is shown.

    Returns:
        The entries with where their packages are, and what others do not get. Where there is no bucket, `wanted`.

    Raises:
        AliasTakenError: There it is another environment's, and not one that moves.
    """
    from mfenvd.buckets import bucket_of, extension_bucket_of
    from mfenvd.cli.mirror_sync import project_of_cwd
    from mfenvd.domain.request import Indexes
    from mfenvd.sharing import NotSharedWithTeamError, here_only, with_team

    context = project_of_cwd()
    if bucket_of(context) is None:
        return wanted, ()
    bucket = extension_bucket_of(context)
    root = bucket.url if bucket is not None else "the datastore"
    ids = (wanted[0].id.req, wanted[0].id.full)
    try:
        team = team_environments(root, context, Indexes(), quiet=quiet)
        return with_team(team, ids, wanted, {}, [alias]), ()
    except NotSharedWithTeamError as error:
        return wanted, (here_only([alias], root, error.reason),)


def of_datastore(alias: Alias) -> tuple[Wanted, ...]:
    """What the datastore of the working directory's project has by that name: a folder of this machine, or a bucket."""
    from mfenvd.cli.shared import metaflow_configuration
    from mfenvd.warm.netflixext.alias_files import AliasFiles, local_root

    return AliasFiles(local_root(metaflow_configuration())).find(alias) or of_team(alias)


def of_team(alias: Alias) -> tuple[Wanted, ...]:
    """What the bucket of the working directory's project has by that name; nothing where there is none, or no bucket.

    A bucket that does not answer has nothing: what the manifest says counts.
    """
    from mfenvd.buckets import extension_bucket_of
    from mfenvd.cli.mirror_sync import project_of_cwd
    from mfenvd.domain.request import Indexes
    from mfenvd.sharing import NotSharedWithTeamError

    context = project_of_cwd()
    bucket = extension_bucket_of(context)
    if bucket is None:
        return ()
    try:
        return team_environments(bucket.url, context, Indexes(), quiet=True).find(alias)
    except NotSharedWithTeamError:
        return ()
