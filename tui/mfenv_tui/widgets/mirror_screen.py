"""The mirror: what waits for its upload, what is in the team's bucket, how the bucket fares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from textual.binding import Binding, BindingType

from mfenv_tui.environments import age
from mfenv_tui.lines import Part, Signs
from mfenv_tui.outside import Outside
from mfenv_tui.packages import size
from mfenv_tui.widgets.panel_screen import PanelScreen, counted, fact
from mfenvd.client.view import DaemonView
from mfenvd.domain.mirror import BucketStatus, Health, MirrorStatus
from mfenvd.domain.words import Tone

BETWEEN_LOOKS = 0.5
"""Seconds; the daemon tells no more often how the mirror fares."""


class MirrorScreen(PanelScreen):
    """Shows what the daemon tells of the mirror for as long as it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("m", "dismiss", show=False)]

    def __init__(self, outside: Outside, view: DaemonView, signs: Signs) -> None:
        super().__init__(signs)
        self._outside = outside
        self._view = view

    def on_mount(self) -> None:
        self._show()
        self.set_interval(BETWEEN_LOOKS, self._show)

    def _show(self) -> None:
        mirror = self._view.mirror or MirrorStatus()
        self.say(_parts(mirror, self._outside.clock(), self.signs))


def _parts(mirror: MirrorStatus, now: float, signs: Signs) -> Iterator[Part]:
    yield (("Mirror", "strong"),)
    if mirror.paused:
        yield ((f"{signs.of(Tone.WARNING)} paused ", Tone.WARNING), ("`mfenv mirror resume` uploads again.", "plain"))
    for bucket in mirror.buckets:
        yield ()
        yield from _bucket(bucket, now, signs)
    if not mirror.buckets:
        yield (("No bucket was needed yet: no project that is watched keeps its packages in one.", "plain"),)


def _bucket(bucket: BucketStatus, now: float, signs: Signs) -> Iterator[Part]:
    tone = _tone(bucket.health)
    yield ((bucket.url, "strong"), (f" at {bucket.endpoint}" if bucket.endpoint else "", "muted"))
    since = f" {signs.dot} {age(now - bucket.since)}" if bucket.since is not None else ""
    yield fact("health", f"{signs.of(tone)} {bucket.health.value.replace('-', ' ')}", tone, since)
    if bucket.problem:
        yield fact("note" if bucket.health is Health.OK else "last error", bucket.problem)
    yield fact("there", _amount(bucket.objects, bucket.bytes, signs))
    if bucket.here:
        yield fact("here", _amount(bucket.here, bucket.here_bytes, signs))
    rate = f" {signs.dot} {size(int(bucket.rate))}/s" if bucket.rate else ""
    yield fact("waiting", _amount(bucket.waiting, bucket.waiting_bytes, signs), "plain", rate)


def _tone(health: Health) -> Tone:
    if health is Health.OK:
        return Tone.GOOD
    return Tone.WARNING if health is Health.READ_ONLY else Tone.BAD


def _amount(objects: int, length: int, signs: Signs) -> str:
    return f"{counted(objects, 'package')} {signs.dot} {size(length)}"
