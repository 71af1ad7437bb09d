"""Which process listens on a socket, without its help."""

from __future__ import annotations

import socket as sockets
import struct
import sys
from pathlib import Path

# <sys/un.h> of macOS; Python names neither.
_SOL_LOCAL = 0
_LOCAL_PEERPID = 0x002

_TIMEOUT = 1.0


def listener_pid(socket: Path) -> int | None:
    """The process that listens on `socket`; None when nobody does or the system does not say.

    The system notes the listener's credentials for whoever connects, so this works on a process that hangs.
    """
    if sys.platform == "win32":
        return None
    try:
        with sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM) as connected:
            connected.settimeout(_TIMEOUT)
            connected.connect(str(socket))
            if sys.platform == "darwin":
                return int(struct.unpack("i", connected.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))[0])
            credentials = connected.getsockopt(sockets.SOL_SOCKET, sockets.SO_PEERCRED, struct.calcsize("3i"))
            return int(struct.unpack("3i", credentials)[0])
    except OSError:
        return None
