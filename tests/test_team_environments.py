"""An environment with a name in the team's bucket: whole before it can be found, and never in the place of another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.alias import parse_alias
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.sharing import Worded
from mfenvd.domain.surroundings import Surroundings
from mfenvd.shared_environments import AliasTakenError
from mfenvd.sharing import NotSharedWithTeamError, with_team
from mfenvd.team_bucket import Amount, Seen
from mfenvd.team_environments import TeamEnvironments
from mfenvd.warm.netflixext.entries import Origin, entry, full_id
from mfenvd.warm.netflixext.manifest import EnvId, Wanted
from tests.support.s3_server import BUCKET, Bucket, bucket

ROOT = f"s3://{BUCKET}/metaflow/conda_env"
KEYS = "metaflow/conda_env/"
V1, LATEST = parse_alias("team/env:v1"), parse_alias("team/env")


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with bucket() as one:
        yield one


@pytest.fixture
def s3(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    server.clear()
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    return server


class Machine:
    """A user's machine, with a package that an environment consists of."""

    def __init__(self, folder: Path, environ: dict[str, str], root: str = ROOT) -> None:
        self.folder, self.root = folder, root
        surroundings = Surroundings(str(folder), environ={**environ, "METAFLOW_HOME": str(folder)})
        self.context = Context(str(folder / "cache"), surroundings, str(folder), "linux-64")
        self.sent: list[Amount] = []

    def team(self, root: str | None = None) -> TeamEnvironments:
        return TeamEnvironments(root or self.root, self.context, Indexes(), quiet, self.bar)

    def bar(self, amount: Amount) -> AbstractContextManager[Seen]:
        self.sent.append(amount)
        return nullcontext(lambda _: None)

    def environment(self, content: bytes) -> tuple[Wanted, ...]:
        """As resolved for two archs."""
        file = self.folder / f"native-{len(content)}-h0_0.conda"
        file.write_bytes(content)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        sha256 = hashlib.sha256(content).hexdigest()
        package = LockedPackage("native", "1", file.name, file.as_uri(), sha256=sha256, kind=Kind.CONDA, md5=md5)
        self.packages = dict.fromkeys(("linux-64", "osx-64"), (package,))
        asked = Worded({"conda": ("native",)})
        origin = Origin("2026-03-01T10:20:30", "ana", tuple(self.packages))
        entries = {arch: entry(asked, packages, Kind.CONDA, origin) for arch, packages in self.packages.items()}
        full = full_id(entries)
        return tuple(Wanted(EnvId(arch, "a" * 40, full), made) for arch, made in entries.items())

    def share(self, wanted: tuple[Wanted, ...], *names: str) -> tuple[Wanted, ...]:
        aliases = [parse_alias(name) for name in names]
        return with_team(self.team(), ids_of(wanted), wanted, self.packages, aliases)


def quiet(step: Progress) -> None:
    del step


def ids_of(wanted: tuple[Wanted, ...]) -> tuple[str, str]:
    return wanted[0].id.req, wanted[0].id.full


def machine(folder: Path, s3: Bucket) -> Machine:
    folder.mkdir()
    return Machine(folder, s3.environ)


def test_what_has_a_name_in_the_bucket_is_there_as_a_whole(tmp_path: Path, s3: Bucket) -> None:
    ana = machine(tmp_path / "ana", s3)
    wanted = ana.environment(b"one")
    there = ana.share(wanted, "team/env:v1", "team/env")
    req, full = ids_of(wanted)
    for one in there:
        (line,) = one.entry["packages"]
        (info,) = line["cache_info"].values()
        assert s3.get(KEYS + info["url"]) == b"one"
        assert json.loads(s3.get(f"{KEYS}envs/{one.id.arch}/{req}/{full}/env")) == one.entry
    assert json.loads(s3.get(f"{KEYS}envs/aliases/full-id/{full}")) == [req, full]
    assert [ana.team().ids(alias) for alias in (V1, LATEST, parse_alias("team/env:v2"))] == [(req, full)] * 2 + [None]
    before = ana.sent.copy()
    assert ana.share(wanted, "team/env:v1") == there
    assert ana.sent == before, "all of it is there already"


def test_what_one_machine_named_another_finds_by_every_name_that_it_has(tmp_path: Path, s3: Bucket) -> None:
    ana, ben = machine(tmp_path / "ana", s3), machine(tmp_path / "ben", s3)
    wanted = ana.environment(b"one")
    there = ana.share(wanted, "team/env:v1")
    req, full = ids_of(wanted)
    assert [(one.id, one.entry, one.aliases) for one in ben.team().find(V1)] == [
        (one.id, one.entry, ("team/env/v1",)) for one in there
    ]
    for other in (full, f"{req}:{full}"):
        assert [(one.id, one.aliases) for one in ben.team().find(parse_alias(other))] == [(one.id, ()) for one in there]
    for nothing in ("team/env:v2", "c" * 40, f"{req}:{'c' * 40}", "step:Flow/1/start"):
        assert ben.team().find(parse_alias(nothing)) == ()


def test_a_name_leads_where_it_was_led_last_or_where_it_was_led_first(tmp_path: Path, s3: Bucket) -> None:
    ana, ben = machine(tmp_path / "ana", s3), machine(tmp_path / "ben", s3)
    first, second = ana.environment(b"one"), ben.environment(b"another")
    ana.share(first, "team/env")
    ben.share(second, "team/env")
    ana.share(first, "team/env", "team/env:v1")
    assert ben.team().ids(LATEST) == ids_of(first), "though it was uploaded from this machine before"
    with pytest.raises(AliasTakenError):
        ben.share(second, "team/env:v1")
    with pytest.raises(NotSharedWithTeamError, match="leads elsewhere"):
        # Somebody was faster, after it was looked at.
        ben.team().put(ids_of(second), second, {one.id: ben.packages[one.id.arch] for one in second}, [V1])
    assert ben.team().ids(V1) == ids_of(first)


def test_nothing_is_named_whose_packages_are_not_there(tmp_path: Path, s3: Bucket) -> None:
    ana = machine(tmp_path / "ana", s3)
    wanted = ana.environment(b"one")
    for file in ana.folder.glob("*.conda"):
        file.unlink()
    with pytest.raises(NotSharedWithTeamError, match=r"native-3-h0_0\.conda"):
        ana.share(wanted, "team/env:v1")
    assert s3.keys(KEYS) == []


def test_where_nothing_is_written_that_is_said_first(tmp_path: Path, s3: Bucket) -> None:
    ana = machine(tmp_path / "ana", s3)
    with pytest.raises(NotSharedWithTeamError, match="does not write to it for a project that is not trusted"):
        ana.team("s3://somebody-elses/conda_env")
    with pytest.raises(NotSharedWithTeamError, match=r"does not write to it$"):
        ana.team("az://container/conda_env")


def test_what_is_only_to_be_read_is_read_and_not_written(tmp_path: Path, s3: Bucket) -> None:
    ana, ben = machine(tmp_path / "ana", s3), machine(tmp_path / "ben", s3)
    wanted = ana.environment(b"one")
    ana.share(wanted, "team/env:v1")
    (ben.folder / "mfenv.toml").write_text("[mirror]\nread-only = true\n")
    ben.context = msgspec.structs.replace(ben.context, trusted=True)
    assert [one.id for one in ben.team().find(V1)] == [one.id for one in wanted]
    other, keys = ben.environment(b"another"), s3.keys(KEYS)
    with pytest.raises(AliasTakenError):
        ben.share(other, "team/env:v1")
    with pytest.raises(NotSharedWithTeamError, match="nothing is to be written to it"):
        ben.share(other, "team/env:v2")
    assert s3.keys(KEYS) == keys
