"""Asks py-rattler's solver; whatever it raises becomes one class per cause."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import rattler
from rattler import Channel, Gateway, MatchSpec, RepoDataRecord, Subdir
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError

from mfenvd.awaiting import awaited
from mfenvd.domain.request import ChannelPriority
from mfenvd.resolve.conda.channel_failures import channel_problem
from mfenvd.resolve.conda.errors import InvalidSpec, SolveTookTooLong, Unsolvable
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.virtual_packages import virtual_packages

_PRIORITIES = {
    ChannelPriority.STRICT: rattler.ChannelPriority.Strict,
    ChannelPriority.FLEXIBLE: rattler.ChannelPriority.Flexible,
    ChannelPriority.DISABLED: rattler.ChannelPriority.Disabled,
}

_PREAMBLE = "Cannot solve the request because of: "
_STOPPED = "Solve operation has been cancelled"
_FAILED_FOR_ANOTHER = "a coalesced request failed"

_TIMES_AGAIN = 5
"""One for each arch: every time one of the solves that wait is told the reason."""


def solve(question: Question, gateway: Gateway) -> tuple[RepoDataRecord, ...]:
    """The packages that answer `question`, sorted by name. Blocking.

    Args:
        question: What to solve for.
        gateway: Where repodata comes from.

    Raises:
        InvalidSpec: A spec or constraint is not one.
        ChannelProblem: A channel gives no usable answer.
        SolveTookTooLong: The time is up.
        Unsolvable: There are no such packages.
    """
    specs, constraints = parsed_specs(question.specs), parsed_specs(question.constraints)
    if question.priority is ChannelPriority.STRICT:
        specs, constraints = _whole_packages(specs, constraints)
    try:
        records = _told_why(lambda: awaited(_solve(question, specs, constraints, gateway)))
    except SolverError as error:
        words = str(error).removeprefix(_PREAMBLE).strip()
        if words == _STOPPED:
            raise SolveTookTooLong(question.timeout) from error
        raise Unsolvable(words) from error
    except GatewayError as error:
        raise channel_problem(str(error), question.channels, question.subdirs, gateway) from error
    return tuple(sorted(records, key=lambda record: record.name.normalized))


def _told_why(ask: Callable[[], list[RepoDataRecord]]) -> list[RepoDataRecord]:
    """What `ask` returns; it is called again where a list failed to come that another solve had asked for first.

    That one alone is told the reason.
    """
    for _ in range(_TIMES_AGAIN):
        try:
            return ask()
        except GatewayError as error:
            if not str(error).startswith(_FAILED_FOR_ANOTHER):
                raise
    return ask()


async def _solve(
    question: Question, specs: list[MatchSpec], constraints: list[MatchSpec], gateway: Gateway
) -> list[RepoDataRecord]:
    virtual = virtual_packages(question.target) if question.virtual is None else question.virtual
    return await rattler.solve(
        [Channel(url) for url in question.channels],
        specs,
        gateway,
        platforms=[Subdir(subdir) for subdir in question.subdirs],
        virtual_packages=virtual,
        timeout=dt.timedelta(seconds=question.timeout),
        channel_priority=_PRIORITIES[question.priority],
        constraints=constraints,
        channel_relations="disabled",
        add_pip_as_python_dependency=True,  # as Metaflow has micromamba do it
    )


def parsed_specs(specs: Sequence[str]) -> list[MatchSpec]:
    """`specs` as py-rattler knows them, in the lenient spelling that conda and micromamba take.

    Raises:
        InvalidSpec: One of them is not a match spec.
    """
    found = []
    for spec in specs:
        try:
            found.append(MatchSpec(spec, strict=False))
        except InvalidMatchSpecError as error:
            raise InvalidSpec(spec, str(error).splitlines()[0]) from error
    return found


def _whole_packages(specs: list[MatchSpec], constraints: list[MatchSpec]) -> tuple[list[MatchSpec], list[MatchSpec]]:
    """The same question, put so that the solver sees every version of what is asked for.

    Otherwise a channel that has a package, but not in a version that is asked for, would not count as having it, and
    the next channel would do where conda's strict priority says no.
    """
    by_name = [spec for spec in specs if spec.channel is None]
    names = [MatchSpec(spec.name.normalized) for spec in by_name]
    return [spec for spec in specs if spec.channel is not None] + names, constraints + by_name
