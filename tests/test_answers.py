"""An answer is used again for as long as everything that it came from is the same."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mfenvd.answers import Answers, Question
from mfenvd.domain.loaded import Launcher
from mfenvd.domain.sharing import Asked, AskedEnvironment, Worded
from mfenvd.warm.netflixext import manifest
from mfenvd.warm.netflixext.asking import Answer
from mfenvd.warm.netflixext.manifest import EnvId, Wanted

REQUEST = "a" * 40
WORDED = Worded({"pypi": ("six",)})


class Here:
    """A machine below one folder, on which something was asked an hour ago."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin, self.project, self.home = root / "bin", root / "project", root / "home"
        self.modules = root / "modules"
        for folder in (self.bin, self.project / ".metaflow", self.home, self.modules / "__pycache__"):
            folder.mkdir(parents=True)
        self.requirements = self.write("project/requirements.txt", "six\n")
        self.pip = self.write("bin/pip", f"#!{sys.executable}\n", 0o755)
        self.module = self.write("modules/conda.py", "")
        self.bytecode = self.write("modules/__pycache__/conda.cpython-311.pyc", "")
        self.manifest = self.project / ".metaflow" / "conda_v2.cnd"
        environ = {"PATH": str(self.bin), "HOME": str(self.home)}
        launcher = Launcher(sys.executable, "3.11.7", str(self.project), str(self.project), environ, environ)
        self.question = Question(("-r", str(self.requirements)), launcher)
        one = AskedEnvironment("linux-64", REQUEST, "pypi-only", WORDED, WORDED.deps)
        asked = Asked("ana", "local", None, str(self.manifest), (one,))
        self.answer = Answer(asked, ":none:", (str(self.requirements), str(self.bytecode), str(self.manifest)))
        self.answers = Answers(root / "cache")
        for path in (root, *root.rglob("*")):
            os.utime(path, (time.time() - 3600,) * 2)

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def keep(self, answer: Answer | None = None, question: Question | None = None) -> Asked | None:
        """What is found again of what is kept."""
        self.answers.keep(question or self.question, answer or self.answer, time.time())
        return self.answers.find(question or self.question)

    def kept(self) -> Path:
        (file,) = (self.root / "cache").rglob("*.json")
        return file

    def asked(self, **changes: object) -> Answer:
        return msgspec.structs.replace(self.answer, asked=msgspec.structs.replace(self.answer.asked, **changes))


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(tmp_path)


def test_what_was_answered_is_found_again(here: Here) -> None:
    assert here.answers.find(here.question) is None
    assert here.keep() == here.answer.asked
    os.utime(here.bytecode)
    here.manifest.write_text('{"version": 1, "mappings": {}, "mutable_aliases": {}, "aliases": {}, "environments": {}}')
    assert here.answers.find(here.question) == here.answer.asked, "neither says anything else than before"


CHANGES: dict[str, Callable[[Here], object]] = {
    "requirement file": lambda here: here.requirements.write_text("six==1.16.0\n"),
    "module of the extension": lambda here: here.module.write_text("new = True\n"),
    "pip": lambda here: here.pip.write_text(f"#!{sys.executable}\nnew\n"),
    "configuration of pip": lambda here: here.write("home/.config/pip/pip.conf", "[global]\nindex-url = x\n"),
    "program that was not there": lambda here: here.write("bin/conda-lock", "#!/usr/bin/python3\n", 0o755),
    "environment in the manifest": lambda here: manifest.write(
        here.manifest, [Wanted(EnvId("linux-64", REQUEST, "b" * 40), {"packages": []})]
    ),
    "manifest elsewhere": lambda here: (here.project / ".metaflow").rename(here.root / ".metaflow"),
    "day": lambda here: os.utime(here.kept(), (0, 0)),
    "damage": lambda here: here.kept().write_text("{"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_one_is_asked_for_again(here: Here, change: str) -> None:
    assert here.keep() is not None
    CHANGES[change](here)
    assert here.answers.find(here.question) is None


def test_another_question_has_another_answer(here: Here) -> None:
    assert here.keep() is not None
    launcher = here.question.launcher
    others = [
        msgspec.structs.replace(here.question, environ={"CONDA_OVERRIDE_GLIBC": "2.28"}),
        msgspec.structs.replace(here.question, options=(*here.question.options, "--arch", "osx-64")),
        msgspec.structs.replace(
            here.question, launcher=msgspec.structs.replace(launcher, environ={**launcher.environ, "PIP_PRE": "1"})
        ),
    ]
    assert [here.answers.find(other) for other in others] == [None] * 3


def test_what_may_be_answered_otherwise_next_time_is_not_kept(here: Here) -> None:
    (one,) = here.answer.asked.environments
    secret = msgspec.structs.replace(one, named={"pypi": ("https://ana:secret@index.example/simple",)})
    known = msgspec.structs.replace(one, full_id="b" * 40, entry={"packages": []})
    for answer in (
        here.asked(environments=(secret,)),
        here.asked(environments=(known,)),
        msgspec.structs.replace(here.answer, latest=":any:"),
        msgspec.structs.replace(here.answer, opened=None),
    ):
        assert here.keep(answer) is None
    for option in ("--using", "--from", "--force"):
        assert here.keep(question=msgspec.structs.replace(here.question, options=(option, "team/env:v1"))) is None
    here.requirements.write_text("while it was asked\n")
    here.answers.keep(here.question, here.answer, time.time() - 60)
    assert here.answers.find(here.question) is None
    here.pip.write_text("#!/bin/sh\nexec python -m pip\n")
    assert here.keep() is None, "the script may start any Python"
    assert not list((here.root / "cache").rglob("*.json"))


def test_only_the_latest_answers_are_kept(here: Here) -> None:
    for count in range(70):
        here.keep(question=msgspec.structs.replace(here.question, options=("-r", str(count))))
    assert len(list((here.root / "cache").rglob("*.json"))) == 64
