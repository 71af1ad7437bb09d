"""The daemon: its process, its folders, its warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual import work as in_background
from textual.binding import Binding, BindingType

from mfenv_tui.findings import finding_parts
from mfenv_tui.lines import Part, Signs
from mfenv_tui.link import Link
from mfenv_tui.outside import Outside
from mfenv_tui.widgets.panel_screen import PanelScreen, counted, fact
from mfenvd.client.errors import ClientError
from mfenvd.client.view import DaemonView
from mfenvd.domain.event import DaemonInfo

BETWEEN_LOOKS = 2.0
"""Seconds between two questions how the process is."""

_MIB = 2**20


class DaemonScreen(PanelScreen):
    """Asks the daemon every few seconds for as long as it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("d", "dismiss", show=False)]

    def __init__(self, outside: Outside, view: DaemonView, link: Link, signs: Signs) -> None:
        super().__init__(signs)
        self._outside = outside
        self._view = view
        self._link = link

    def on_mount(self) -> None:
        if self._view.daemon is not None:
            self._show(self._view.daemon, self._link.error)
        if self._link.answers:
            self.set_interval(BETWEEN_LOOKS, self._look)
            self._look()

    @in_background(exclusive=True, group="daemon")
    async def _look(self) -> None:
        try:
            self._show(await self._outside.info(self._outside.socket), None)
        except ClientError as error:
            if self._view.daemon is not None:
                self._show(self._view.daemon, error)

    def _show(self, info: DaemonInfo, error: ClientError | None) -> None:
        self.say(self._parts(info, error))

    def _parts(self, info: DaemonInfo, error: ClientError | None) -> Iterator[Part]:
        dot = f" {self.signs.dot} "
        yield (("mfenvd ", "strong"), (info.version, "strong"))
        if error is not None:
            yield ((error.message, "strong"), (" Below is what was last known.", "muted"))
        since = max(self._outside.clock() - info.started, 0.0) if info.started else info.uptime
        yield fact("process", dot.join((f"pid {info.pid}", f"up {_length(since)}", f"{info.memory / _MIB:.0f} MiB")))
        yield fact(
            "work", dot.join((counted(info.workers, "worker"), f"{info.running} running", f"{info.queued} queued"))
        )
        yield fact("socket", info.socket)
        yield fact("log", info.log)
        yield fact("state", info.state_dir)
        yield fact("cache", info.cache_dir)
        yield ()
        yield (("Watched folders", "strong"),)
        for project in self._view.projects.values():
            facts = [counted(project.flows, "flow"), "trusted" if project.trusted else "not trusted"]
            facts += [f"Python {project.python}"] if project.python else []
            facts += ["being read"] if project.reading else []
            facts += [] if project.present else ["not there"]
            yield ((project.root, "plain"), (dot + dot.join(facts), "muted"))
        if not self._view.projects:
            yield (("None: run `mfenv up` in a project's folder.", "plain"),)
        yield ()
        yield (("Warnings", "strong"),)
        if not info.findings:
            yield (("None.", "plain"),)
        for finding in info.findings:
            yield from finding_parts(finding, "", None, self.signs)


def _length(seconds: float) -> str:
    """How long, in the two largest units."""
    minutes, _ = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
