"""conda-lock as it is run, and what becomes of it when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from mfenvd.domain.codes import Code
from mfenvd.domain.request import Kind, MixedSolver, PypiPart
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context
from mfenvd.resolve.index.metadata import Metadata
from mfenvd.resolve.mixed import resolver
from mfenvd.resolve.mixed.conda_lock import CondaLock, CondaLockError, telling
from mfenvd.resolve.mixed.names import own_names
from mfenvd.resolve.mixed.union import Union, Unmet, walked
from mfenvd.resolve.pypi.asked import asked_on
from tests.resolve.mixed.mixing import LINUX, request, resolve
from tests.support.index_server import IndexServer
from tests.support.wheels import wheel


def conda(name: str, *requires: str) -> LockedPackage:
    return LockedPackage(name, "3.11.9", f"{name}-3.11.9-0.conda", f"https://c.example/{name}-3.11.9-0.conda",
                         requires=requires, kind=Kind.CONDA, md5="0" * 32)  # fmt: skip


def test_when_it_fails_it_is_said_without_the_calls_that_led_there(tmp_path: Path) -> None:
    asked = asked_on(PypiPart(("app",)), LINUX)
    there = [conda("python"), conda("pip", "python")]
    with pytest.raises(CondaLockError) as caught:
        CondaLock(tmp_path, own_names(), LINUX).wheels(asked, there, "http://127.0.0.1:9/simple")
    assert not caught.value.unsolvable
    assert "127.0.0.1" in caught.value.output
    assert "Traceback" not in caught.value.output
    assert '  File "' not in caught.value.output
    assert list(tmp_path.iterdir()) == []


def test_of_what_it_prints_the_last_words_are_kept() -> None:
    reasons = "SolverProblemError: Because app depends on numpy (>=2)\n    And because …, version solving failed."
    assert (
        telling(f"Locking …\nTraceback (most recent call last):\n  File x\n    call()\n    ^^^^\n{reasons}\n")
        == reasons
    )
    assert telling("one\n\ntwo\n") == "one\ntwo"
    assert telling("") == ""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CondaLockError("one\ntwo", unsolvable=False), "conda-lock failed: two"),
        (CondaLockError("no way", unsolvable=True), "conda-lock finds no solution, and mfenv's own way"),
    ],
)
def test_its_failures_are_told_with_the_way_out(  # noqa: PLR0917 - fixtures and a case
    index: IndexServer, channel: str, project: Context, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(resolver, "resolve_through_conda_lock", fails)
    index.add(wheel("app", "1.0"))

    outcome = resolve(request(channel, index, [("numpy", "")], ["app"], MixedSolver.CONDA_LOCK), LINUX, project)

    assert outcome.failed
    (finding,) = outcome.findings
    assert finding.code == Code.CONDA_LOCK_FAILED
    assert finding.message.startswith(message)
    assert finding.fix == 'Take `mixed-resolver = "conda-lock"` out of the configuration.'


@pytest.mark.parametrize(
    ("locked", "message"),
    [
        ({"app": "1.0", "lib": "1.0"}, "conda-lock's answer does not hold: app needs lib>=2."),
        ({"app": "9.0", "lib": "2.0"}, "conda-lock failed: it chose a app that is not there"),
    ],
)
def test_an_answer_that_does_not_hold_is_not_believed(  # noqa: PLR0917 - fixtures and a case
    index: IndexServer,
    channel: str,
    project: Context,
    monkeypatch: pytest.MonkeyPatch,
    locked: dict[str, str],
    message: str,
) -> None:
    answer = {name: Version(version) for name, version in locked.items()}
    monkeypatch.setattr(CondaLock, "wheels", lambda *_: answer)
    index.add(wheel("app", "1.0", requires=["lib>=2"]), wheel("lib", "1.0"), wheel("lib", "2.0"))

    outcome = resolve(request(channel, index, [("numpy", "")], ["app"], MixedSolver.CONDA_LOCK), LINUX, project)

    assert outcome.failed
    (finding,) = outcome.findings
    assert finding.code == Code.CONDA_LOCK_FAILED
    assert finding.message.startswith(message.removesuffix("."))


def test_requirements_are_walked_to_the_end_and_round_in_circles() -> None:
    said = {
        "app": Metadata("app", "1", ("lib[fast]>=1", "here>=2", "gone; sys_platform == 'win32'")),
        "lib": Metadata(
            "lib", "1", ("app", "quick; extra == 'fast'", "slow; extra == 'slow'"), extras=("fast", "slow")
        ),
        "quick": Metadata("quick", "1", ("frame[x]",)),
        "frame": Metadata("frame", "1", ("anyway", "more; extra == 'x'"), extras=("x",)),
    }
    wheels = {name: Version("1") for name in ("app", "lib", "quick", "left-over")}
    installed = {"here": Version("1"), "frame": Version("1")}

    union = walked([Requirement("app")], wheels, installed, said.get, LINUX)

    assert union == Union(
        {"app": ("here", "lib"), "lib": ("app", "quick"), "quick": ("frame", "more")},
        (Unmet("app", Requirement("here>=2"), Version("1")), Unmet("quick", Requirement("more"), None)),
    )
