"""What this machine runs on, and what its network costs, as far as the system says."""

from __future__ import annotations

import shutil
import subprocess

from mfenvd.domain.mirror import Bucket

LOOK_SECONDS = 30.0
"""Between two looks while something is sent, or waits because of it."""

# NetworkManager's NMMetered: 1 is yes, 3 is yes by guess, as for a phone's hotspot.
_METERED = frozenset({"u 1", "u 3"})
_NETWORK_MANAGER = "org.freedesktop.NetworkManager"
_TIME_LIMIT = 5.0


def reason_to_wait(bucket: Bucket) -> str:
    """Why nothing is to be sent to `bucket` just now, as a sentence; empty when it may be."""
    if bucket.pause_on_battery and runs_on_battery():
        return "Uploads wait until this machine is plugged in."
    if bucket.pause_on_metered and is_metered():
        return "Uploads wait until the network is not a metered one."
    return ""


def runs_on_battery() -> bool:
    """Whether the machine is known to run on its battery."""
    import psutil

    # Not every system that psutil knows has it.
    battery = getattr(psutil, "sensors_battery", lambda: None)()
    return battery is not None and battery.power_plugged is False


def is_metered() -> bool:
    """Whether NetworkManager says that the network is paid for by what goes through; False where there is none."""
    busctl = shutil.which("busctl")
    if busctl is None:
        return False
    place = f"/{_NETWORK_MANAGER.replace('.', '/')}"
    command = [busctl, "--system", "get-property", _NETWORK_MANAGER, place, _NETWORK_MANAGER, "Metered"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_TIME_LIMIT
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() in _METERED
