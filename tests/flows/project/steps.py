"""Steps as the reading of a flow file gives them."""

from __future__ import annotations

from typing import Any

from mfenvd.domain.finding import Location
from mfenvd.flows.reading import RemoteDecorator, StepReading

HERE = Location("/project/flow.py", 10, 5)


def step(**values: Any) -> StepReading:
    values.setdefault("name", "train")
    values.setdefault("location", HERE)
    return StepReading(**values)


def remote(name: str = "batch", **values: Any) -> RemoteDecorator:
    return RemoteDecorator(name, Location("/project/flow.py", 8, 5), **values)
