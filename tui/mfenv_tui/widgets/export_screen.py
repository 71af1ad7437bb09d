"""Where the selected environment is written to, and in which format."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from mfenv_tui.base import BaseApp
from mfenv_tui.environments import row_title
from mfenv_tui.lines import Signs
from mfenv_tui.selection import Selection
from mfenv_tui.widgets.prose import Prose
from mfenvd.client.errors import ClientError
from mfenvd.client.export import Export
from mfenvd.domain.words import Tone

_FORMATS = {
    # format: the file that tools look for, and which tools those are
    "conda-lock": ("conda-lock.yml", "conda-lock, micromamba: every arch"),
    "explicit": ("explicit.txt", "conda, micromamba: one arch"),
    "pylock": ("pylock.toml", "uv, pip: every arch"),
    "requirements": ("requirements.txt", "pip, uv: versions and hashes"),
}
_OF_WHEELS = ("pylock", "requirements")


class ExportScreen(ModalScreen[None]):
    """A format and a file; Enter in the file's line writes it."""

    DEFAULT_CSS = """
    ExportScreen {
        align: center middle;
        Vertical {
            width: 76; max-width: 96%; height: auto; padding: 1 2; background: $surface; border: round $primary;
        }
        OptionList { height: auto; max-height: 6; margin: 1 0; border: none; background: $surface; padding: 0; }
        OptionList:focus { border: none; }
        Input { height: 1; border: none; padding: 0 1; background: $boost; }
        Input:focus { border: none; }
        #said { height: auto; margin-top: 1; }
    }
    App.-ascii ExportScreen Vertical { border: ascii $primary; }
    """
    SCOPED_CSS = False

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close", show=False)]

    def __init__(self, selection: Selection, write: Callable[[Export], str], signs: Signs) -> None:
        """Offers the formats that suit what `selection` consists of; `write` blocks."""
        super().__init__()
        self._selection = selection
        self._write = write
        self._signs = signs
        kinds = {verdict.kind for cell in selection.row.cells.values() for verdict in cell.verdicts}
        self._formats = tuple(_FORMATS) if kinds != {"pypi"} else _OF_WHEELS
        self._allowed: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Prose("title")
            yield OptionList(*(Option(f"{name}: {_FORMATS[name][1]}", id=name) for name in self._formats), markup=False)
            yield Input(str(self._file(self._formats[0])), id="file", select_on_focus=False)
            yield Prose("said")

    def on_mount(self) -> None:
        where = f" {self._signs.dot} {self._selection.arch or 'all archs'}"
        title = row_title(self._selection.row, self._signs)
        self.query_one("#title", Prose).show(((("Export ", "plain"), (title, "strong"), (where, "muted")),))
        self._say("Enter writes the file, Tab leads to the formats, Esc closes.")
        self.query_one(OptionList).highlighted = 0
        self.query_one(Input).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        if event.option.id:
            self.query_one(Input).value = str(self._file(event.option.id))

    def on_option_list_option_selected(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        output = Path(event.value.strip()).expanduser().absolute()
        if not event.value.strip() or output.is_dir():
            self._say("Name a file.", bad=True)
        elif not output.parent.is_dir():
            self._say(f"There is no folder {output.parent}.", bad=True)
        elif output.exists() and output != self._allowed:
            self._allowed = output
            self._say("The file exists: Enter once more overwrites it.", bad=True)
        else:
            self._say("Writing.")
            self._export(output)

    @work(exclusive=True, group="export")
    async def _export(self, output: Path) -> None:
        row = self._selection.row
        what = f"{row.flow}/{row.names[0]}" if row.flow else row.names[0]
        chosen = self._formats[self.query_one(OptionList).highlighted or 0]
        try:
            remark = await asyncio.to_thread(
                self._write, Export(what, row.source, output, chosen, self._selection.arch)
            )
        except ClientError as error:
            self._say(" ".join(filter(None, (error.message, error.fix))), bad=True)
            return
        self.dismiss()
        if isinstance(self.app, BaseApp):
            self.app.say(f"Written: {output}{f' ({remark})' if remark else ''}")

    def _file(self, chosen: str) -> Path:
        """Beside the source: where the project's other files are."""
        row = self._selection.row
        name = "-".join(filter(None, (row.flow, row.names[0], _FORMATS[chosen][0])))
        return Path(row.source).parent / name

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.query_one("#said", Prose).show((((text, Tone.WARNING if bad else "muted"),),))
