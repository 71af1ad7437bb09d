"""A worker's look at which wheels, or conda builds, of a package there are."""

from __future__ import annotations

from pathlib import Path

from mfenvd.daemon.frames import Found, LookUp

SEE_LOG = "`mfenv logs` has the details."


def looked_up(order: LookUp) -> Found:
    """What the project's indexes, or conda's channels, have, or why that cannot be told."""
    return _conda(order) if order.conda else _wheels(order)


def _wheels(order: LookUp) -> Found:
    # A worker that resolves conda environments does without what asks indexes.
    from packaging.requirements import InvalidRequirement, Requirement

    from mfenvd.resolve.index.errors import IndexProblem, NoSuchPackage
    from mfenvd.resolve.index.findings import index_finding
    from mfenvd.resolve.wheels import look_up

    folder, cache = Path(order.root), Path(order.cache_dir)
    try:
        found = look_up(order.package, order.surroundings, folder, cache, limit=order.limit)
        if found.rows:
            return Found(found)
        newest = look_up(Requirement(order.package).name, order.surroundings, folder, cache, limit=1).rows
    except InvalidRequirement:
        return Found(
            refusal=f"`{order.package}` is not a package name.",
            fix="Write a name, or a name and a version: `torch==2.2.2`.",
        )
    except NoSuchPackage as error:
        return Found(refusal=str(error))
    except IndexProblem as error:
        finding = index_finding(error)
        return Found(refusal=finding.message, fix=finding.fix)
    return Found(
        refusal=f"There is no such version: {order.package}.",
        fix=f"The newest is {newest[0].version}." if newest else None,
    )


def _conda(order: LookUp) -> Found:
    # A worker that resolves wheels alone does without what solves conda environments.
    from mfenvd.resolve.conda.availability import NoSuchCondaPackage
    from mfenvd.resolve.conda.by_arch import look_up_conda
    from mfenvd.resolve.conda.errors import ChannelProblem, CondaProblem, InvalidSpec
    from mfenvd.resolve.conda.findings import channel_finding

    try:
        return Found(look_up_conda(order.package, order.surroundings, Path(order.cache_dir), limit=order.limit))
    except InvalidSpec:
        return Found(
            refusal=f"`{order.package}` is not a conda package.",
            fix="Write a name, or a name and a version: `numpy=1.26`.",
        )
    except NoSuchCondaPackage as problem:
        return Found(refusal=str(problem), fix=f"The nearest is {problem.nearest}." if problem.nearest else None)
    except ChannelProblem as problem:
        finding = channel_finding(problem)
        return Found(refusal=finding.message, fix=finding.fix)
    except CondaProblem as problem:
        return Found(refusal=str(problem))
