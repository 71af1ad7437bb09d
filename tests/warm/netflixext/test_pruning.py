"""What mfenv wrote into the extension's manifests does not gather there, and nothing of anybody else's goes."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mfenvd.warm import shared_file
from mfenvd.warm.marker import GRACE
from mfenvd.warm.netflixext import manifest, ours
from mfenvd.warm.netflixext.manifest import Entry, EnvId, Wanted
from mfenvd.warm.netflixext.marks import write_mark
from mfenvd.warm.netflixext.pruning import prune

DAY = 24 * 3600.0


def entry(resolved_on: str) -> Entry:
    return {"packages": [], "resolved_on": resolved_on, "resolved_by": "tester"}


def env_id(number: int, arch: str = "linux-64") -> EnvId:
    return EnvId(arch, f"{number % 2:040x}", f"{number:040x}")


class Machine:
    """A user's machine with one manifest."""

    def __init__(self, folder: Path) -> None:
        self.cache, self.envs, self.path = folder / "cache", folder / "envs", folder / "conda_v2.cnd"
        self._moments = map(str, itertools.count(1))

    def writes(self, id_: EnvId, *aliases: str, replace: bool = False, grace: float = GRACE) -> str:
        """As mfenv does; when it was resolved."""
        moment = next(self._moments)
        wanted = Wanted(id_, entry(moment), is_default=True, aliases=aliases)
        ours.write(self.cache, self.path, [wanted], replace=replace, grace=grace, envs_dir=str(self.envs))
        return moment

    def others_write(self, id_: EnvId, *aliases: str) -> str:
        """As another program does, where mfenv has written or not."""
        moment = next(self._moments)
        manifest.write(self.path, [Wanted(id_, entry(moment), aliases=aliases)])
        content = json.loads(self.path.read_text())
        content["environments"][id_.arch][id_.req][id_.full]["resolved_on"] = moment
        self.path.write_text(json.dumps(content))
        return moment

    def makes(self, id_: EnvId, name: str) -> Path:
        """An environment on this machine, as whoever made it."""
        prefix = self.envs / name
        prefix.mkdir(parents=True)
        write_mark(prefix, id_)
        return prefix

    def waits(self, days: float) -> None:
        for file in (self.cache / "environments" / "netflixext" / "entries").glob("*.json"):
            then = file.stat().st_mtime - days * DAY
            os.utime(file, (then, then))

    def prunes(self, *, dry_run: bool = False) -> set[EnvId]:
        return {one.id for one in prune(self.cache, dry_run=dry_run) if one.manifest == str(self.path)}

    @property
    def ids(self) -> set[EnvId]:
        return set(manifest.read(self.path))


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else puts another file in the manifest's place here."""
    monkeypatch.setattr(manifest, "_PAUSE", 0.0)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_was_resolved_by_hand_stays_two_weeks_and_what_a_flow_asked_for_three_days(machine: Machine) -> None:
    by_hand, edited = env_id(0), env_id(1)
    machine.writes(by_hand)
    machine.writes(edited, grace=ours.EDITED_GRACE)
    machine.waits(2)
    assert machine.prunes() == set()
    machine.waits(2)
    assert machine.prunes(dry_run=True) == {edited}
    assert machine.ids == {by_hand, edited}
    assert machine.prunes() == {edited}
    machine.waits(11)
    assert machine.prunes() == {by_hand}
    assert machine.ids == set()
    assert prune(machine.cache, grace=0) == ()
    assert list(ours.notes(machine.cache)) == []


def test_what_a_run_writes_back_that_had_read_it_before_goes_again(machine: Machine) -> None:
    machine.writes(env_id(0))
    as_a_run_knows_it = machine.path.read_bytes()
    machine.waits(20)
    assert machine.prunes() == {env_id(0)}
    machine.path.write_bytes(as_a_run_knows_it)
    machine.waits(20)
    assert machine.prunes() == {env_id(0)}
    machine.waits(20)
    assert machine.prunes() == set()
    assert list(ours.notes(machine.cache)) == []


def test_a_resolution_that_another_one_replaced_goes_and_a_name_that_moved_on_lets_it_go(machine: Machine) -> None:
    first, second = env_id(0), env_id(2)
    machine.writes(first, "team/env/latest")
    machine.waits(20)
    assert machine.prunes() == set()
    machine.writes(second, "team/env/latest", replace=True)
    assert machine.prunes() == {first}
    found = manifest.read(machine.path)
    assert found.named("team/env/latest") == (second.req, second.full)
    assert found.default(second.arch, second.req) == second


def test_what_is_wanted_again_stays(machine: Machine) -> None:
    machine.writes(env_id(0))
    machine.waits(20)
    ours.wanted_again(machine.cache, machine.path, env_id(0))
    assert machine.prunes() == set()
    machine.waits(20)
    machine.writes(env_id(0))
    assert machine.prunes() == set()


@pytest.mark.parametrize("name", ["metaflow_of_a_flow", "lab"])
def test_what_an_environment_on_this_machine_was_made_of_stays_as_long_as_that(machine: Machine, name: str) -> None:
    machine.writes(env_id(0))
    prefix = machine.makes(env_id(0), name)
    machine.waits(40)
    assert machine.prunes() == set()
    prefix.joinpath(".metaflowenv").unlink()
    assert machine.prunes() == {env_id(0)}


def test_what_is_wanted_while_it_is_about_to_go_stays(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.writes(env_id(0))
    machine.waits(20)
    edit = shared_file.edit

    def edit_later(path: Path, form: shared_file.Form, change: Callable[[shared_file.Content], None]) -> object:
        ours.wanted_again(machine.cache, machine.path, env_id(0))
        return edit(path, form, change)

    monkeypatch.setattr(shared_file, "edit", edit_later)
    assert machine.prunes() == set()
    assert machine.ids == {env_id(0)}


def test_what_was_about_to_be_written_when_mfenv_was_killed_is_nobodys(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shared_file, "_overwrite", killed)
        with pytest.raises(KeyboardInterrupt):
            machine.writes(env_id(0))
    machine.others_write(env_id(0))
    machine.waits(20)
    assert machine.prunes() == set()
    assert machine.ids == {env_id(0)}
    assert list(ours.notes(machine.cache)) == []


def test_a_manifest_that_is_gone_or_broken_costs_nothing(machine: Machine) -> None:
    machine.writes(env_id(0))
    machine.waits(20)
    machine.path.write_text("{")
    assert machine.prunes() == set()
    machine.path.unlink()
    assert machine.prunes() == set()
    assert not machine.path.exists()
    assert list(ours.notes(machine.cache)) == []


IDS = st.sampled_from([env_id(0), env_id(1), env_id(2), env_id(2, "osx-arm64")])
ALIASES = st.sampled_from([(), (), (), ("team/env/latest",), ("team/env/v1", "team/env/latest")])


class Life(RuleBasedStateMachine):
    """Whatever mfenv, others and time do, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.machine = Machine(Path(self._folder.name))
        self.own: dict[EnvId, str] = {}
        self.wanted: dict[EnvId, float] = {}
        self.of_others: dict[EnvId, str] = {}
        self.gone: dict[EnvId, str] = {}
        self.now = 0.0

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(id_=IDS, aliases=ALIASES, replace=st.booleans())
    def mfenv_writes(self, id_: EnvId, aliases: tuple[str, ...], replace: bool) -> None:
        is_new = id_ not in self.own and id_ not in self.of_others
        moment = self.machine.writes(id_, *aliases, replace=replace)
        if is_new:
            self.own[id_] = moment
            self.gone.pop(id_, None)
        self.wanted[id_] = self.now

    @rule(id_=IDS, aliases=ALIASES)
    def others_write(self, id_: EnvId, aliases: tuple[str, ...]) -> None:
        self.of_others[id_] = self.machine.others_write(id_, *aliases)
        self.own.pop(id_, None)
        self.gone.pop(id_, None)

    @rule(id_=IDS)
    def a_run_writes_back_what_it_had_read(self, id_: EnvId) -> None:
        if id_ in self.gone:
            self.own[id_] = self.gone.pop(id_)
            manifest.write(self.machine.path, [Wanted(id_, entry(self.own[id_]))])

    @rule(id_=IDS)
    def somebody_makes_an_environment_or_removes_it(self, id_: EnvId) -> None:
        prefix = self.machine.envs / f"{id_.arch}-{id_.full}"
        if prefix.exists():
            shutil.rmtree(prefix)
        else:
            self.machine.makes(id_, prefix.name)

    @rule(id_=IDS)
    def a_flow_wants(self, id_: EnvId) -> None:
        ours.wanted_again(self.machine.cache, self.machine.path, id_)
        self.wanted[id_] = self.now

    @rule(days=st.sampled_from([5.0, 15.0, 15.0]))
    def time_passes(self, days: float) -> None:
        self.machine.waits(days)
        self.now += days

    @rule()
    def mfenv_prunes(self) -> None:
        content = manifest.read(self.machine.path)
        due = {
            id_
            for id_ in self.own
            if self._is_old(id_)
            and not content.aliases_of(id_)
            and not (self.machine.envs / f"{id_.arch}-{id_.full}").exists()
        }
        assert self.machine.prunes() == due
        self.gone = {id_: moment for id_, moment in self.gone.items() if not self._is_old(id_)}
        for id_ in due:
            self.gone[id_] = self.own.pop(id_)
            self.wanted[id_] = self.now

    def _is_old(self, id_: EnvId) -> bool:
        return self.now - self.wanted[id_] >= GRACE / DAY

    @invariant()
    def only_what_is_known_is_there_and_all_of_it(self) -> None:
        content = manifest.read(self.machine.path)
        there = {id_: found["resolved_on"] for id_ in content if (found := content.entry(id_)) is not None}
        assert there == {**self.own, **self.of_others}
        assert set(content.aliases().values()) <= {(id_.req, id_.full) for id_ in there}


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
