from __future__ import annotations

import msgspec

from mfenvd.domain.changes import How, changes
from mfenvd.domain.request import Kind
from mfenvd.domain.resolution import LockedPackage
from tests.support.samples import package


def told(before: list[LockedPackage], after: list[LockedPackage]) -> list[tuple[str, How]]:
    return [(change.name, change.how) for change in changes(before, after)]


def test_what_came_went_rose_and_fell_is_told_by_name() -> None:
    before = [package("gone", "1"), package("same", "1"), package("up", "1.9"), package("down", "2")]
    after = [package("new", "1"), package("same", "1"), package("up", "1.10"), package("down", "1")]
    assert told(before, after) == [
        ("down", How.DOWNGRADED), ("gone", How.REMOVED), ("new", How.ADDED), ("up", How.UPGRADED)
    ]  # fmt: skip


def test_versions_that_pep_440_does_not_know_have_no_direction() -> None:
    assert told([package("openssl", "1.1.1w")], [package("openssl", "3.0")]) == [("openssl", How.CHANGED)]


def test_another_file_of_the_same_version_is_a_change_unless_only_its_place_is_another() -> None:
    one = package("a", "1")
    elsewhere = msgspec.structs.replace(one, url="https://mirror.example/a", sha256=None)
    rebuilt = msgspec.structs.replace(one, sha256="0" * 64)
    other = msgspec.structs.replace(one, filename="a-1-cp311-cp311-linux_x86_64.whl")
    assert told([one], [elsewhere]) == []
    assert told([one], [rebuilt]) == [("a", How.OTHER_FILE)]
    assert told([one], [other]) == [("a", How.OTHER_FILE)]


def test_conda_and_pypi_packages_of_one_name_are_two() -> None:
    wheel = package("numpy", "1")
    conda = msgspec.structs.replace(wheel, kind=Kind.CONDA)
    assert told([wheel], [conda]) == [("numpy", How.ADDED), ("numpy", How.REMOVED)]
