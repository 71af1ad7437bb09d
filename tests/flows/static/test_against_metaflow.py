"""The static reading against the real Metaflow, on every flow of the catalogue."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from tests.flows.static.cases import Case
from tests.flows.static.catalogue import CASES
from tests.flows.static.reading import read, write
from tests.support.metaflow_truth import Truth, truth

pytest.importorskip("metaflow")
pytestmark = [
    pytest.mark.metaflow,
    pytest.mark.skipif(sys.platform == "win32", reason="Metaflow does not run on Windows"),
]


def _folder(root: Path, name: str) -> Path:
    return root / "".join(character if character.isalnum() else "_" for character in name)


@pytest.fixture(scope="module")
def truths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Truth | str]]:
    """What Metaflow makes of each case, with the folder of its project."""
    root = tmp_path_factory.mktemp("metaflow")
    found: dict[str, tuple[Path, Truth | str]] = {}
    by_environ: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, case in CASES.items():
        write(_folder(root, name), {**case.files, case.file: case.source})
        by_environ.setdefault(tuple(sorted(case.environ.items())), []).append(name)
    for environ, names in by_environ.items():
        answers = truth([_folder(root, name) / CASES[name].file for name in names], environ=dict(environ))
        found.update({name: (_folder(root, name), answer) for name, answer in zip(names, answers, strict=True)})
    return found


@pytest.mark.parametrize("name", CASES)
def test_metaflow_merges_the_same(name: str, truths: dict[str, tuple[Path, Truth | str]]) -> None:
    case: Case = CASES[name]
    folder, answer = truths[name]
    assert isinstance(answer, dict), answer
    interpreter = platform.python_version()
    reading = read(
        folder, case.source, name=case.file, environ=case.environ, cwd=(folder / case.file).parent, python=interpreter
    )

    (flow,) = (flow for flow in reading.flows if flow.name == "F")
    assert {step.name for step in flow.steps} == set(answer)
    for step in flow.steps:
        expected = answer[step.name]
        assert step.pypi == (expected["pypi"] or {})
        assert step.conda == expected["conda"]
        assert (step.kind in {"pypi", "mixed"}) == (expected["pypi"] is not None)
        assert (step.python or interpreter) == expected["python"]
        assert step.disabled == expected["disabled"]
        assert sorted(remote.name for remote in step.remote) == sorted(expected["remote"])
        for remote in step.remote:
            assert remote.image in {None, expected["images"][remote.name]}
