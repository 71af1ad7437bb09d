"""What uv prints is read as what it says."""

from __future__ import annotations

import pytest

from mfenvd.resolve.pypi.compiled import Log, Pinned, Read, parse_compiled, parse_log

OUTPUT = """\
certifi==2026.1.1
    # via requests
demo @ https://user:pass@files.example/demo-1.0-py3-none-any.whl#sha256=00
requests[socks]==2.32.3
    # via
    #   -c constraints.txt
    #   -r requirements.in
    #   Demo
    #   mlflow_skinny
torch==2.6.0+cpu
"""

LOG = """\
DEBUG Solving with target Python version: >=3.11.7
DEBUG Selecting: Zope.Interface==7.0 [compatible] (zope.interface-7.0-cp311-cp311-macosx_11_0_arm64.whl)
DEBUG Selecting: demo==1.0 [compatible] (demo-1.0.tar.gz)
DEBUG Selecting: demo==1.0 [compatible] (demo-1.0-py3-none-any.whl)
DEBUG Selecting: demo==1.0 [compatible] (demo-1.0-py3-none-any.whl)
WARN something else
error: No solution found
  cause: Because Selecting: demo==9
"""


def test_packages_with_their_addresses_and_who_needs_them() -> None:
    assert parse_compiled(OUTPUT) == (
        Pinned("certifi", "2026.1.1", via=("requests",)),
        Pinned("demo", url="https://user:pass@files.example/demo-1.0-py3-none-any.whl#sha256=00"),
        Pinned("requests", "2.32.3", extras=("socks",), via=("demo", "mlflow-skinny")),
        Pinned("torch", "2.6.0+cpu"),
    )


def test_a_line_of_another_form_is_no_package() -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_compiled("demo>=1.0\n")


def test_the_log_names_wheels_and_the_rest_is_the_message() -> None:
    log, rest = parse_log(LOG)

    assert log.read == (
        Read("zope-interface", "7.0", "zope.interface-7.0-cp311-cp311-macosx_11_0_arm64.whl"),
        Read("demo", "1.0", "demo-1.0-py3-none-any.whl"),
    )
    assert rest.splitlines() == ["error: No solution found", "  cause: Because Selecting: demo==9"]


def test_a_log_in_other_words_says_nothing() -> None:
    assert parse_log("DEBUG Choosing demo 1.0 (demo-1.0-py3-none-any.whl)\n") == (Log(), "")
