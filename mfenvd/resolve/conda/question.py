"""What the solver is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from mfenvd.domain.request import ChannelPriority
from mfenvd.domain.target import Target
from mfenvd.resolve.conda.lists import NOARCH

if TYPE_CHECKING:
    from rattler import GenericVirtualPackage


class Question(msgspec.Struct, frozen=True):
    """What to solve for.

    Attributes:
        specs: conda match specs.
        channels: URLs, the first having the highest priority; nothing else is looked at, whatever the channels
            themselves say of further ones (CEP 42).
        target: Whose subdir, noarch and virtual packages count.
        priority: What the order of the channels means.
        virtual: In place of the target's own virtual packages; None for these.
        constraints: Match specs that must hold for whatever else is chosen, without asking for anything.
        timeout: Seconds that the solver may take, once all repodata is there.
    """

    specs: tuple[str, ...]
    channels: tuple[str, ...]
    target: Target
    priority: ChannelPriority = ChannelPriority.FLEXIBLE
    virtual: tuple[GenericVirtualPackage, ...] | None = None
    constraints: tuple[str, ...] = ()
    timeout: float = 60.0

    @property
    def subdirs(self) -> tuple[str, str]:
        """Where packages may come from."""
        return str(self.target.arch), NOARCH
