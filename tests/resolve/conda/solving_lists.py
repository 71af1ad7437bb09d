"""Package lists as tests hold them, which takes py-rattler."""

from __future__ import annotations

from pathlib import Path

from mfenvd.resolve.conda.access import Access
from mfenvd.resolve.conda.lists import FRESH_FOR
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.repodata import Repodata
from tests.resolve.conda.asking import LINUX


def lists(folder: Path, channel: str, fresh_for: float = FRESH_FOR) -> Repodata:
    return Repodata(folder / "lists", Access((channel,)), fresh_for)


def ask(spec: str, channel: str) -> Question:
    return Question((spec,), (channel,), LINUX)


def versions(known: Repodata, spec: str, channel: str, *, refresh: bool = False) -> list[str]:
    return [str(record.version) for record in known.solve(ask(spec, channel), refresh=refresh).records]
