"""Versions that need what does not fit are passed over at once, and never when they could serve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.resolver import Context
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.compiled import Compiled, Need, parse_needs
from mfenvd.resolve.pypi.dead_ends import is_within
from mfenvd.resolve.pypi.platforms import UvPlatform
from mfenvd.resolve.pypi.uv import Question, Uv
from tests.resolve.pypi.resolving import filenames, resolve
from tests.support.index_server import IndexServer
from tests.support.wheels import wheel

OLD = Target(Arch.LINUX_64, "3.11", glibc="2.26")
TOO_NEW = "cp311-cp311-manylinux_2_28_x86_64"
PREFIX = "DEBUG Adding transitive dependency for "


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What uv went by in each round, as `name==version`."""
    rounds: list[list[str]] = []
    compile_ = Uv.compile

    def watched(self: Uv, question: Question, platform: UvPlatform) -> Compiled:
        answer = compile_(self, question, platform)
        rounds.append([f"{read.name}=={read.version}" for read in answer.log.read])
        return answer

    monkeypatch.setattr(Uv, "compile", watched)
    return rounds


@pytest.fixture
def models(index: IndexServer) -> IndexServer:
    """`models` needs `hub`, which since 1.0 needs `xet`, no version of which runs on `OLD`."""
    index.add(*(wheel("xet", f"1.{minor}", TOO_NEW) for minor in range(3)))
    index.add(*(wheel("hub", version, requires=["xet>=1.0,<2"]) for version in ("1.0rc1", "1.0", "1.1", "1.2")))
    index.add(wheel("hub", "0.9"))
    index.add(*(wheel("models", f"5.{minor}", requires=["hub>=1.0rc1,<2"]) for minor in range(4)))
    index.add(wheel("models", "4.0", requires=["hub<1"]))
    return index


def test_what_is_known_to_lead_nowhere_is_not_tried_again(
    models: IndexServer, project: Context, tried: list[list[str]]
) -> None:
    first = resolve(models, ["models"], OLD, project)
    tried.clear()
    second = resolve(models, ["models"], OLD, project)

    assert filenames(first) == ["hub-0.9-py3-none-any.whl", "models-4.0-py3-none-any.whl"]
    assert second == first
    assert tried == [["models==4.0", "hub==0.9"]]


def test_another_request_gains_from_it_too(models: IndexServer, project: Context, tried: list[list[str]]) -> None:
    resolve(models, ["models"], OLD, project)
    tried.clear()

    assert filenames(resolve(models, ["hub"], OLD, project)) == ["hub-0.9-py3-none-any.whl"]
    assert tried == [["hub==0.9"]]


def test_the_reason_is_told_whatever_was_known(models: IndexServer, project: Context) -> None:
    fresh = resolve(models, ["hub>=1"], OLD, project)
    resolve(models, ["models"], OLD, project)
    informed = resolve(models, ["hub>=1"], OLD, project)

    assert [finding.code for finding in fresh.findings] == [Code.GLIBC_MISMATCH]
    assert fresh.findings[0].chain == ("hub", "xet")
    assert informed == fresh


def test_what_only_the_request_rules_out_is_no_dead_end_for_others(index: IndexServer, project: Context) -> None:
    index.add(wheel("lib", "3.0", TOO_NEW), wheel("lib", "2.0"), wheel("lib", "1.0"))
    index.add(wheel("app", "2.0", requires=["lib>=2"]), wheel("app", "1.0", requires=["lib"]))

    limited = resolve(index, ["app"], OLD, project, constraints=("lib<2",))
    free = resolve(index, ["app"], OLD, project)

    assert filenames(limited) == ["app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"]
    assert filenames(free) == ["app-2.0-py3-none-any.whl", "lib-2.0-py3-none-any.whl"]


def test_a_withdrawn_version_that_is_pinned_keeps_alive_what_needs_it(index: IndexServer, project: Context) -> None:
    index.add(wheel("lib", "1.1", TOO_NEW))
    index.add(wheel("lib", "1.0"), yanked="by mistake")
    index.add(wheel("app", "2.0", requires=["lib>=1"]), wheel("app", "1.0"))

    unpinned = resolve(index, ["app"], OLD, project)
    pinned = resolve(index, ["app", "lib==1.0"], OLD, project)

    assert filenames(unpinned) == ["app-1.0-py3-none-any.whl"]
    assert filenames(pinned) == ["app-2.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl"]


def test_packages_that_need_each_other_come_to_an_end(index: IndexServer, project: Context) -> None:
    """Their pre-releases are looked into, which leads from one of them to the other and back."""
    index.add(wheel("xet", "1.0", TOO_NEW))
    index.add(wheel("hub", "2.0", requires=["xet"]), wheel("hub", "1.9", requires=["plug==2.0"]))
    index.add(wheel("hub", "1.9rc1", requires=["plug>=2.0rc1", "c==1"]), wheel("hub", "1.0"))
    index.add(wheel("plug", "2.0", requires=["hub==2.0"]), wheel("plug", "2.0rc1", requires=["hub>=1.9rc1", "c==2"]))
    index.add(wheel("c", "1"), wheel("c", "2"))
    index.add(wheel("app", "3.0", requires=["plug>=2.0rc1", "hub"]), wheel("app", "2.0", requires=["hub"]))
    index.add(wheel("app", "4.0", requires=["plug==2.0"]), wheel("app", "3.5", requires=["hub>=1.9rc1"]))

    first = resolve(index, ["app"], OLD, project)
    again = resolve(index, ["app"], OLD, project)

    assert filenames(first) == ["app-2.0-py3-none-any.whl", "hub-1.0-py3-none-any.whl"]
    assert again == first


def test_needs_are_read_from_the_log() -> None:
    lines = [
        f"{PREFIX}hub==1.0: xet{{platform_machine == 'x86_64' or os_name == 'nt'}}>=1.6.0, <2.0.0",
        f"{PREFIX}hub==1.0: xet*",
        f"{PREFIX}hub==1.0: xet[fast]>=1",
        f"{PREFIX}hub==1.0: other>=1",
        f"{PREFIX}hub==1.0: xet @ https://example.org/xet-1.0-py3-none-any.whl",
        f"{PREFIX}hub[cli]==1.0: xet>=1",
        f"{PREFIX}hub==2.0: xet>=1",
    ]

    assert list(parse_needs(lines, {"hub==1.0"}, {"xet"})) == [
        Need("hub", "1.0", "xet", ">=1.6.0, <2.0.0"),
        Need("hub", "1.0", "xet", "*"),
    ]


@pytest.mark.parametrize(
    ("versions", "inside", "outside"),
    [
        ("*", ["0", "1.0rc1", "2+cpu"], []),
        (">=1.6, <2 | ==3", ["1.6", "1.9.post1", "2rc1", "3", "3.0+cpu"], ["1.5", "2", "2.1", "3.1"]),
        (">=1, <1+", ["1", "1.0+cpu"], ["0.9", "1.1"]),
        ("<=1+", ["1", "1+cpu", "0.1"], ["1.0.post1", "2"]),
        ("∅ or so", ["1"], []),
    ],
)
def test_a_range_as_uv_writes_it(versions: str, inside: list[str], outside: list[str]) -> None:
    assert [text for text in inside + outside if is_within(Version(text), versions)] == inside


_NUMBERS = st.sampled_from(
    ("0.9", "1.0", "1.0.post1", "1.0+cpu", "1.1a1", "1.1", "1.1.1", "2.0.dev1", "2.0rc1", "2.0", "2.0.1", "3")
)
_CLAUSES = st.tuples(st.sampled_from((">=", "<=", ">", "<", "==", "!=", "~=", "===")), _NUMBERS).map("".join)


@given(clauses=st.lists(_CLAUSES | st.sampled_from(("==1.*", "!=2.0.*")), max_size=3), version=_NUMBERS)
def test_what_a_requirement_admits_is_within_it(clauses: list[str], version: str) -> None:
    """Read as a range in uv's notation, a specifier may seem wider than it is, never narrower."""
    clauses = [clause for clause in clauses if not ("+" in clause and clause[:2] not in {"==", "!="})]
    clauses = [clause for clause in clauses if clause != "~=3"]
    specifier = SpecifierSet(",".join(clauses))

    if specifier.contains(version, prereleases=True):
        assert is_within(Version(version), str(specifier) or "*")
