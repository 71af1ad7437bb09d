"""Why each package is there: a tree from what was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from mfenv_tui.detail import Detail
from mfenv_tui.lines import Signs, printable
from mfenv_tui.widgets.prose import Prose
from mfenv_tui.widgets.tab import Tab, without_packages
from mfenvd.domain.graph import Node, chains, tree
from mfenvd.domain.resolution import LockedPackage

_OPENED_AT_ONCE = 40
"""Packages up to which the whole tree is open from the beginning."""


class PackageTree(Tree[str]):
    """Names with versions; guides as far as the terminal has characters for them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
        Binding("l", "open", show=False),
        Binding("h", "close", show=False),
    ]

    def __init__(self, signs: Signs) -> None:
        super().__init__("", id="why-tree")
        self.show_root = False
        self.guide_depth = 3
        self._ascii_only = signs.ascii_only
        if signs.ascii_only:
            self.show_guides = False
            self.ICON_NODE, self.ICON_NODE_EXPANDED = "+ ", "- "

    def render_label(self, node: TreeNode[str], base_style: Style, style: Style) -> Text:
        text = super().render_label(node, base_style, style)
        if not node.allow_expand:
            text.pad_left(len(self.ICON_NODE))
        return text

    def action_open(self) -> None:
        if self.cursor_node is not None:
            self.cursor_node.expand()

    def action_close(self) -> None:
        """Close what is open, else go up."""
        node = self.cursor_node
        if node is not None and node.is_expanded and node.children:
            node.collapse()
        elif node is not None and node.parent is not None and not node.parent.is_root:
            self.select_node(node.parent)


class WhyTab(Tab):
    """Of the selected arch."""

    TITLE: ClassVar[str] = "Why"

    DEFAULT_CSS = """
    WhyTab {
        #why-chains { height: auto; max-height: 40%; }
        Tree { height: 1fr; background: $background; padding: 0; scrollbar-size-vertical: 1; }
        Tree > .tree--cursor { background: $primary 30%; color: $foreground; text-style: none; }
        Tree:focus > .tree--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        Tree:focus { background-tint: $background 0%; }
    }
    """

    def __init__(self, signs: Signs) -> None:
        super().__init__(signs)
        self._chains = Prose("why-chains")
        self._tree = PackageTree(signs)
        self._nothing = Prose("why-nothing")
        self._packages: tuple[LockedPackage, ...] | None = None
        self._told: dict[str, TreeNode[str]] = {}

    def compose(self) -> ComposeResult:
        yield self._chains
        yield self._tree
        yield self._nothing

    @property
    def entry(self) -> Widget:
        return self._tree

    def show(self, detail: Detail) -> None:
        packages = detail.selection.packages
        self._tree.display = bool(packages)
        self._nothing.display = not packages
        self._nothing.show(without_packages(detail.selection))
        if packages != self._packages:
            self._packages = packages
            self._grow(packages)

    def go_to(self, package: str) -> None:
        """Put the cursor where the package's needs stand."""
        node = self._told.get(package)
        if node is None:
            return
        above = node.parent
        while above is not None:
            above.expand()
            above = above.parent
        self.call_after_refresh(self._tree.move_cursor, node)

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[str]) -> None:
        event.stop()
        name = event.node.data
        ways = chains(self._packages or (), name) if name else ()
        into = f" {self.signs.into} "
        self._chains.show(((into.join(way), "muted"),) for way in ways if len(way) > 1)
        self._chains.display = not self._chains.is_empty

    def on_tree_node_selected(self, event: Tree.NodeSelected[str]) -> None:
        event.stop()
        if event.node.data and not event.node.allow_expand:
            self.go_to(event.node.data)

    def _grow(self, packages: tuple[LockedPackage, ...]) -> None:
        self._tree.clear()
        self._told.clear()
        self._chains.show(())
        self._add(self._tree.root, tree(packages), opened=len(packages) <= _OPENED_AT_ONCE)
        self._tree.root.expand()
        self._tree.cursor_line = 0

    def _add(self, root: TreeNode[str], nodes: Iterable[Node], *, opened: bool) -> None:
        waiting = [(root, tuple(nodes))]
        while waiting:
            parent, children = waiting.pop()
            for child in children:
                package = child.package
                more = f" {self.signs.more}" if child.repeated else ""
                label = Text(printable(f"{package.name} {package.version}{more}"), "bold" if package.requested else "")
                added = parent.add(label, package.name, expand=opened, allow_expand=bool(child.needs))
                if not child.repeated:
                    self._told.setdefault(package.name, added)
                waiting.append((added, child.needs))
