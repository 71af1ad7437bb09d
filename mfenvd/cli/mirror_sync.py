"""`mfenv mirror push`, `pull` and `verify`: done by the command itself, with or without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from mfenvd.cli.help import examples
from mfenvd.cli.options import JsonFlag

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.domain.mirror import Bucket
    from mfenvd.domain.resolution import LockedPackage
    from mfenvd.domain.resolver import Context
    from mfenvd.team_bucket import Amount, Compared, Pulled, Pushed, TeamBucket

    _Done = TypeVar("_Done", Pushed, Pulled, Compared)


def add_to(app: typer.Typer) -> None:
    """Adds them to the commands of `mfenv mirror`."""
    app.command(epilog=examples("mfenv mirror push", "mfenv mirror push --json"))(push)
    app.command(epilog=examples("mfenv mirror pull", "mfenv mirror pull --json"))(pull)
    app.command(epilog=examples("mfenv mirror verify", "mfenv mirror verify --json"))(verify)


def push(*, json: JsonFlag = False) -> None:
    """Upload now what waits for the bucket of the project here, and what the bucket lost.

    Exit code: 0 nothing waits any more, 3 something does.
    """
    with _opened("uploading", lambda one: one.waiting(), quiet=json) as (terminal, bucket, _):
        done = _done(bucket.push)
    _tell(terminal, done, json=json)
    if not json:
        terminal.say(f"{_text(done.sent)} uploaded to {done.bucket}; {_text(done.waiting)} wait.")
        _list(terminal, "it had lost", done.lost)
    if done.waiting.objects:
        raise typer.Exit(3)


def pull(*, json: JsonFlag = False) -> None:
    """Fetch from the bucket of the project here what it has and this machine does not.

    What it has is what this machine knows to be there, and what the daemon has resolved for the project. Exit code: 0
    all came, 1 the bucket does not have all of it, 3 it cannot be read.
    """
    with _opened("fetching", lambda one: one.mirrored(), quiet=json) as (terminal, bucket, context):
        done = _done(lambda: bucket.pull(_resolved(context)))
    _tell(terminal, done, json=json)
    if not json:
        terminal.say(f"{_text(done.fetched)} fetched from {done.bucket}; {_text(done.here)} were here.")
        _list(terminal, "not there", done.missing)
    if done.findings or done.missing:
        raise typer.Exit(3 if done.findings else 1)


def verify(*, json: JsonFlag = False) -> None:
    """Compare the bucket of the project here with this machine by hash, and mend whichever is wrong.

    Exit code: 0 all is right, or is now, 3 something could not be mended.
    """
    with _opened("comparing", lambda one: one.mirrored(), quiet=json) as (terminal, bucket, _):
        done = _done(bucket.verify)
    _tell(terminal, done, json=json)
    if not json:
        terminal.say(f"{done.objects} packages of {done.bucket} compared; {_text(done.sent)} uploaded again.")
        _list(terminal, "were wrong there", done.lost)
        _list(terminal, "were wrong here", done.mended)
    if done.findings or done.sent.objects < len(done.lost):
        raise typer.Exit(3)


@contextmanager
def _opened(
    what: str, extent: Callable[[TeamBucket], Amount], *, quiet: bool
) -> Iterator[tuple[Terminal, TeamBucket, Context]]:
    """The bucket of the working directory's project, and a bar that moves with what is done there."""
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.cli.transfers import transfers
    from mfenvd.team_bucket import TeamBucket

    terminal, (context, bucket) = this_terminal(), this_project()
    before = TeamBucket(bucket, context.cache_dir)
    amount = extent(before)
    before.close()
    with transfers(terminal, what, amount.objects, amount.size, quiet=quiet) as bar:
        team = TeamBucket(bucket, context.cache_dir, bar.advance)
        try:
            yield terminal, team, context
        finally:
            team.close()


def this_project() -> tuple[Context, Bucket]:
    """The project of the working directory, and its bucket.

    Raises:
        NoBucketError: It has none.
    """
    from mfenvd.buckets import bucket_of
    from mfenvd.cli.errors import NoBucketError
    from mfenvd.cli.oneshot import context_for, trusted_roots
    from mfenvd.client.shell import this_shell
    from mfenvd.flows.project import project_root
    from mfenvd.paths import find_paths

    folders, root = find_paths(), str(project_root(Path.cwd()))
    context = context_for(root, this_shell(), folders, trusted=root in trusted_roots(folders))
    bucket = bucket_of(context)
    if bucket is None:
        raise NoBucketError(root, trusted=context.trusted)
    return context, bucket


def _resolved(context: Context) -> tuple[LockedPackage, ...]:
    """What the daemon has resolved for the project; nothing without a daemon."""
    from mfenvd.client.connection import Connection
    from mfenvd.client.errors import ClientError
    from mfenvd.paths import find_paths

    try:
        status = Connection(find_paths().socket).status(context.root)
    except ClientError:
        return ()
    return tuple(package for verdict in status.verdicts for package in verdict.packages)


def _done(work: Callable[[], _Done]) -> _Done:
    """What `work` did.

    Raises:
        FindingError: The bucket or the store refused.
    """
    from mfenvd.cli.errors import FindingError
    from mfenvd.store.bucket_findings import bucket_finding
    from mfenvd.store.errors import StoreProblem
    from mfenvd.store.findings import finding_of
    from mfenvd.store.object_errors import ObjectStoreProblem

    try:
        return work()
    except ObjectStoreProblem as problem:
        raise FindingError(bucket_finding(problem.place, problem)) from None
    except StoreProblem as problem:
        raise FindingError(finding_of(problem)) from None


def _tell(terminal: Terminal, done: _Done, *, json: bool) -> None:
    from mfenvd.cli.json_output import print_json

    if json:
        print_json(done)
        return
    for finding in done.findings:
        terminal.say(f"{finding.code}: {finding.message}")
        if finding.fix:
            terminal.hint(f"fix: {finding.fix}")


def _list(terminal: Terminal, label: str, names: tuple[str, ...]) -> None:
    if names:
        terminal.fact(label, "\n".join(names), width=16)


def _text(amount: Amount) -> str:
    from mfenvd.cli.transfers import bytes_as_text

    return f"{amount.objects} package{'' if amount.objects == 1 else 's'} ({bytes_as_text(amount.size)})"
