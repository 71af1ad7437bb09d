"""A full disk is told as one, whichever program notices it."""

import errno

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.own_files import disk_full, files_unusable, says_disk_is_full
from mfenvd.warm.findings import not_linked, wheels_not_installed

UV = """\
error: Failed to install: numpy-2.4.0-cp311-cp311-manylinux_2_27_x86_64.whl (numpy==2.4.0)
  Caused by: failed to hardlink file to /cache/environments/a
  Caused by: No space left on device (os error 28)
"""


def test_the_systems_words_are_found_in_anothers() -> None:
    assert says_disk_is_full(UV) == "No space left on device"
    assert says_disk_is_full("Disk quota exceeded (os error 122)") == "Disk quota exceeded"
    assert says_disk_is_full("No solution found") is None


def test_a_full_disk_is_no_fault_of_mfenvs() -> None:
    by_uv = disk_full(UV)
    here = files_unusable(OSError(errno.ENOSPC, "No space left on device", "/cache/uv"))
    assert {by_uv.code, here.code} == {Code.FILES_UNUSABLE}
    assert "No space left on device" in by_uv.message
    assert by_uv.detail == tuple(UV.splitlines())
    assert "/cache/uv" in here.message
    assert by_uv.fix == here.fix


@pytest.mark.parametrize(
    ("words", "code"), [(UV, Code.ENVIRONMENTS_UNWRITABLE), ("error: not a wheel", Code.WHEELS_NOT_INSTALLED)]
)
def test_uv_that_finds_no_room_blames_no_wheel(words: str, code: Code) -> None:
    assert wheels_not_installed("id", "/cache/environments/a", words.splitlines()).code == code


@pytest.mark.parametrize(
    ("words", "code"),
    [("failed to link: No space left on device (os error 28)", Code.ENVIRONMENTS_UNWRITABLE), ("bad", Code.NOT_LINKED)],
)
def test_rattler_that_finds_no_room_blames_no_package(words: str, code: Code) -> None:
    assert not_linked("id", "/cache/environments/a", words).code == code
