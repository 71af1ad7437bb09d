"""Conda environments: from a request on a target to locked packages, or to what keeps them from being."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from mfenvd.condarc.configuration import CondaConfiguration, home_of, read_conda_configuration
from mfenvd.domain.hint import kept_to
from mfenvd.domain.match_specs import match_specs
from mfenvd.domain.own_files import files_unusable
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.resolve.conda import findings
from mfenvd.resolve.conda.access import Access, access_to
from mfenvd.resolve.conda.errors import (
    ChannelProblem,
    CondaProblem,
    InvalidSpec,
    NoSuchChannel,
    SolveTookTooLong,
    Unsolvable,
)
from mfenvd.resolve.conda.lists import FRESH_FOR
from mfenvd.resolve.conda.locked import locked
from mfenvd.resolve.conda.question import Question
from mfenvd.resolve.conda.remembered import Remembered

SOLVE_WITHIN = 60.0
"""Seconds that the solver may take for one request on one target."""

_log = logging.getLogger(__name__)

Report = Callable[[Progress], None]


class CondaResolver:
    """Resolves requests of kind `conda` with py-rattler; docs/conda.md says how close it comes to micromamba.

    Args:
        recalls: Whether an answer of before will do, where nothing has changed. Who solves again and again is faster
            with the lists in memory, and loads them by solving.
    """

    def __init__(self, *, recalls: bool = False) -> None:
        self._recalls = recalls

    def resolve(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        """As `domain.resolver.Resolver` says."""
        try:
            return self._resolved(request, target, context, report)
        except InvalidSpec as problem:
            return Outcome(findings=(findings.invalid_spec(problem),))
        except NoSuchChannel as problem:
            return Outcome(findings=(findings.channel_finding(problem),))
        except ChannelProblem as problem:
            return Outcome(findings=(findings.channel_finding(problem),), failed=True)
        except SolveTookTooLong as problem:
            return Outcome(findings=(findings.took_too_long(problem),), failed=True)
        except OSError as error:
            return Outcome(findings=(files_unusable(error),), failed=True)

    def _resolved(self, request: Request, target: Target, context: Context, report: Report) -> Outcome:
        question, access = asked(request, target, context)
        remembered = Remembered(Path(context.cache_dir), request.key, question, access, refresh=context.refresh)
        known = remembered.find() if self._recalls else None
        if known is not None:
            report(Progress("done", len(known.packages), len(known.packages)))
            return Outcome(known)
        outcome = self._solved(request, question, access, context, report)
        if outcome.resolution is not None and not outcome.findings:
            remembered.keep(outcome.resolution)
        return outcome

    def _solved(
        self, request: Request, question: Question, access: Access, context: Context, report: Report
    ) -> Outcome:
        from mfenvd.resolve.conda.repodata import repodata_for
        from mfenvd.resolve.conda.solving import parsed_specs

        repodata = repodata_for(Path(context.cache_dir), access)
        requested = frozenset(spec.name.normalized for spec in parsed_specs(question.specs))
        stage = "solving" if repodata.age(str(question.target.arch)) < float("inf") else "reading channels"
        report(Progress(stage, 0, 1))
        try:
            answer = repodata.solve(question, refresh=context.refresh, again=context.hint is None)
        except Unsolvable as error:
            if context.hint is not None:
                return Outcome()
            from mfenvd.resolve.conda.diagnosis import Diagnosis

            report(Progress("looking for the reason"))
            old = repodata.old(question)
            reasons = Diagnosis(request, question, repodata).findings(error.words)
            return Outcome(findings=(*reasons, *(findings.stale(channel, since) for channel, since in old)))
        resolution = locked(request, question.target, answer.records, requested)
        count = len(resolution.packages)
        report(Progress("done", count, count))
        return Outcome(resolution, tuple(findings.stale(channel, since) for channel, since in answer.stale))

    def refresh(self, work: Sequence[tuple[Request, Target]], context: Context) -> float:
        """As `domain.resolver.Refresher` says: package lists are asked for again when half their time is over."""
        from mfenvd.resolve.conda.repodata import repodata_for

        for request, target in work:
            try:
                question, access = asked(request, target, context)
                repodata = repodata_for(Path(context.cache_dir), access)
                if repodata.age(str(target.arch)) > FRESH_FOR / 2:
                    repodata.solve(question, refresh=True)
            except CondaProblem as problem:
                # The next save says what is wrong with the request or its channels.
                _log.info("%s", problem)
        return FRESH_FOR / 2


def asked(request: Request, target: Target, context: Context) -> tuple[Question, Access]:
    """What `request` comes down to on `target`, and the way to the channels that answer it.

    Channels that only a `channel::package` names come after the request's own, as for micromamba.
    """
    configuration = configuration_of(context)
    specs, named = _placed(match_specs(request, target), configuration)
    access = access_to((*request.conda.channels, *named), configuration, context.surroundings.environ)
    question = Question(
        specs,
        access.channels,
        target,
        request.conda.channel_priority,
        constraints=kept_to(context.hint, Kind.CONDA),
        timeout=SOLVE_WITHIN,
    )
    return question, access


def configuration_of(context: Context) -> CondaConfiguration:
    """What conda is configured to, in the shell that registered the project."""
    return conda_configuration(context.surroundings)


def conda_configuration(surroundings: Surroundings) -> CondaConfiguration:
    """What conda is configured to in a shell."""
    environ = surroundings.environ
    return read_conda_configuration(environ, home_of(environ), Path(surroundings.cwd))


def _placed(specs: Sequence[str], configuration: CondaConfiguration) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`specs` with the URL of every channel that they name by name, and these channels as they were written."""
    placed, named = [], []
    for spec in specs:
        channel, separator, package = spec.rpartition("::")
        if separator:
            named.append(channel)
            urls = configuration.urls(channel)
            placed.append(f"{urls[0]}::{package}")
        else:
            placed.append(spec)
    return tuple(placed), tuple(named)
