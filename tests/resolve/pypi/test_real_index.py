"""On the default index the answer is pip's. `python -m tests.bench.compare_with_pip` compares many more sets."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.resolver import PypiResolver
from tests.bench.compare_with_pip import GLIBCS, ask_mfenv, ask_pip, differences
from tests.bench.surroundings import PYTHON, context, request

pytestmark = pytest.mark.real_index

# The newest of each range needs a newer GLIBC than the oldest target has.
SETS = (
    ("numpy>=2.2,<2.4.7", "pandas==2.2.3", "requests==2.32.3"),
    ("cryptography>=42,<46", "fastapi==0.115.4", "pydantic==2.9.2", "uvicorn[standard]==0.32.0"),
)


@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"),
    reason="pip's markers are those of the machine it runs on",
)
@pytest.mark.parametrize("requirements", SETS, ids=lambda names: names[0])
def test_it_is_what_pip_takes_with_the_target_s_tags(requirements: tuple[str, ...], tmp_path: Path) -> None:
    for glibc in GLIBCS:
        target = Target(Arch.LINUX_64, PYTHON, glibc=glibc)
        ours = ask_mfenv(requirements, target, tmp_path)

        assert ours.files, ours.error
        assert differences(ours, ask_pip(requirements, target, tmp_path)) == []


def test_the_last_torch_for_an_intel_mac_is_named(tmp_path: Path) -> None:
    target = Target(Arch.OSX_64, "3.11", macos="13.0")

    outcome = PypiResolver().resolve(request(("torch==2.4.0",)), target, context(tmp_path), lambda _: None)

    (finding,) = outcome.findings
    assert finding.code == Code.WHEEL_GAP
    assert finding.fix is not None
    assert finding.fix.startswith("`torch==2.2.2` is the last with a wheel for osx-64")


def test_a_source_only_package_is_found_out_before_solving(tmp_path: Path) -> None:
    requirements = ("outlier-detector==0.0.3", "requests")
    target = Target(Arch.OSX_ARM64, "3.11", macos="13.0")

    outcome = PypiResolver().resolve(request(requirements), target, context(tmp_path), lambda _: None)

    (finding,) = outcome.findings
    assert finding.message == (
        "Cannot resolve environment across architectures as it depends on local files or non-wheel packages: "
        "outlier-detector==0.0.3"
    )
