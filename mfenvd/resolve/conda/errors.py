"""Why conda packages could not be solved for: one class per cause. Messages never hold credentials."""

from __future__ import annotations

from mfenvd.domain.redact import redact, without_channel_credentials


class CondaProblem(Exception):  # noqa: N818 - its subclasses say what is wrong
    """There is no solution, or it could not be told whether there is one."""


class InvalidSpec(CondaProblem):
    """What is asked for is no match spec.

    Attributes:
        spec: As it was given.
        reason: What is wrong with it.
    """

    def __init__(self, spec: str, reason: str) -> None:
        self.spec = redact(spec)
        self.reason = redact(reason)
        super().__init__(f"`{self.spec}` is not a conda requirement: {self.reason}.")


class Unsolvable(CondaProblem):
    """No set of packages meets the request.

    Attributes:
        words: The solver's own, a tree of several lines.
    """

    def __init__(self, words: str) -> None:
        self.words = redact(words)
        super().__init__(f"The request cannot be met: {self.words}")


class SolveTookTooLong(CondaProblem):
    """The solver was stopped.

    Attributes:
        seconds: For how long it had run.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"The conda solver found no answer within {seconds:g} seconds.")


class ChannelProblem(CondaProblem):
    """A channel that should have answered did not give a usable answer.

    Attributes:
        channel: Its URL, without credentials.
        detail: What happened, in a few words that follow "because" well.
    """

    def __init__(self, channel: str, detail: str, message: str) -> None:
        super().__init__(message)
        self.channel = channel
        self.detail = detail


class ChannelUnreachable(ChannelProblem):
    """No answer, or an error of the server's own (5xx), after all attempts."""

    def __init__(self, channel: str, detail: str) -> None:
        channel, detail = without_channel_credentials(channel), redact(detail)
        super().__init__(channel, detail, f"The conda channel {channel} does not answer: {detail}.")


class ChannelRefuses(ChannelProblem):
    """401 or 403."""

    def __init__(self, channel: str, status: int) -> None:
        self.status = status
        channel = without_channel_credentials(channel)
        super().__init__(channel, f"HTTP status {status}", f"The conda channel {channel} refuses us (HTTP {status}).")


class NoSuchChannel(ChannelProblem):
    """404, or a folder that is not there."""

    def __init__(self, channel: str) -> None:
        channel = without_channel_credentials(channel)
        super().__init__(channel, "nothing is there", f"There is no conda channel at {channel}.")


class ChannelUnreadable(ChannelProblem):
    """An answer that is no repodata, or not all of it."""

    def __init__(self, channel: str, detail: str) -> None:
        channel, detail = without_channel_credentials(channel), redact(detail)
        super().__init__(
            channel, detail, f"The conda channel {channel} answers with something that is no package list: {detail}."
        )
