from __future__ import annotations

from rich.text import Text
from textual.app import App, ComposeResult
from textual.widgets import DataTable

from mfenv_tui.widgets.fitting import fit_columns


class OneTable(App[None]):
    def compose(self) -> ComposeResult:
        yield DataTable[Text]()


async def test_what_is_drawn_before_the_table_has_measured_it_is_whole() -> None:
    async with OneTable().run_test() as pilot:
        table: DataTable[Text] = pilot.app.query_one(DataTable)
        table.add_columns("name", "where")
        for where in ("index", "cache, linked", "bucket"):
            row = [Text("pandas"), Text(where)]
            table.clear()
            fit_columns(table, [row])
            table.add_row(*row)
            assert table.render_line(1).text.split() == ["pandas", *where.split()]
