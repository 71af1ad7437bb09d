"""The resolution is what an exhaustive search over wheels finds, whatever the index and the target."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from mfenvd.domain.resolution import Outcome
from mfenvd.domain.target import Target
from tests.resolve.pypi.generated import TARGETS, Search, World, worlds
from tests.resolve.pypi.resolving import context, filenames, packages, resolve
from tests.support.index_server import IndexServer

_PATIENT = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@_PATIENT
@given(world=worlds(tree=True), target=st.sampled_from(TARGETS))
def test_without_clashes_it_is_the_newest_of_everything_that_works(world: World, target: Target) -> None:
    outcome = _resolved(world, ["p0"], target)

    expected = Search(world, target).newest([Requirement("p0")])

    if expected is None:
        assert outcome.resolution is None
        assert outcome.findings
        assert not outcome.failed
    else:
        assert filenames(outcome) == [expected[name].filename for name in sorted(expected)]


@_PATIENT
@given(world=worlds(tree=False), target=st.sampled_from(TARGETS))
def test_with_clashes_it_is_one_of_the_consistent_sets_and_there_is_one_when_any_exists(
    world: World, target: Target
) -> None:
    roots = ["p0", "p1"]
    outcome = _resolved(world, roots, target)

    search = Search(world, target)
    sets = [sorted(one.filename for one in found.values()) for found in search.solutions(list(map(Requirement, roots)))]

    if sets:
        assert sorted(filenames(outcome)) in sets
    else:
        assert outcome.resolution is None
        assert not outcome.failed


@_PATIENT
@given(world=worlds(tree=False), target=st.sampled_from(TARGETS))
def test_who_needs_whom_is_what_the_chosen_wheels_say(world: World, target: Target) -> None:
    outcome = _resolved(world, ["p0"], target)
    if outcome.resolution is None:
        return

    search = Search(world, target)
    by_filename = {one.filename: one for one in world.wheels}

    for package in packages(outcome):
        needs = {need.name for need in search.needs(by_filename[package.filename])}
        assert package.requires == tuple(sorted(needs))
        assert package.requested == (package.name == "p0")


def _resolved(world: World, roots: list[str], target: Target) -> Outcome:
    """Resolved from nothing, and once more with all that was found out: that must not change the answer."""
    with tempfile.TemporaryDirectory() as folder, IndexServer() as server:
        world.serve(server)
        outcome = resolve(server, roots, target, context(Path(folder)))
        assert resolve(server, roots, target, context(Path(folder))) == outcome
    note(f"{target}: {outcome}")
    for one in world.wheels:
        note(f"{one}")
    return outcome
