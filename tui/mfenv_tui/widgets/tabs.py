"""The tabs of the detail by their titles."""

from __future__ import annotations

from importlib import import_module

from mfenv_tui.lines import Signs
from mfenv_tui.widgets.tab import Tab

TITLES = ("Findings", "Packages", "Gaps", "GLIBC", "Drift", "Diff", "Why", "Log")
"""In the order of their keys."""


def make(title: str, signs: Signs) -> Tab:
    """The tab with that title, whose module is imported now: the first picture waits for the first one alone."""
    module = import_module(f"mfenv_tui.widgets.{title.lower()}_tab")
    made: Tab = getattr(module, f"{title.capitalize()}Tab")(signs)
    return made
