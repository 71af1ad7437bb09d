"""`mfenv cache`: the packages' files of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfenvd.cli.help import examples
from mfenvd.cli.housekeeping import PANEL, DryRunFlag
from mfenvd.cli.options import JsonFlag
from mfenvd.domain.settings import CacheSettings
from mfenvd.domain.words import Tone

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.package_cache import PackageCache, Shrunk, Usage
    from mfenvd.store.eviction import Trimmed

cache_app = typer.Typer(name="cache", no_args_is_help=True, pretty_exceptions_enable=False)

_DAY = 24 * 3600.0
_EVERYTHING = CacheSettings(max_size=0)


def add_to(app: typer.Typer) -> None:
    """Adds `mfenv cache` to the commands."""
    app.add_typer(
        cache_app,
        help="See, check and empty what is kept of packages on this machine.",
        epilog=examples("mfenv cache info", "mfenv cache gc --max-size 5GiB", "mfenv cache verify"),
        rich_help_panel=PANEL,
    )


def _size_of(text: str) -> int:
    from mfenvd.flows.setting_values import parse_size

    size = parse_size(text)
    if size is None:
        raise typer.BadParameter("write it as in 20GiB (KiB, MiB, GiB)")
    return size


def _age_of(text: str) -> float:
    from mfenvd.flows.setting_values import parse_duration

    age = parse_duration(text)
    if age is None:
        raise typer.BadParameter("write it as in '90 days' (hours, days, weeks)")
    return age


MaxSizeOption = Annotated[
    int | None,
    typer.Option(metavar="SIZE", parser=_size_of, help="Keep so much, as 5GiB.", show_default="as configured"),
]
MaxAgeOption = Annotated[
    float | None,
    typer.Option(metavar="AGE", parser=_age_of, help="Keep for so long, as '90 days'.", show_default="as configured"),
]


@cache_app.command(epilog=examples("mfenv cache info", "mfenv cache info --json"))
def info(*, json: JsonFlag = False) -> None:
    """Show how much is kept, what of it is needed, and what the limits are."""
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    usage = _cache().usage()
    if json:
        print_json(usage)
    else:
        _tell_usage(this_terminal(), usage)


@cache_app.command(epilog=examples("mfenv cache gc --dry-run", "mfenv cache gc --max-size 5GiB --max-age '30 days'"))
def gc(
    *,
    max_size: MaxSizeOption = None,
    max_age: MaxAgeOption = None,
    dry_run: DryRunFlag = False,
    json: JsonFlag = False,
) -> None:
    """Remove packages' files that exceed the limits, the least recently used first.

    What an environment refers to stays, what waits for its upload, and what was asked for in the last hours. The daemon
    does the same once a day.
    """
    cache = _cache()
    limits = CacheSettings(
        cache.limits.max_size if max_size is None else max_size,
        cache.limits.max_age if max_age is None else max_age,
    )
    _tell_shrunk(cache.shrink(limits, dry_run=dry_run), json=json)


@cache_app.command(epilog=examples("mfenv cache clear --dry-run", "mfenv cache clear"))
def clear(*, dry_run: DryRunFlag = False, json: JsonFlag = False) -> None:
    """Remove all packages' files that can go: as `mfenv cache gc` with limits of nothing."""
    _tell_shrunk(_cache().shrink(_EVERYTHING, young=0, dry_run=dry_run), json=json)


@cache_app.command(epilog=examples("mfenv cache verify", "mfenv cache verify --json"))
def verify(*, json: JsonFlag = False) -> None:
    """Read every file and compare its sha256. Exit code: 0 all are right, 1 some are damaged.

    Damaged files are set aside, and fetched again when they are wanted.
    """
    from mfenvd.cli.exit_codes import ExitCode
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal
    from mfenvd.cli.transfers import transfers

    cache, terminal = _cache(), this_terminal()
    stored = cache.usage().stored
    with transfers(terminal, "reading", stored.files, stored.size, quiet=json) as bar:
        verified = cache.verify(lambda entry, _: bar.advance(entry.size))
    if json:
        print_json(verified)
    else:
        for filename in verified.damaged:
            terminal.say(f"{filename}: damaged, set aside", style=Tone.BAD.value)
        terminal.say(f"{_amount(verified.files)} read; {len(verified.damaged)} damaged.")
    if verified.damaged:
        raise typer.Exit(ExitCode.FINDINGS)


def _cache() -> PackageCache:
    from mfenvd.cli.oneshot import context_for, trusted_roots
    from mfenvd.client.shell import this_shell
    from mfenvd.flows.project import project_root
    from mfenvd.housekeeping import Housekeeping
    from mfenvd.paths import find_paths

    folders, root = find_paths(), str(project_root(Path.cwd()))
    context = context_for(root, this_shell(), folders, trusted=root in trusted_roots(folders))
    return Housekeeping(context).cache


def _tell_usage(terminal: Terminal, usage: Usage) -> None:
    from mfenvd.cli.transfers import bytes_as_text

    age = "" if usage.limits.max_age is None else f", unused for {usage.limits.max_age / _DAY:g} days at most"
    terminal.say(f"{_amount(usage.stored)} of wheels and conda archives")
    terminal.fact("limit", bytes_as_text(usage.limits.max_size) + age)
    terminal.fact("needed", f"{_amount(usage.linked)} by environments, {_amount(usage.waiting)} by uploads")
    terminal.fact("in use", f"{_amount(usage.in_use)} in the last hours")
    if usage.quarantined.files:
        terminal.fact("set aside", f"{_amount(usage.quarantined)}, damaged")
    terminal.print("")
    for part in usage.parts:
        terminal.fact(part.name, f"{bytes_as_text(part.size):>10}  {part.path}", indent=0, width=14)


def _tell_shrunk(shrunk: Shrunk, *, json: bool) -> None:
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    if json:
        print_json(shrunk)
        return
    done = "would be removed" if shrunk.dry_run else "removed"
    extracted = f", and {len(shrunk.extracted)} extracted conda packages" if shrunk.extracted else ""
    this_terminal().say(f"{_amount(shrunk.files)}{extracted} {done}.")
    for prefix in shrunk.hydrated:
        this_terminal().say(f"{prefix}: removed.")


def _amount(files: Trimmed) -> str:
    from mfenvd.cli.transfers import bytes_as_text

    return f"{files.files} file{'' if files.files == 1 else 's'} ({bytes_as_text(files.size)})"
