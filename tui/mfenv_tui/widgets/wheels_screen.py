"""Which versions, archs and Pythons a package has wheels or conda builds for: what one looks at before adding it."""

from __future__ import annotations

from pathlib import PurePath
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Key, Resize
from textual.screen import Screen
from textual.widgets import DataTable, Input

from mfenv_tui.availability import cell_line, version_parts
from mfenv_tui.lines import Labelled, Line, Role, Signs
from mfenv_tui.outside import Outside
from mfenv_tui.palette import cut_text, styles_of
from mfenv_tui.widgets.fitting import fit_columns
from mfenv_tui.widgets.key_hints import KeyHints
from mfenv_tui.widgets.prose import Prose
from mfenvd.client.errors import ClientError
from mfenvd.domain.availability import Availability
from mfenvd.domain.words import Tone

MOST = 40
"""Versions, the newest: older ones are found by asking for them, as `numpy<2`."""

_AROUND = 4
"""Columns beside the table: its margin and its scroll bar."""


class PackageInput(Input):
    """One line; down leads to the versions."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "screen.focus_next", show=False)]


class WheelsScreen(Screen[None]):
    """A line to type in, a row per version, and every Python of the highlighted version below."""

    DEFAULT_CSS = """
    WheelsScreen {
        background: $background;
        #about { height: 1; padding: 0 2; background: $panel; }
        PackageInput { height: 1; border: none; padding: 0 1; margin: 1 1; background: $boost; }
        PackageInput:focus { border: none; }
        #said { height: auto; padding: 0 2; }
        DataTable { height: 1fr; background: $background; margin: 0 1; }
        DataTable:focus { background-tint: $background 0%; }
        DataTable > .datatable--fixed { background: $background; color: $foreground; }
        DataTable > .datatable--header { background: $background; color: $foreground 60%; text-style: none; }
        #version { height: auto; max-height: 12; padding: 1 2; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", tooltip="Go back to where you came from."),
        Binding("slash", "type", "Other package"),
        Binding("f2", "switch", "Wheels or conda", tooltip="Ask the other side: PyPI's indexes or conda's channels."),
    ]

    def __init__(self, outside: Outside, root: str, package: str, signs: Signs, *, conda: bool = False) -> None:
        """Asks the indexes, or with `conda` the channels, of the project at `root`; about `package` if not empty."""
        super().__init__()
        self._conda = conda
        self._outside = outside
        self._root = root
        self._first = package
        self._signs = signs
        self._found: Availability | None = None

    @property
    def found(self) -> Availability | None:
        """What is on the screen; None when nothing is."""
        return self._found

    def compose(self) -> ComposeResult:
        yield Prose("about")
        yield PackageInput(self._first, id="package")
        yield Prose("said")
        table: DataTable[Text] = DataTable(cursor_type="row", zebra_stripes=False, fixed_columns=1)
        table.display = False
        yield table
        yield Prose("version", ascii_only=self._signs.ascii_only)
        yield KeyHints()

    def on_mount(self) -> None:
        self._show_side()
        self.query_one(PackageInput).focus()
        if self._first:
            self._ask(self._first)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._ask(event.value.strip())

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self._show_version(event.cursor_row)

    def on_key(self, event: Key) -> None:
        """A letter that is no key here begins another package, wherever the keys go."""
        if event.character and event.character.isalnum() and event.key not in self.active_bindings:
            event.stop()
            package = self.query_one(PackageInput)
            self.set_focus(package)  # which selects what is there: what is typed takes its place
            package.post_message(Key(event.key, event.character))

    def on_resize(self, event: Resize) -> None:
        if self._found is not None:
            self._fill(self._found, event.size.width)  # `self.size` is still the one before

    def action_type(self) -> None:
        self.query_one(PackageInput).focus()

    def action_switch(self) -> None:
        """Ask conda's channels instead of the indexes, or the other way round."""
        self._conda = not self._conda
        self._show_side()
        package = self.query_one(PackageInput).value.strip()
        if package:
            self._ask(package)

    def action_back(self) -> None:
        """From the versions to the line, from there to where one came from."""
        if isinstance(self.focused, DataTable):
            self.action_type()
        else:
            self.dismiss()

    @work(exclusive=True, group="wheels")
    async def _ask(self, package: str) -> None:
        self._say(f"Asking about {package}{self._signs.more}", "muted")
        try:
            found = await self._outside.wheels(self._outside.socket, package, self._root, MOST, conda=self._conda)
        except ClientError as error:
            self._show(None)
            self._say(" ".join(filter(None, (error.message, error.fix))), Tone.BAD)
        else:
            self._show(found)

    def _show_side(self) -> None:
        what, where = ("Conda packages", "channels") if self._conda else ("Wheels", "indexes")
        project = PurePath(self._root).name or self._root
        about: Line = ((what, "strong"), (f" {self._signs.dot} on the {where} of {project}", "muted"))
        self.query_one("#about", Prose).show((about,))
        example = "numpy or pytorch=2.4" if self._conda else "numpy or torch>=2,<2.6"
        self.query_one(PackageInput).placeholder = f"a package, as {example}"

    def _say(self, text: str, role: Role) -> None:
        self.query_one("#said", Prose).show((((text, role),),) if text else ())

    def _show(self, found: Availability | None) -> None:
        self._found = found
        table = self.query_one(DataTable)
        table.clear(columns=True)
        table.display = found is not None
        self.query_one("#version", Prose).show(())
        if found is None:
            return
        left_out = found.versions - len(found.rows)
        stale = " ".join(f"{index} does not answer: what it last said is shown." for index, _ in found.stale)
        more = f"The newest {len(found.rows)} of {found.versions} versions: `{found.name}<X` leads to older ones."
        self._say(stale or (more if left_out else ""), Tone.WARNING if stale else "muted")
        self._fill(found, self.size.width)
        self._show_version(0)
        table.focus()

    def _fill(self, found: Availability, room: int) -> None:
        """Write the table anew for so many columns; the cursor stays on its row."""
        table, styles = self.query_one(DataTable), styles_of(self.app)
        before = table.cursor_row
        table.clear(columns=True)
        table.add_column("version")
        for cell in found.rows[0].cells:
            table.add_column(str(cell.arch))
        brief = self._is_wide(found, room)
        rows = []
        for row in found.rows:
            lines = (cell_line(cell, self._signs, brief=brief) for cell in row.cells)
            cells = (cut_text(line, styles, ascii_only=self._signs.ascii_only) for line in lines)
            rows.append([Text(row.version), *cells])
        fit_columns(table, rows)
        for written in rows:
            table.add_row(*written)
        table.move_cursor(row=before, animate=False)

    def _is_wide(self, found: Availability, room: int) -> bool:
        """Whether cells that say which GLIBC or macOS wheels need have no room beside each other."""
        longest = [max(len(row.version) for row in found.rows)]
        for cells in zip(*(row.cells for row in found.rows), strict=True):
            texts = ("".join(text for text, _ in cell_line(cell, self._signs, brief=False)) for cell in cells)
            longest.append(max(map(len, texts)))
        return sum(longest) + 2 * len(longest) > room - _AROUND

    def _show_version(self, index: int) -> None:
        if self._found is None or index >= len(self._found.rows):
            return
        parts: list[Line | Labelled] = list(version_parts(self._found.name, self._found.rows[index], self._signs))
        self.query_one("#version", Prose).show(parts)
