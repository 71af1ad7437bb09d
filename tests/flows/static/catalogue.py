"""All flows with what Metaflow makes of them, by name."""

from __future__ import annotations

from tests.flows.static import cases, cases_changes
from tests.flows.static.cases import Case

CASES: dict[str, Case] = {}
for _group in (*cases.GROUPS, *cases_changes.GROUPS):
    CASES.update({name if name not in CASES else f"{name} (again)": case for name, case in _group.items()})
