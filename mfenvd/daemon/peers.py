"""Who is at the other end of a unix socket."""

from __future__ import annotations

import os
import socket
import struct
import sys

# From <sys/un.h> and <sys/ucred.h> on macOS; Python names neither.
_SOL_LOCAL = 0
_LOCAL_PEERCRED = 1
_XUCRED = struct.Struct("=II")


def peer_uid(connection: socket.socket) -> int | None:
    """The user id of the process that connected; None where the system does not tell."""
    if sys.platform == "linux":
        ucred = struct.Struct("=iII")
        _, uid, _ = ucred.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, ucred.size))
        return int(uid)
    if sys.platform == "darwin":
        _, uid = _XUCRED.unpack(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, 76)[: _XUCRED.size])
        return int(uid)
    return None


def may_ask(connection: socket.socket) -> bool:
    """Whether the other side is the daemon's own user or root.

    Where the system does not tell, the socket's folder, which only the user may enter, has decided already.
    """
    if sys.platform == "win32":
        return True
    uid = peer_uid(connection)
    return uid is None or uid in {os.geteuid(), 0}
