"""What can go wrong between a client and the daemon: one class per cause, each with what to do about it."""

from __future__ import annotations

from pathlib import Path

from mfenvd.domain.event import PROTOCOL


class ClientError(Exception):
    """Base of all: `message` says what happened, `fix` what to do, in one line each; `fix` may be None."""

    def __init__(self, message: str, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class DaemonNotRunningError(ClientError):
    """Nobody listens on the socket."""

    def __init__(self, socket: Path) -> None:
        super().__init__(f"mfenvd is not running (nobody answers on {socket}).", "Run `mfenv up` to start it.")


class SocketRefusedError(ClientError):
    """The socket is there, but this user may not use it."""

    def __init__(self, socket: Path) -> None:
        super().__init__(
            f"No permission to use {socket}.",
            "It belongs to another user: unset XDG_RUNTIME_DIR or set MFENV_HOME to a folder of your own.",
        )


class SocketPathTooLongError(ClientError):
    """The operating system limits the length of a socket's path to about 100 bytes."""

    def __init__(self, socket: Path) -> None:
        super().__init__(
            f"The path {socket} is too long for a socket.", "Set MFENV_HOME to a folder with a short path."
        )


class DaemonUnresponsiveError(ClientError):
    """Connected, but no answer came in time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"mfenvd does not answer within {seconds:g} s.",
            "Look at `mfenv logs`, then stop it with `mfenv down --force` and start it again with `mfenv up`.",
        )


class ConnectionLostError(ClientError):
    """The daemon went away in the middle of an answer."""

    def __init__(self) -> None:
        super().__init__(
            "mfenvd closed the connection before it had answered.",
            "It was stopped or it failed: `mfenv logs` says which, `mfenv up` starts it again.",
        )


class OtherProtocolError(ClientError):
    """The daemon is of a version that speaks differently."""

    def __init__(self, version: str, protocol: int) -> None:
        super().__init__(
            f"mfenvd {version} is running and speaks protocol {protocol}; this mfenv speaks protocol {PROTOCOL}.",
            "Run `mfenv down`, then `mfenv up`, to run the daemon of this version.",
        )


class UnexpectedAnswerError(ClientError):
    """Something answers on the socket, but not as mfenvd does."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"mfenvd's answer cannot be read: {problem}.",
            "Run `mfenv down --force`, then `mfenv up`, to run the daemon of this version.",
        )


class RequestRefusedError(ClientError):
    """The daemon understood and said no, in its own words."""

    def __init__(self, status: int, message: str, fix: str | None) -> None:
        super().__init__(message, fix)
        self.status = status


class StartFailedError(ClientError):
    """The daemon could not be started, for `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"mfenvd did not start: {reason}", "`mfenv logs` has the details; `mfenvd run` starts it in the foreground."
        )


class StartTimedOutError(ClientError):
    """The daemon was started but did not get ready in time."""

    def __init__(self) -> None:
        super().__init__(
            "mfenvd was started but is not ready yet.",
            "Try again in a moment; `mfenv logs` shows what it is doing.",
        )
