"""What `mfenv status` shows: the daemon, the watched folders, the verdicts. Light to import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mfenvd.cli.errors import NoSuchPathError
from mfenvd.cli.json_output import print_json
from mfenvd.client.connection import Connection
from mfenvd.client.errors import DaemonNotRunningError
from mfenvd.client.view import asked_for, holds
from mfenvd.domain.event import DaemonInfo, ProjectInfo, Status
from mfenvd.domain.request import Kind
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths

if TYPE_CHECKING:
    from mfenvd.cli.terminal import Terminal

_MEBI = 1024 * 1024


def print_status(paths: Sequence[Path] = (), *, json: bool = False, verbose: bool = False) -> None:
    """Everything, or only what is at or below `paths` (absolute).

    Raises:
        NoSuchPathError: One of them neither exists nor has to do with a watched folder.
    """
    try:
        found = Connection(find_paths().socket).status()
    except DaemonNotRunningError as error:
        _refuse_unknown(paths, ())
        if json:
            print_json({"daemon": None, "projects": [], "verdicts": []})
            return
        from mfenvd.cli.terminal import this_terminal

        terminal = this_terminal()
        terminal.say("mfenvd is not running.")
        terminal.hint(error.fix or "")
        return
    _refuse_unknown(paths, found.projects)
    shown = _limited(found, [str(path.resolve()) for path in paths])
    if json:
        print_json(as_json(shown))
    else:
        from mfenvd.cli.terminal import this_terminal

        _print(this_terminal(), shown, verbose=verbose)


def as_json(status: Status) -> dict[str, Any]:
    """What docs/json.md promises of `status`."""
    return {
        "daemon": status.daemon,
        "projects": status.projects,
        "verdicts": status.verdicts,
    }


def _refuse_unknown(paths: Sequence[Path], watched: Sequence[ProjectInfo]) -> None:
    for path in paths:
        place = str(path.resolve())
        if not path.exists() and not any(holds(project.root, place) for project in watched):
            raise NoSuchPathError(path)


def _limited(status: Status, paths: Sequence[str]) -> Status:
    if not paths:
        return status
    verdicts = (verdict for verdict in status.verdicts if any(holds(path, verdict.source) for path in paths))
    projects = (
        _told_of(project, paths)
        for project in status.projects
        if any(holds(path, project.root) or holds(project.root, path) for path in paths)
    )
    return msgspec.structs.replace(status, verdicts=tuple(verdicts), projects=tuple(projects))


def _told_of(project: ProjectInfo, paths: Sequence[str]) -> ProjectInfo:
    """The project with the findings of what was asked for."""
    findings = (each for each in project.findings if not each.path or asked_for(each.path, project.root, paths))
    return msgspec.structs.replace(project, findings=tuple(findings))


def _print(terminal: Terminal, status: Status, *, verbose: bool) -> None:
    _print_daemon(terminal, status.daemon)
    if status.daemon.cache_dir and any(verdict.kind == Kind.MIXED for verdict in status.verdicts):
        from mfenvd.resolve.mixed.names import known_names

        names = known_names(Path(status.daemon.cache_dir))
        terminal.fact("names", f"which conda package is which on PyPI, as of {names.date}")
    for project in status.projects:
        terminal.print("")
        _print_project(terminal, project, verbose=verbose)
    if not status.projects:
        terminal.say("")
        terminal.say("No folder is watched. `mfenv up` in a project watches it.")
    _print_verdicts(terminal, status, verbose=verbose)


def _print_daemon(terminal: Terminal, daemon: DaemonInfo) -> None:
    parts = [f"mfenvd {daemon.version}", f"pid {daemon.pid}", f"up {duration(daemon.uptime)}"]
    if daemon.memory:
        parts.append(f"{daemon.memory / _MEBI:.0f} MiB")
    parts.append(f"{daemon.running} running, {daemon.queued} queued")
    terminal.say(f" {terminal.dot} ".join(parts), "strong")
    places = {"socket": daemon.socket, "log": daemon.log, "state": daemon.state_dir, "cache": daemon.cache_dir}
    for name, place in places.items():
        if place:
            terminal.fact(name, place)


def _print_project(terminal: Terminal, project: ProjectInfo, *, verbose: bool) -> None:
    terminal.say(project.root if project.present else f"{project.root} (not there at the moment)", "strong")
    terminal.fact("python", _python(project))
    terminal.fact("trusted", "yes" if project.trusted else "no")
    if project.cwd != project.root:
        terminal.fact("run from", project.cwd)
    if verbose:
        for name, value in project.environ.items():
            terminal.say(f"  {name}={value}", "muted")
    elif project.environ:
        terminal.fact("variables", ", ".join(project.environ))


def _python(project: ProjectInfo) -> str:
    return (
        " ".join(filter(None, (project.python, f"({project.interpreter})" if project.interpreter else "")))
        or "not known"
    )


def _print_verdicts(terminal: Terminal, status: Status, *, verbose: bool) -> None:
    from mfenvd.cli.findings import brief, fold, full
    from mfenvd.cli.matrix import matrix, summary

    verdicts: tuple[Verdict, ...] = status.verdicts
    if verdicts:
        terminal.print("")
        terminal.print(matrix(terminal, verdicts))
        terminal.print("")
        terminal.print(summary(terminal, verdicts))
    others = [*status.daemon.findings, *(finding for project in status.projects for finding in project.findings)]
    folded = fold(verdicts, others)
    if folded:
        terminal.print("")
        terminal.print(full(terminal, folded, verbose=True) if verbose else brief(terminal, folded))


def duration(seconds: float) -> str:
    """`12 s`, `5 min`, `1 h 2 min`, `3 d 4 h`."""
    total = int(seconds)
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{total} s"
