"""Registers folders with the daemon and follows it until they are settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mfenvd.cli.errors import DaemonStoppedError, NotWatchedError
from mfenvd.cli.json_output import print_json
from mfenvd.cli.progress import Board
from mfenvd.cli.shell import shell_for
from mfenvd.cli.terminal import Terminal, this_terminal
from mfenvd.client.connection import Connection
from mfenvd.client.errors import ConnectionLostError
from mfenvd.client.start import ensure_running
from mfenvd.client.view import Change, DaemonView, asked_for
from mfenvd.domain.event import AnyEvent, ProjectChanged
from mfenvd.domain.finding import Finding
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.verdict import Verdict
from mfenvd.paths import find_paths

_RECONNECTS = 20


def connect_or_start(terminal: Terminal) -> Connection:
    """The daemon of this user, started when none runs; says which of the two it was."""
    socket = find_paths().socket
    running = ensure_running(socket)
    if running.started:
        terminal.hint(f"mfenvd {running.hello.version} started (pid {running.hello.pid}).")
    else:
        _say_when_other(terminal, running.hello.version)
    return Connection(socket)


@contextmanager
def left_at_work(terminal: Terminal) -> Iterator[None]:
    """Says that the daemon goes on where the command is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        terminal.hint("Going on in the background: `mfenv status` shows how far it is, `mfenv down` ends it.")
        raise


def settle(connection: Connection, roots: Sequence[str], shell: Surroundings, board: Board) -> DaemonView:
    """Watches `roots` (absolute folders) and returns what is known once nothing of them is under way.

    Raises:
        DaemonStoppedError: The daemon was stopped meanwhile.
        ClientError: It went away, or refused.
    """
    view = DaemonView()
    events = _events(connection, view)
    # Listening comes first: nothing that follows from registering is missed.
    view.apply(next(events))
    for root in roots:
        connection.add_project(root, shell)
    _follow(events, view, roots, board)
    return view


def refresh(connection: Connection, projects: Mapping[str, Sequence[str]], board: Board) -> DaemonView:
    """Has everything at or below the paths resolved anew, Metaflow's manifests taken over included.

    Args:
        connection: To the daemon.
        projects: The paths, by the root of the project that they lie in.
        board: Shows how it goes on.

    Raises:
        NotWatchedError: The daemon does not know one of the projects.
        DaemonStoppedError: The daemon was stopped meanwhile.
        ClientError: It went away, or refused.
    """
    view = DaemonView()
    events = _events(connection, view)
    view.apply(next(events))
    for root in projects:
        if root not in view.projects:
            raise NotWatchedError(root)
    waiting = []
    for root, paths in projects.items():
        ids = [verdict.id for verdict in view.of_project(root) if asked_for(verdict.source, root, paths)]
        if connection.resolve_again(root, ids, replace=True):
            waiting.append(root)
    if waiting:
        _follow(events, view, waiting, board)
    return view


def _events(connection: Connection, view: DaemonView) -> Iterator[AnyEvent]:
    """What the daemon tells, for ever. A stream that was too slow and was dropped goes on where `view` stands.

    Raises:
        ConnectionLostError: Again and again.
        ClientError: The daemon is gone.
    """
    for attempt in range(_RECONNECTS + 1):
        try:
            with connection.events(view.seq, view.boot) as events:
                yield from events
        except ConnectionLostError:
            if attempt == _RECONNECTS:
                raise
            connection.greet()


def outcome(
    connection: Connection, view: DaemonView, projects: Mapping[str, Sequence[str]]
) -> tuple[list[Verdict], list[Finding]]:
    """The verdicts at or below the paths that were asked for, and the findings that belong to no verdict.

    Args:
        connection: To the daemon.
        view: What the daemon has told.
        projects: The paths that were asked for, by the root of the project that they lie in.

    Raises:
        ClientError: The daemon has gone.
    """
    # What was told came in the order in which it was known.
    places = {verdict.id: place for place, verdict in enumerate(connection.status().verdicts)}
    verdicts, others = [], []
    for root, paths in projects.items():
        told = view.projects[root].findings if root in view.projects else ()
        others += [each for each in told if not each.path or asked_for(each.path, root, paths)]
        verdicts += [each for each in view.of_project(root) if asked_for(each.source, root, paths)]
    return sorted(verdicts, key=lambda verdict: places.get(verdict.id, len(places))), others


def register(connection: Connection, roots: Iterable[str], *, json: bool) -> None:
    """Watches `roots` and says so, without waiting for anything."""
    projects = [connection.add_project(root, shell_for([Path(root)], find_paths())) for root in roots]
    if json:
        print_json({"projects": projects})
        return
    terminal = this_terminal()
    for project in projects:
        terminal.say(f"Watching {project.root}.")


def _follow(events: Iterable[AnyEvent], view: DaemonView, roots: Sequence[str], board: Board) -> None:
    waiting, reading = set(roots), set[str]()
    for event in events:
        change = view.apply(event)
        if change.stopping is not None:
            raise DaemonStoppedError(change.stopping)
        if isinstance(event, ProjectChanged) and event.project.reading:
            reading.add(event.project.root)
        _show(view, change, roots, board)
        # A daemon that was at work on the project already may report that as settled first.
        waiting -= {root for root in change.settled if root in reading or view.is_settled(root)}
        if change.reset:
            waiting -= {root for root in roots if view.is_settled(root)}
        if not waiting:
            return


def _show(view: DaemonView, change: Change, roots: Sequence[str], board: Board) -> None:
    for verdict_id in (*change.verdicts, *change.progress):
        verdict = view.verdicts[verdict_id]
        if view.root_of(verdict) in roots:
            board.show(verdict, view.progress.get(verdict_id))


def _say_when_other(terminal: Terminal, version: str) -> None:
    from importlib.metadata import version as installed

    own = installed("mfenv")
    if version != own:
        terminal.hint(f"mfenvd {version} is running, this is mfenv {own}: `mfenv down`, then `mfenv up` renews it.")
