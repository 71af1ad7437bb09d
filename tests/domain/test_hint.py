"""What a bucket tells of a resolution is read as if a stranger had written it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.hint import LARGEST, hint_key, hint_of, read_hint
from mfenvd.domain.request import Indexes, Kind, PypiPart, Request
from mfenvd.domain.resolution import LockedPackage, Outcome, Resolution
from mfenvd.domain.target import Target

LINUX = Target(Arch.LINUX_64, "3.11", glibc="2.28")
NUMPY = LockedPackage("numpy", "1.0", "numpy-1.0-py3-none-any.whl", "https://index.example/numpy.whl", "a" * 64)
CORE = LockedPackage(
    "core", "2.0", "core-2.0-h0_1.conda", "https://conda.example/core", "b" * 64, kind=Kind.CONDA, build="h0_1"
)


def outcome(*packages: LockedPackage, codes: tuple[Code, ...] = ()) -> Outcome:
    said = tuple(Finding(code, Severity.NOTICE, "made up by a test") for code in codes)
    return Outcome(Resolution("", LINUX, packages), said)


def test_a_hint_admits_its_own_versions_alone_and_is_answered_by_the_same_files() -> None:
    hint = hint_of(outcome(CORE, NUMPY), 5.0)
    assert hint is not None
    assert (hint.made, hint.wheels, hint.conda) == (5.0, ("numpy==1.0",), ("core ==2.0 h0_1",))
    assert read_hint(msgspec.json.encode(hint)) == hint
    assert hint.is_answered_by(outcome(CORE, NUMPY))
    assert not hint.is_answered_by(outcome(CORE))
    assert not hint.is_answered_by(outcome(CORE, msgspec.structs.replace(NUMPY, sha256="c" * 64)))
    assert not hint.is_answered_by(outcome(CORE, NUMPY, codes=(Code.YANKED,)))
    assert not hint.is_answered_by(Outcome())


def test_a_pre_release_is_told_and_never_asked_for() -> None:
    """Whoever names one allows it."""
    beta = msgspec.structs.replace(NUMPY, version="1.0b1")
    hint = hint_of(outcome(CORE, beta), 5.0)
    assert hint is not None
    assert hint.wheels == ()
    assert hint.is_answered_by(outcome(CORE, beta))
    assert not hint.is_answered_by(outcome(CORE, NUMPY))


@pytest.mark.parametrize("changes", [{"sha256": None}, {"built": True}, {"url": "file:///home/me/numpy.whl"}])
def test_what_holds_for_one_machine_alone_is_not_told(changes: dict[str, Any]) -> None:
    assert hint_of(outcome(msgspec.structs.replace(NUMPY, **changes)), 5.0) is None


@pytest.mark.parametrize("code", [Code.INDEX_UNREACHABLE, Code.CHANNEL_UNREACHABLE, Code.INDEX_REFUSES, Code.YANKED])
def test_an_answer_that_others_may_not_get_is_not_told(code: Code) -> None:
    assert hint_of(outcome(NUMPY, codes=(code,)), 5.0) is None


def _of(**fields: Any) -> Callable[[dict[str, Any]], object]:
    return lambda content: content["packages"][0].update(fields)


@pytest.mark.parametrize(
    "poison",
    [
        _of(version="1.0\n--index-url http://127.0.0.1:9/"),
        _of(version="1.0; python_version > '3'"),
        _of(version="one"),
        _of(name="numpy @ http://127.0.0.1:9/numpy.whl#"),
        _of(name="numpy[evil]"),
        _of(name="numpy\n"),
        _of(sha256=""),
        _of(sha256="A" * 64),
        _of(kind="mixed"),
        _of(kind="conda"),
        _of(kind="conda", build="* *"),
        _of(filename=7),
        lambda content: content.update(packages=[]),
        lambda content: content.update(made="now"),
        lambda content: content.update(packages=content["packages"] * 5001),
    ],
)
def test_what_could_mean_something_else_is_no_hint(poison: Callable[[dict[str, Any]], object]) -> None:
    hint = hint_of(outcome(NUMPY), 5.0)
    assert hint is not None
    content = json.loads(msgspec.json.encode(hint))
    assert read_hint(json.dumps(content).encode()) == hint
    poison(content)
    assert read_hint(json.dumps(content).encode()) is None


@pytest.mark.parametrize(
    "content", [b"", b"null", b"\xff", b"{}", b" " * (LARGEST + 1)], ids=["empty", "null", "bytes", "other", "large"]
)
def test_what_is_no_hint_is_none(content: bytes) -> None:
    assert read_hint(content) is None


def test_the_same_request_has_the_same_key_on_all_workstations() -> None:
    def request(*wheels: str, index: str = "https://index.example/simple") -> Request:
        return Request(Kind.PYPI, "3.11", PypiPart(wheels, indexes=Indexes(index)))

    key = hint_key(request("numpy"), LINUX)
    assert key == hint_key(request("numpy", index="https://me:secret@index.example/simple"), LINUX)
    others = [
        hint_key(request("scipy"), LINUX),
        hint_key(request("numpy", index="https://other.example/simple"), LINUX),
        hint_key(request("numpy"), msgspec.structs.replace(LINUX, glibc="2.17")),
    ]
    assert len({key, *others}) == 4
