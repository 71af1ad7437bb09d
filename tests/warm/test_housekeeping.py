"""gc removes what nobody wants, adopt takes over what Metaflow made, repair mends what an interruption left."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.settings import CacheSettings
from mfenvd.housekeeping import Housekeeping
from mfenvd.warm.marker import read_marker
from tests.support.metaflow_world import LOCAL, World
from tests.support.wheels import wheel
from tests.warm.laid_out import ID, SITE_PACKAGES, conda, environments, metaflows_own, pypi, quiet
from tests.warm.test_package_files import context

DAY = 24 * 3600.0
LONG_AGO = time.time() - 40 * DAY


def unused(prefix: Path, since: float = LONG_AGO) -> Path:
    """As if nobody had wanted or started it since then."""
    os.utime(prefix / ".mfenv.json", (since, since))
    os.utime(prefix / "bin" / "python", (since, since), follow_symlinks=False)
    return prefix


def registered(world: World) -> list[str]:
    return world.environments_file.read_text().splitlines()


def test_what_nobody_wants_is_removed_and_the_rest_stays(world: World) -> None:
    made = environments(world)
    old = unused(made.create(pypi(world, id_="aaaaaaaaaaaaaaa"), quiet))
    young = made.create(pypi(world, id_="bbbbbbbbbbbbbbb"), quiet)
    started = unused(made.create(pypi(world, id_="ccccccccccccccc"), quiet))
    os.utime(started / "bin" / "python", follow_symlinks=False)
    metaflows = metaflows_own(world, conda(world))

    told = Housekeeping(context(world)).collect(dry_run=True)
    assert [idle.prefix for idle in told.environments.idle] == [str(old)]
    assert old.exists()

    collected = Housekeeping(context(world)).collect()
    assert [(idle.prefix, idle.in_use) for idle in collected.environments.idle] == [(str(old), False)]
    assert not old.exists()
    assert sorted(registered(world)) == sorted(map(str, (young, started, metaflows)))
    assert list(old.parent.glob(".mfenv-trash-*")) == []


def test_wanting_an_environment_keeps_it(world: World) -> None:
    made, wanted = environments(world), pypi(world)
    prefix = unused(made.create(wanted, quiet))
    assert made.create(wanted, quiet) == prefix
    assert Housekeeping(context(world)).collect().environments.idle == ()


def test_what_is_in_use_stays(world: World) -> None:
    prefix = unused(environments(world).create(pypi(world), quiet))
    with subprocess.Popen([str(prefix / "bin/python3"), "-c", "input()"], stdin=subprocess.PIPE) as task:
        unused(prefix)
        idle = Housekeeping(context(world)).collect().environments.idle
        task.communicate(b"\n")
    assert [each.in_use for each in idle] == [True]
    assert prefix.exists()


def test_interrupted_builds_are_removed(world: World) -> None:
    made = environments(world)
    half = made.create(pypi(world), quiet)
    (half / ".mfenv.json").unlink()
    assert Housekeeping(context(world)).collect(dry_run=True).environments.interrupted == (str(half),)
    assert Housekeeping(context(world)).collect().environments.interrupted == (str(half),)
    assert not half.exists()
    assert registered(world) == []


def test_files_that_environments_refer_to_outlast_the_limit(world: World) -> None:
    world.index.add(wheel("lonely", "1.0"))
    made = environments(world)
    made.create(pypi(world), quiet)
    made.discard(made.create(pypi(world, "lonely-1.0-py3-none-any.whl", id_="aaaaaaaaaaaaaaa"), quiet))
    nothing = CacheSettings(max_size=0)
    cache = Housekeeping(context(world)).cache
    assert cache.shrink(nothing).files.files == 0  # asked for just now
    for folder in (world.root / "cache" / "store" / "archives").glob("*/*"):
        os.utime(folder, (LONG_AGO, LONG_AGO))
    usage = cache.usage()
    assert (usage.stored.files, usage.linked.files, usage.in_use.files) == (4, 2, 0)
    assert cache.shrink(nothing, dry_run=True).files.files == 2
    assert cache.usage().stored.files == 4
    assert cache.shrink(nothing).files.files == 2  # lonely, and pip's archive
    assert made.missing(pypi(world)) == ()


def test_a_file_that_folders_of_the_cache_share_counts_once(world: World) -> None:
    cache = world.root / "cache"
    for name in ("uv", "conda", "environments"):
        shutil.rmtree(cache / name, ignore_errors=True)
        (cache / name).mkdir(parents=True)
    (cache / "uv" / "module.py").write_bytes(bytes(5_000))
    (cache / "conda" / "module.py").hardlink_to(cache / "uv" / "module.py")
    (cache / "conda" / "libz.so").write_bytes(bytes(300))
    (cache / "environments" / "libz.so").hardlink_to(cache / "conda" / "libz.so")
    sizes = {part.name: part.size for part in Housekeeping(context(world)).cache.usage().parts}
    assert (sizes["uv"], sizes["conda"], sizes["environments"]) == (5_000, 300, 0)


def test_extracted_packages_that_nothing_is_linked_from_are_removed(world: World) -> None:
    made = environments(world)
    made.create(pypi(world), quiet)
    prefix = made.create(conda(world), quiet)
    made.discard(prefix)
    made.create(pypi(world), quiet)
    cache = world.root / "cache" / "conda"
    assert Housekeeping(context(world)).collect().extracted == ()
    for lock in cache.glob("*.lock"):
        os.utime(lock, (LONG_AGO, LONG_AGO))
    removed = Housekeeping(context(world)).collect().extracted
    assert "native-2.0-h0_0" in removed
    assert not any(name.startswith(("python-", "pip-")) for name in removed)
    assert not (cache / "native-2.0-h0_0").exists()
    assert list(cache.glob(".mfenv-trash-*")) == []

    assert made.create(msgspec.structs.replace(conda(world), id="aaaaaaaaaaaaaaa"), quiet).exists()


def test_what_metaflow_made_is_adopted_and_then_looked_after(world: World) -> None:
    prefix = metaflows_own(world, conda(world))
    keeping = Housekeeping(context(world))
    assert [candidate.prefix for candidate in keeping.adopt(dry_run=True)] == [str(prefix)]
    assert read_marker(prefix) is None

    assert [candidate.problems for candidate in keeping.adopt()] == [()]
    marker = read_marker(prefix)
    assert marker is not None
    assert (marker.adopted, marker.id, marker.platform) == (True, ID, LOCAL)
    assert keeping.adopt() == ()
    assert environments(world).missing(conda(world)) == ()
    assert environments(world).create(conda(world), quiet) == prefix

    unused(prefix)
    assert [idle.prefix for idle in keeping.collect().environments.idle] == [str(prefix)]
    assert not prefix.exists()


def test_what_is_unfinished_is_not_adopted(world: World) -> None:
    prefix = metaflows_own(world, conda(world), dies="registered")
    assert [candidate.problems for candidate in Housekeeping(context(world)).adopt()] == [("no package is linked",)]
    assert read_marker(prefix) is None


def write_manifest(world: World, *, wheels: bool) -> None:
    wanted = pypi(world) if wheels else conda(world)
    entry = {"conda": [{"url": package.url} for package in wanted.conda.packages]}
    if wanted.wheels is not None:
        entry["pypi"] = [{"url": package.url, "require_build": False} for package in wanted.wheels.packages]  # type: ignore[dict-item]
    path = world.manifest_path("SomeFlow")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({ID: {LOCAL: entry}}))


@pytest.mark.parametrize("wheels", [False, True])
def test_an_unfinished_environment_is_made_anew_from_the_manifest(world: World, wheels: bool) -> None:
    wanted = pypi(world) if wheels else conda(world)
    left = metaflows_own(world, wanted, dies="registered")
    write_manifest(world, wheels=wheels)
    keeping = Housekeeping(context(world))

    told = keeping.repair([world.project], dry_run=True)
    assert [(each.prefix, each.removed) for each in told] == [(str(left), False)]
    assert told[0].finding.code == Code.UNFINISHED_ENVIRONMENT
    assert left.exists()

    (repaired,) = keeping.repair([world.project / "deeper" / "folder"])
    assert repaired.removed
    assert repaired.made is not None
    assert registered(world) == [repaired.made]
    assert environments(world).missing(wanted) == ()
    assert keeping.repair([world.project]) == ()


def test_without_a_manifest_it_is_removed_so_that_metaflow_makes_it(world: World) -> None:
    left = metaflows_own(world, conda(world), dies="registered")
    (repaired,) = Housekeeping(context(world)).repair([world.project])
    assert (repaired.removed, repaired.made, left.exists()) == (True, None, False)
    assert registered(world) == []


def test_what_cannot_be_made_says_why(world: World) -> None:
    metaflows_own(world, conda(world), dies="registered")
    write_manifest(world, wheels=False)
    native = conda(world).conda.packages[-1].filename
    world.channel.refused.add(native)
    try:
        (repaired,) = Housekeeping(context(world)).repair([world.project])
    finally:
        world.channel.refused.clear()
    assert (repaired.removed, repaired.made) == (True, None)
    assert repaired.reason is not None
    assert repaired.reason.code == Code.NOT_DOWNLOADED


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("rm bin/python3.*", "its Python does not run"),
        ("tear .pip/metadata", "its list of wheels is cut off"),
        (f"rm {SITE_PACKAGES}/helper-1.1.dist-info/RECORD", "helper-1.1 is half installed"),
        ("rm conda-meta/pip-*", "1 of its 2 conda packages are not linked"),
        ("rm conda-meta/*.json", "no package is linked"),
    ],
)
def test_each_sort_of_damage_is_seen(world: World, damage: str, told: str) -> None:
    prefix = environments(world).create(pypi(world), quiet)
    write_manifest(world, wheels=True)
    how, _, what = damage.partition(" ")
    for path in prefix.glob(what):
        path.write_text('{"half') if how == "tear" else path.unlink()
    (repaired,) = Housekeeping(context(world)).repair([world.project], dry_run=True)
    assert told in repaired.finding.message


def test_a_sound_environment_of_metaflows_is_left_alone(world: World) -> None:
    """Also without its wheels: Metaflow goes on where it was."""
    prefix = metaflows_own(world, pypi(world))
    write_manifest(world, wheels=True)
    assert Housekeeping(context(world)).repair([world.project]) == ()
    assert prefix.exists()


def test_an_unfinished_environment_that_is_worked_on_stays(world: World) -> None:
    left = metaflows_own(world, conda(world), dies="registered")
    with subprocess.Popen(["/bin/sleep", "60"], cwd=left) as worker:
        (repaired,) = Housekeeping(context(world)).repair([world.project])
        worker.kill()
    assert not repaired.removed
    assert repaired.reason is not None
    assert repaired.reason.code == Code.MADE_ELSEWHERE
    assert left.exists()


def test_tidying_mends_compiles_and_collects(world: World) -> None:
    made = environments(world)
    old = unused(made.create(pypi(world, id_="aaaaaaaaaaaaaaa"), quiet))
    prefix = made.create(pypi(world), quiet)
    world.environments_file.write_text(f"{old}\n")
    wanted = (prefix / ".mfenv.json").stat().st_mtime

    Housekeeping(context(world)).tidy(removes=False)
    assert sorted(registered(world)) == sorted(map(str, (old, prefix)))
    unused(old)  # compiling it has started its Python
    Housekeeping(context(world)).tidy(removes=True)
    assert registered(world) == [str(prefix)]
    marker = read_marker(prefix)
    assert marker is not None
    assert marker.compiled
    assert (prefix / ".mfenv.json").stat().st_mtime == wanted
    assert list((prefix / SITE_PACKAGES / "demo").rglob("*.pyc"))
    assert len(list((prefix / SITE_PACKAGES / "pip").rglob("*.pyc"))) > 100


def test_another_homes_environment_is_not_registered_here(world: World) -> None:
    """Two users' shells, or a test's, may share mfenv's cache folder."""
    prefix = environments(world).create(pypi(world), quiet)
    world.environments_file.unlink()
    world.environ["HOME"] = str(world.root / "another")
    other = environments(world)
    assert other.sweep() == ()
    assert not (world.root / "another" / ".conda").exists()
    assert prefix.exists()
