"""What a filename says, against packaging's own parsers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from mfenvd.resolve.index.files import DistFile, package_of, recognize

_PATIENT = settings(deadline=None)

_names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,4}([_.-][A-Za-z0-9]{1,4}){0,2}", fullmatch=True)
_versions = st.from_regex(
    r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}((a|b|rc)[0-9])?(\.post[0-9])?(\.dev[0-9])?(\+cu1[0-9][0-9])?", fullmatch=True
)
_tags = st.sampled_from(["py3-none-any", "py2.py3-none-any", "cp39-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64"])
_builds = st.sampled_from(["", "1-", "2abc-"])


def _file(filename: str, name: str) -> DistFile:
    known = recognize(filename, name)
    assert known is not None
    return DistFile(name, known[1], filename, f"https://files.test/{filename}", known[0], "https://index.test")


@_PATIENT
@given(_names, _versions, _builds, _tags)
def test_a_wheel_says_what_packaging_reads(name: str, version: str, build: str, tags: str) -> None:
    filename = f"{name.replace('-', '_')}-{version}-{build}{tags}.whl"
    expected_name, expected_version, expected_build, expected_tags = parse_wheel_filename(filename)
    file = _file(filename, expected_name)
    assert (file.parsed_version, file.build, file.tags) == (expected_version, expected_build, expected_tags)
    assert package_of(filename) == expected_name


def test_a_wheel_of_a_tag_that_is_none_fits_nothing() -> None:
    assert _file("demo-1.0-py36+-none-any.whl", "demo").tags == {Tag("py36+", "none", "any")}


@_PATIENT
@given(_names, _versions, st.sampled_from([".tar.gz", ".zip"]))
def test_a_source_distribution_says_what_packaging_reads(name: str, version: str, suffix: str) -> None:
    filename = f"{name.replace('-', '_')}-{version}{suffix}"
    expected_name, expected_version = parse_sdist_filename(filename)
    assert _file(filename, expected_name).parsed_version == expected_version
    assert package_of(filename) == expected_name
    assert _file(filename, expected_name).tags == frozenset()


@_PATIENT
@given(_names, _versions)
def test_the_packages_name_splits_a_source_distribution_whose_name_has_dashes(name: str, version: str) -> None:
    assert recognize(f"{name}-{version}.tar.gz", canonicalize_name(name)) == ("sdist", version)


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0.exe",
        "demo-1.0-py3.9.egg",
        "demo-1.0.win32.msi",
        "demo-1.0-py3-none.whl",
        "demo-1.0-x-py3-none-any.whl",
        "demo-latest-py3-none-any.whl",
        "demo-latest.tar.gz",
        "other-1.0-py3-none-any.whl",
        "demo_extra-1.0.tar.gz",
        "demo-1.0.tar.gz.asc",
        "demo.tar.gz",
        "",
    ],
)
def test_what_pip_passes_over_is_passed_over(filename: str) -> None:
    assert recognize(filename, "demo") is None
