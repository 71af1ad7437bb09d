"""Runs py-rattler's coroutines from blocking code: see `mfenvd.awaiting`."""

from mfenvd.awaiting import awaited

__all__ = ["awaited"]
