"""`mfenv mirror push`, `pull` and `verify`: done by the command itself, with or without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from mfenvd.cli.exit_codes import ExitCode
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
    done = _each("uploading", lambda bucket: bucket.waiting(), lambda bucket, _: bucket.push(), quiet=json)
    for terminal, one in _told(done, json=json):
        terminal.say(f"{_text(one.sent)} uploaded to {one.bucket}; {_text(one.waiting)} wait.")
        _list(terminal, "it had lost", one.lost)
    if any(one.waiting.objects for one in done):
        raise typer.Exit(ExitCode.UNKNOWN)


def pull(*, json: JsonFlag = False) -> None:
    """Fetch from the bucket of the project here what it has and this machine does not.

    What it has is what this machine knows to be there, and what the daemon has resolved for the project. Exit code: 0
    all came, 1 the bucket does not have all of it, 3 it cannot be read.
    """
    done = _each(
        "fetching",
        lambda bucket: bucket.mirrored(),
        lambda bucket, context: bucket.pull(_resolved(context)),
        quiet=json,
    )
    for terminal, one in _told(done, json=json):
        terminal.say(f"{_text(one.fetched)} fetched from {one.bucket}; {_text(one.here)} were here.")
        _list(terminal, "not there", one.missing)
    if any(one.findings for one in done):
        raise typer.Exit(ExitCode.UNKNOWN)
    if any(one.missing for one in done):
        raise typer.Exit(ExitCode.FINDINGS)


def verify(*, json: JsonFlag = False) -> None:
    """Compare the bucket of the project here with this machine by hash, and mend whichever is wrong.

    Exit code: 0 all is right, or is now, 3 something could not be mended.
    """
    done = _each("comparing", lambda bucket: bucket.mirrored(), lambda bucket, _: bucket.verify(), quiet=json)
    for terminal, one in _told(done, json=json):
        terminal.say(f"{one.objects} packages of {one.bucket} compared; {_text(one.sent)} uploaded again.")
        _list(terminal, "were wrong there", one.lost)
        _list(terminal, "were wrong here", one.mended)
    if any(one.findings or one.sent.objects < len(one.lost) for one in done):
        raise typer.Exit(ExitCode.UNKNOWN)


def _each(
    what: str, extent: Callable[[TeamBucket], Amount], work: Callable[[TeamBucket, Context], _Done], *, quiet: bool
) -> list[_Done]:
    """What `work` did with each bucket of the working directory's project, while a bar moves with it."""
    from mfenvd.buckets import extension_bucket_of
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.cli.transfers import transfers
    from mfenvd.domain.layouts import core_key_of, extension_key_of
    from mfenvd.team_bucket import TeamBucket

    context, bucket = this_project()
    extension, terminal, done = extension_bucket_of(context), this_terminal(), []
    for each, key_of in ((bucket, core_key_of), (extension, extension_key_of)):
        if each is None:
            continue
        with closing(TeamBucket(each, context.cache_dir)) as before:
            if each is extension and not before.is_used:
                continue
            amount = extent(before)
        with (
            transfers(terminal, what, amount.objects, amount.size, quiet=quiet) as bar,
            closing(TeamBucket(each, context.cache_dir, bar.advance, key_of)) as team,
            _problems_as_findings(),
        ):
            done.append(work(team, context))
    return done


def this_project() -> tuple[Context, Bucket]:
    """The project of the working directory, and its bucket.

    Raises:
        NoBucketError: It has none.
    """
    from mfenvd.buckets import bucket_of
    from mfenvd.cli.errors import NoBucketError

    context = project_of_cwd()
    bucket = bucket_of(context)
    if bucket is None:
        raise NoBucketError(context.root, trusted=context.trusted)
    return context, bucket


def project_of_cwd() -> Context:
    """The project of the working directory; trusted if the daemon knows it as that."""
    from mfenvd.cli.oneshot import context_for, trusted_roots
    from mfenvd.client.shell import this_shell
    from mfenvd.flows.project import project_root
    from mfenvd.paths import find_paths

    folders, root = find_paths(), str(project_root(Path.cwd()))
    return context_for(root, this_shell(), folders, trusted=root in trusted_roots(folders))


def known_here() -> str | None:
    """What this machine knows of the bucket of the project here, which is not asked; None without a bucket."""
    from mfenvd.cli.errors import NoBucketError
    from mfenvd.team_bucket import TeamBucket

    try:
        context, bucket = this_project()
    except NoBucketError:
        return None
    with closing(TeamBucket(bucket, context.cache_dir)) as team:
        return f"{_text(team.mirrored())} were seen in {bucket.url}; {_text(team.waiting())} wait for their upload."


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


@contextmanager
def _problems_as_findings() -> Iterator[None]:
    """What the bucket or the store refuses, as people are told of it.

    Raises:
        FindingError: It refused.
    """
    from mfenvd.cli.errors import FindingError
    from mfenvd.store.bucket_findings import bucket_finding
    from mfenvd.store.errors import StoreProblem
    from mfenvd.store.findings import finding_of
    from mfenvd.store.object_errors import ObjectStoreProblem

    try:
        yield
    except ObjectStoreProblem as problem:
        raise FindingError(bucket_finding(problem.place, problem)) from None
    except StoreProblem as problem:
        raise FindingError(finding_of(problem)) from None


def _told(done: list[_Done], *, json: bool) -> Iterator[tuple[Terminal, _Done]]:
    """What was done with each bucket, to be told to people; nothing where JSON was asked for, which is printed here."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    if json:
        print_json({"buckets": done})
        return
    terminal = this_terminal()
    for one in done:
        for finding in one.findings:
            terminal.say(f"{finding.code}: {finding.message}")
            if finding.fix:
                terminal.hint(f"fix: {finding.fix}")
        yield terminal, one


def _list(terminal: Terminal, label: str, names: tuple[str, ...]) -> None:
    if names:
        terminal.fact(label, "\n".join(names), width=16)


def _text(amount: Amount) -> str:
    from mfenvd.cli.transfers import bytes_as_text

    return f"{amount.objects} package{'' if amount.objects == 1 else 's'} ({bytes_as_text(amount.size)})"
