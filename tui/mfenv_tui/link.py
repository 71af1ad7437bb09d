"""Whether the daemon answers, and what to say when it does not or has nothing to show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath

from mfenv_tui.lines import Line, Signs
from mfenvd.client.errors import (
    ClientError,
    ConnectionLostError,
    DaemonNotRunningError,
    DaemonUnresponsiveError,
    OtherProtocolError,
)
from mfenvd.client.view import DaemonView
from mfenvd.domain.event import Hello
from mfenvd.domain.words import Tone


@dataclass(frozen=True)
class Link:
    """The connection as it is now: not tried yet, answering (`hello`), or broken by `error`.

    Attributes:
        hello: Who answers; kept while the connection is broken.
        error: Why nobody does.
        starting: The daemon is being started from here.
        lost: The connection was lost a moment ago and is about to be made again.
    """

    hello: Hello | None = None
    error: ClientError | None = None
    starting: bool = False
    lost: bool = False

    def told(self, news: Hello | ClientError) -> Link:
        """The connection after that; a loss alone is not said, for most are mended before one could read it."""
        if isinstance(news, Hello):
            return Link(news)
        if isinstance(news, ConnectionLostError) and self.answers and not self.lost:
            return replace(self, lost=True)
        return replace(self, error=news, lost=False)

    @property
    def answers(self) -> bool:
        return self.hello is not None and self.error is None

    @property
    def absent(self) -> bool:
        """Whether starting the daemon would help."""
        return isinstance(self.error, DaemonNotRunningError) and not self.starting

    @property
    def replaceable(self) -> bool:
        """Whether a daemon runs that is of no use: of another version, or stuck."""
        return isinstance(self.error, (OtherProtocolError, DaemonUnresponsiveError)) and not self.starting

    def badge(self, signs: Signs) -> Line:
        """The connection in two words."""
        if self.starting:
            return ((f"{signs.of(Tone.BUSY)} starting mfenvd", Tone.BUSY),)
        if self.error is not None:
            return ((f"{signs.of(Tone.BAD)} mfenvd {_trouble_word(self.error)}", Tone.BAD),)
        if self.hello is None:
            return (("connecting", "muted"),)
        return ((f"{signs.of(Tone.GOOD)} mfenvd {self.hello.version}", Tone.GOOD),)

    def notice(self, view: DaemonView, signs: Signs) -> tuple[Line, ...]:
        """What to say in place of, or above, the table; empty when the table says it all."""
        if self.starting:
            return ((("Starting mfenvd", "strong"), (signs.more, "strong")),)
        if self.error is not None:
            return _trouble(self.error, known=bool(view.verdicts))
        if view.seq is None:
            return ((("Connecting to mfenvd", "muted"), (signs.more, "muted")),)
        return _emptiness(view, signs)


def _emptiness(view: DaemonView, signs: Signs) -> tuple[Line, ...]:
    """Why the table is empty; empty when it is not."""
    if not view.projects:
        return ((("No project is watched.", "strong"),), (("Run `mfenv up` in a project's folder.", "plain"),))
    if view.verdicts or any(project.findings for project in view.projects.values()):
        return ()
    names = ", ".join(PurePath(root).name or root for root in view.projects)
    if any(project.reading for project in view.projects.values()):
        return ((("Reading ", "plain"), (names, "strong"), (signs.more, "plain")),)
    return (
        (("No environments in ", "plain"), (names, "strong"), (".", "plain")),
        (("They appear here as soon as a step of a flow is given one.", "muted"),),
    )


def _trouble(error: ClientError, *, known: bool) -> tuple[Line, ...]:
    lines: list[Line] = [((error.message, "strong"),)]
    last: Line = ((" Below is what was last known.", "muted"),) if known else ()
    if isinstance(error, DaemonNotRunningError):
        lines.append((("Press ", "plain"), ("s", "strong"), (" to start it, or run `mfenv up`.", "plain"), *last))
    elif isinstance(error, (OtherProtocolError, DaemonUnresponsiveError)):
        lines.append((("Press ", "plain"), ("s", "strong"), (" to end it and start this version's.", "plain"), *last))
    elif error.fix:
        lines.append(((error.fix, "plain"), *last))
    return tuple(lines)


def _trouble_word(error: ClientError) -> str:
    if isinstance(error, DaemonNotRunningError):
        return "not running"
    return "other version" if isinstance(error, OtherProtocolError) else "no answer"
