"""`mfenv gc`, `adopt` and `repair`: looking after the environments of this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mfenvd.cli.help import examples
from mfenvd.cli.options import JsonFlag, Paths, given_paths

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal
    from mfenvd.housekeeping import Housekeeping
    from mfenvd.warm.adopting import Candidate
    from mfenvd.warm.repairing import Repaired

PANEL = "Environments on this machine"
_DAY = 24 * 3600.0
_MEBIBYTE = 1024 * 1024

DryRunFlag = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")]
DaysOption = Annotated[
    float, typer.Option("--older-than", metavar="DAYS", min=0, help="For how long nobody wanted or used it.")
]


def add_to(app: typer.Typer) -> None:
    app.command("gc", rich_help_panel=PANEL, epilog=examples("mfenv gc --dry-run", "mfenv gc --older-than 3"))(gc)
    app.command(rich_help_panel=PANEL, epilog=examples("mfenv adopt --dry-run", "mfenv adopt"))(adopt)
    app.command(rich_help_panel=PANEL, epilog=examples("mfenv repair --dry-run", "mfenv repair flows/"))(repair)


def gc(*, older_than: DaysOption = 14, dry_run: DryRunFlag = False, json: JsonFlag = False) -> None:
    """Remove environments that nobody has wanted for a while, and what exceeds the store's limit.

    Wanted is what a watched flow asks for, or what ran. Only what mfenv made or adopted is removed, and never what is
    in use. The daemon does the same once a day.
    """
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    collected = _housekeeping().collect(older_than * _DAY, dry_run=dry_run)
    if json:
        print_json(collected)
        return
    terminal = this_terminal()
    for idle in collected.environments.idle:
        days = (time.time() - idle.last_wanted) / _DAY
        what = "in use, stays" if idle.in_use else _done("removed", dry_run=dry_run)
        terminal.say(f"{idle.prefix}: {what} (unused for {days:.0f} days)")
    for prefix in collected.environments.interrupted:
        terminal.say(f"{prefix}: {_done('removed', dry_run=dry_run)} (interrupted)")
    gone = sum(not idle.in_use for idle in collected.environments.idle) + len(collected.environments.interrupted)
    for entry in collected.entries:
        terminal.say(f"{entry.manifest}: {entry.id.req}:{entry.id.full} {_done('removed', dry_run=dry_run)}")
    files, entries = collected.files, len(collected.entries)
    of_manifests = f", {entries} manifest entr{'y' if entries == 1 else 'ies'}" if entries else ""
    terminal.say(
        f"{gone} environment{'' if gone == 1 else 's'}{of_manifests} and "
        f"{files.files} stored file{'' if files.files == 1 else 's'} "
        f"({files.size / _MEBIBYTE:.1f} MiB) {_done('removed', dry_run=dry_run)}."
    )


def adopt(*, dry_run: DryRunFlag = False, json: JsonFlag = False) -> None:
    """Take over the environments that Metaflow made on this machine: they are then looked after like mfenv's own.

    Nothing in them changes. What is unfinished is not taken over; `mfenv repair` mends it.
    """
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    candidates = _housekeeping().adopt(dry_run=dry_run)
    if json:
        print_json({"dry_run": dry_run, "environments": candidates})
        return
    _tell_adopted(this_terminal(), candidates, dry_run=dry_run)


def repair(paths: Paths = None, *, dry_run: DryRunFlag = False, json: JsonFlag = False) -> None:
    """Find environments that an interrupted start of Metaflow left unfinished, and make them anew.

    Metaflow takes such an environment for finished, so every later run fails. What belongs into it is read from the
    manifests (`.metaflow/*/conda.manifest`) at and above the paths; where none tells, it is removed, and Metaflow makes
    it at its next run.
    """
    from mfenvd.cli.json_output import print_json
    from mfenvd.cli.terminal import this_terminal

    repaired = _housekeeping().repair(given_paths(paths), dry_run=dry_run)
    if json:
        print_json({"dry_run": dry_run, "environments": repaired})
        return
    _tell_repaired(this_terminal(), repaired, dry_run=dry_run)


def _housekeeping() -> Housekeeping:
    from mfenvd.cli.oneshot import context_for, trusted_roots
    from mfenvd.client.shell import this_shell
    from mfenvd.flows.project import project_root
    from mfenvd.housekeeping import Housekeeping
    from mfenvd.paths import find_paths

    folders, root = find_paths(), str(project_root(Path.cwd()))
    return Housekeeping(context_for(root, this_shell(), folders, trusted=root in trusted_roots(folders)))


def _tell_adopted(terminal: Terminal, candidates: tuple[Candidate, ...], *, dry_run: bool) -> None:
    for candidate in candidates:
        what = (
            f"not adopted: {', '.join(candidate.problems)}" if candidate.problems else _done("adopted", dry_run=dry_run)
        )
        terminal.say(f"{candidate.prefix}: {what}")
    if not candidates:
        terminal.say("There is no environment that Metaflow made and that mfenv does not look after.")
    elif any(candidate.problems for candidate in candidates):
        terminal.hint("Run `mfenv repair` to mend those that are unfinished.")


def _tell_repaired(terminal: Terminal, repaired: tuple[Repaired, ...], *, dry_run: bool) -> None:
    for each in repaired:
        terminal.say(each.finding.message)
        if each.made:
            terminal.say(f"  made anew: {each.made}")
        elif each.removed:
            why = f" {each.reason.message}" if each.reason else ""
            terminal.say(f"  removed; Metaflow makes it at its next run.{why}")
        elif each.reason:
            terminal.say(f"  stays: {each.reason.message}")
    if not repaired:
        terminal.say("Every environment that Metaflow would find is finished.")
    elif dry_run:
        terminal.hint("Nothing was changed; run `mfenv repair` to mend them.")


def _done(word: str, *, dry_run: bool) -> str:
    return f"would be {word}" if dry_run else word
