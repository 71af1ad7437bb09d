"""Files come from where the package was resolved, with the project's credentials, or from what is here already."""

import logging

import msgspec
import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.request import Indexes, Kind
from mfenvd.domain.resolution import LockedPackage
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.environments import PackageFiles
from mfenvd.warm.micromamba import read_micromamba_settings
from mfenvd.warm.plan import NotMadeError
from tests.support.conda_archives import CondaArchive, conda_archive
from tests.support.index_server import IndexServer
from tests.support.metaflow_world import World
from tests.support.wheels import Archive, wheel

DEMO = wheel("demo", "1.0")


def context(world: World, **environ: str) -> Context:
    surroundings = Surroundings(str(world.project), environ=world.environ | environ)
    return Context(str(world.root / "cache"), surroundings, str(world.project), "linux-64", trusted=True)


def files(world: World, **environ: str) -> PackageFiles:
    found = context(world, **environ)
    return PackageFiles(found, read_micromamba_settings(found.surroundings, trusted=True))


def locked_wheel(index: IndexServer, archive: Archive) -> LockedPackage:
    url = f"http://{index.host}/files/{archive.filename}"
    return LockedPackage("demo", "1.0", archive.filename, url, sha256=archive.sha256)


def locked_conda(world: World, archive: CondaArchive) -> LockedPackage:
    url = f"{world.channel.url}/{archive.subdir}/{archive.filename}"
    return LockedPackage(
        "extra", "1.0", archive.filename, url, sha256=archive.sha256, kind=Kind.CONDA, channel=world.channel.url
    )


@pytest.fixture
def extra(world: World) -> CondaArchive:
    archive = conda_archive("extra", "1.0")
    (world.channel.folder / "noarch" / archive.filename).write_bytes(archive.content)
    return archive


def test_a_wheel_comes_from_its_index_with_its_credentials(world: World) -> None:
    with IndexServer(credentials=("user", "secret")) as index:
        index.add(DEMO)
        with pytest.raises(NotMadeError) as caught:
            files(world).fetch(locked_wheel(index, DEMO))
        assert caught.value.finding.code == Code.NOT_DOWNLOADED
        path = files(world, PIP_INDEX_URL=index.url_with_credentials).fetch(locked_wheel(index, DEMO))
    assert path.read_bytes() == DEMO.content


def test_an_index_that_the_environments_source_names_gets_its_credentials(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with IndexServer(credentials=("user", "hunter22")) as index:
        index.add(DEMO)
        named = Indexes(extra_index_urls=(index.url_with_credentials,))
        found = context(world)
        settings = read_micromamba_settings(found.surroundings, trusted=True)
        with caplog.at_level(logging.DEBUG):
            path = PackageFiles(found, settings, named).fetch(locked_wheel(index, DEMO))
            gone = msgspec.structs.replace(
                locked_wheel(index, DEMO), url=f"http://{index.host}/files/gone.whl", sha256="0" * 64
            )
            with pytest.raises(NotMadeError) as caught:
                PackageFiles(found, settings, named).fetch(gone)
    assert path.read_bytes() == DEMO.content
    assert b"hunter22" not in msgspec.json.encode(caught.value.finding)
    assert "hunter22" not in caplog.text
    kept = [path for path in (world.root / "cache").rglob("*") if path.is_file()]
    assert [path for path in kept if b"hunter22" in path.read_bytes()] == []


def test_a_wheel_that_is_not_there_any_more_is_told(world: World) -> None:
    filename = "gone-1.0-py3-none-any.whl"
    gone = LockedPackage("gone", "1.0", filename, f"http://{world.index.host}/files/{filename}", sha256="0" * 64)
    with pytest.raises(NotMadeError, match="404") as caught:
        files(world).fetch(gone)
    assert caught.value.finding.code == Code.NOT_DOWNLOADED


def test_another_content_is_told(world: World) -> None:
    locked = msgspec.structs.replace(locked_wheel(world.index, DEMO), sha256="0" * 64)
    with pytest.raises(NotMadeError) as caught:
        files(world).fetch(locked)
    assert caught.value.finding.code == Code.WRONG_CONTENT


def test_a_conda_package_comes_from_its_channel(world: World, extra: CondaArchive) -> None:
    world.channel.asked.clear()
    assert files(world).fetch(locked_conda(world, extra)).read_bytes() == extra.content
    assert world.channel.asked == [f"/noarch/{extra.filename}"]


def test_a_channel_that_refuses_is_told(world: World, extra: CondaArchive) -> None:
    world.channel.refused.add(extra.filename)
    try:
        with pytest.raises(NotMadeError, match="503") as caught:
            files(world).fetch(locked_conda(world, extra))
    finally:
        world.channel.refused.clear()
    assert caught.value.finding.code == Code.NOT_DOWNLOADED
    assert caught.value.finding.package == "extra"


def test_a_conda_package_that_is_cut_off_or_another_is_told(world: World, extra: CondaArchive) -> None:
    for faulty, code, words in (
        (world.channel.truncated, Code.NOT_DOWNLOADED, "the connection broke off"),
        (world.channel.broken, Code.WRONG_CONTENT, extra.sha256),
    ):
        faulty.add(extra.filename)
        try:
            with pytest.raises(NotMadeError) as caught:
                files(world).fetch(locked_conda(world, extra))
        finally:
            faulty.clear()
        finding = caught.value.finding
        assert (finding.code, finding.package) == (code, "extra")
        assert extra.filename in finding.message
        assert words in finding.message
        assert finding.fix
    assert files(world).fetch(locked_conda(world, extra)).read_bytes() == extra.content


@pytest.mark.parametrize("damaged", [False, True])
def test_what_micromamba_downloaded_is_not_downloaded_again(world: World, extra: CondaArchive, damaged: bool) -> None:
    packages = world.root / "mamba" / "pkgs"
    packages.mkdir(parents=True)
    (packages / extra.filename).write_bytes(b"damaged" if damaged else extra.content)
    world.channel.asked.clear()
    assert files(world).fetch(locked_conda(world, extra)).read_bytes() == extra.content
    assert bool(world.channel.asked) == damaged


def test_a_file_on_this_machine_is_copied(world: World) -> None:
    path = world.root / DEMO.filename
    locked = msgspec.structs.replace(locked_wheel(world.index, DEMO), url=path.as_uri())
    with pytest.raises(NotMadeError, match="cannot be read"):
        files(world).fetch(locked)
    path.write_bytes(DEMO.content)
    assert files(world).fetch(locked).read_bytes() == DEMO.content


def test_a_wheel_that_was_built_here_is_taken_from_there(world: World) -> None:
    url = "git+https://git.example/demo@0123abc"
    package = LockedPackage("demo", "1.0", DEMO.filename, url, built=True)
    with pytest.raises(NotMadeError, match="built") as caught:
        files(world).fetch(package)
    assert caught.value.finding.code == Code.NOT_DOWNLOADED
    for number, origin in enumerate(("git+https://git.example/demo@another None", f"{url} None")):
        home = world.root / "cache" / "built" / str(number)
        home.mkdir(parents=True)
        (home / DEMO.filename).write_bytes(DEMO.content)
        (home / "origin").write_text(origin)
    assert files(world).fetch(package) == world.root / "cache" / "built" / "1" / DEMO.filename
