"""Metaflow is asked again about what its datastore did not answer, and about nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mfenvd.daemon import asking
from mfenvd.daemon.asking import Asking
from mfenvd.daemon.reading import Questions
from mfenvd.domain.loaded import FlowQuestion, Launcher, LoadedFile, LoadedFlow, LoadedStep

LAUNCHER = Launcher("/bin/python", "3.11.7", "/project", "/project", {}, {})
QUESTIONS = Questions(tuple(FlowQuestion(path, (), (), "digest") for path in ("/named.py", "/other.py")), LAUNCHER)


class Side:
    """A Metaflow whose datastore does not answer about one of the files."""

    def ask(self, questions: Sequence[FlowQuestion], *_: Any, **__: Any) -> Iterator[LoadedFile]:
        for question in questions:
            step = (
                LoadedStep("start", problem="no answer", passes=True) if "named" in question.path else LoadedStep("a")
            )
            yield LoadedFile(question.path, question.digest, (LoadedFlow("F", "", (step,)),))

    def stop(self) -> None:
        pass


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(asking, "MetaflowSide", Side)
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_what_may_be_known_later_is_asked_again(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ASK_AGAIN", 0.0)
    answers: list[LoadedFile] = []
    again = asyncio.Event()
    one = Asking(threads, answers.extend, again.set)
    one.ask(QUESTIONS)
    await asyncio.wait_for(again.wait(), 60)
    assert [answer.path for answer in answers] == ["/named.py", "/other.py"]
    assert [answer.path for answer in one.known(QUESTIONS.files)] == ["/other.py"]
    await one.stop()


async def test_a_project_that_goes_is_not_asked_about_again(threads: ThreadPoolExecutor) -> None:
    answered, again = asyncio.Event(), asyncio.Event()
    one = Asking(threads, lambda _: answered.set(), again.set)
    one.ask(QUESTIONS)
    await asyncio.wait_for(answered.wait(), 60)
    assert len(one.known(QUESTIONS.files)) == 2
    one.rest()
    assert one._later is None
    await one.stop()
    assert not again.is_set()
