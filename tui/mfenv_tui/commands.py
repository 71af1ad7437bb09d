"""What the command palette offers besides actions: every environment, and every setting by its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider

from mfenv_tui.environments import place, row_title
from mfenv_tui.keeping import LAYOUTS

if TYPE_CHECKING:
    from mfenv_tui.app import Dashboard

_LAYOUT_HELP = {
    "auto": "The findings beside the table where there is room, else below it.",
    "below": "The findings below the table.",
    "table": "The table alone.",
}


class Environments(Provider):
    """Leads to an environment."""

    async def search(self, query: str) -> Hits:
        app = _dashboard(self)
        matcher = self.matcher(query)
        for row in app.matrix.rows.values():
            title = row_title(row, app.signs)
            score = matcher.match(title)
            if score > 0:
                where = place(row, with_project=True)
                yield Hit(score, matcher.highlight(title), partial(app.go_to, row.key), title, f"Go to it. {where}")


class SettingChoices(Provider):
    """Chooses a value of a setting."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, help_, change in self._choices():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), change, title, help_)

    async def discover(self) -> Hits:
        for title, help_, change in self._choices():
            yield DiscoveryHit(title, change, title, help_)

    def _choices(self) -> list[tuple[str, str, partial[None]]]:
        app = _dashboard(self)
        choices = [(f"View: {name}", _LAYOUT_HELP[name], partial(app.set_up, layout=name)) for name in LAYOUTS]
        choices += [
            ("Fold: on", "Steps with the same environment share a row.", partial(app.set_up, folded=True)),
            ("Fold: off", "Each step has a row of its own.", partial(app.set_up, folded=False)),
            ("Sort: trouble first", "What cannot work stands on top.", partial(app.set_up, by_name=False)),
            ("Sort: by name", "Rows stand by file, flow and step.", partial(app.set_up, by_name=True)),
        ]
        return choices


COMMANDS = {Environments, SettingChoices}


def _dashboard(provider: Provider) -> Dashboard:
    app: Dashboard = provider.app  # type: ignore[assignment]
    return app
