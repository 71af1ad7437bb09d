"""Tests that take minutes run when they are asked for; in any shell Ctrl-C ends them and modules are compiled once."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure() -> None:
    _let_ctrl_c_end()
    _compile_once()
    _be_patient()


def _compile_once() -> None:
    """Hundreds of processes import mfenv: the first leaves the bytecode for the others."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def _be_patient() -> None:
    """How long an example takes says more about the machine's other work than about the test."""
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")


def _let_ctrl_c_end() -> None:
    """Gives Ctrl-C back its meaning: what a shell runs in its background ignores it, and so would what tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "soak" in str(config.option.markexpr):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
