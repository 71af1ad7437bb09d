"""Every solved package satisfies its dependents: walked with match specs, not with the solver."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rattler import MatchSpec, PackageRecord, RepoDataRecord

from mfenvd.domain.arch import Arch
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.access import Access
from mfenvd.resolve.conda.errors import Unsolvable
from mfenvd.resolve.conda.names import spec_name
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.repodata import Repodata
from mfenvd.resolve.conda.virtual_packages import virtual_packages
from tests.resolve.conda.asking import TARGETS
from tests.support.conda_channel import subset_repodata

NAMES = (
    "boto3", "botocore", "certifi", "click", "fonttools", "jinja2", "joblib", "libblas", "matplotlib-base", "numpy",
    "openssl", "pandas", "pillow", "pip", "pytorch", "pyyaml", "requests", "scikit-learn", "scipy", "tqdm", "urllib3",
)  # fmt: skip

VERSIONS = {
    name: sorted(
        {
            entry["version"]
            for subdir in subset_repodata().values()
            for kind in ("packages", "packages.conda")
            for entry in subdir[kind].values()
            if entry["name"] == name
        }
    )
    for name in NAMES
}


@st.composite
def specs(draw: st.DrawFn) -> tuple[str, ...]:
    """Up to six packages, some with a version or a bound, and a Python."""
    found = [f"python={draw(st.sampled_from(['3.9', '3.11', '3.12']))}"]
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True)):
        operator = draw(st.sampled_from(["", "", "", "==", "<=", ">="]))
        found.append(f"{name}{operator}{draw(st.sampled_from(VERSIONS[name]))}" if operator else name)
    return tuple(found)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    target = draw(st.sampled_from(TARGETS))
    glibc = draw(st.sampled_from(["2.17", "2.26", "2.28", "2.34"])) if target.arch.is_linux else None
    cuda = draw(st.sampled_from([None, "12.4"])) if target.arch is Arch.LINUX_64 else None
    return Target(target.arch, target.python, glibc, target.macos, cuda)


@pytest.fixture(scope="module")
def known(subset: str, tmp_path_factory: pytest.TempPathFactory) -> Repodata:
    return Repodata(tmp_path_factory.mktemp("lists"), Access((subset,)))


@given(asked=specs(), target=targets())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_graph_is_closed_and_every_edge_holds(
    asked: tuple[str, ...], target: Target, known: Repodata, tmp_path: Path
) -> None:
    try:
        records = known.solve(Question(asked, known.channels, target)).records
    except Unsolvable:
        assume(False)
    everything = [*records, *_offered(target)]
    for spec in asked:
        assert _satisfied(spec, everything), spec
    for record in records:
        assert record.subdir in {str(target.arch), "noarch"}
        for spec in record.depends:
            assert _satisfied(spec, everything), f"{record.file_name}: {spec}"
        for spec in record.constrains:
            assert _not_contradicted(spec, everything), f"{record.file_name}: {spec}"
    names = [record.name.normalized for record in records]
    assert len(names) == len(set(names))
    assert names == sorted(names)


def _offered(target: Target) -> list[PackageRecord]:
    return [
        PackageRecord(
            name=package.name, version=str(package.version), build=package.build_string, build_number=0, subdir="noarch"
        )
        for package in virtual_packages(target)
    ]


def _satisfied(spec: str, records: Sequence[PackageRecord]) -> bool:
    match = MatchSpec(spec)
    return any(match.matches(record) for record in records)


def _not_contradicted(spec: str, records: Sequence[PackageRecord]) -> bool:
    match = MatchSpec(spec)
    return all(match.matches(record) for record in records if record.name.normalized == spec_name(spec))


def test_the_walk_finds_what_does_not_hold(known: Repodata) -> None:
    records = list(known.solve(Question(("pandas", "python=3.11"), known.channels, TARGETS[0])).records)
    without: list[RepoDataRecord] = [record for record in records if record.name.normalized != "numpy"]
    pandas = next(record for record in records if record.name.normalized == "pandas")
    assert not all(_satisfied(spec, [*without, *_offered(TARGETS[0])]) for spec in pandas.depends)
