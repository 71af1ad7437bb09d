"""What is not a wheel is refused beside conda packages before anything is solved, on this machine's arch too."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mfenvd import engine
from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.plan import Plan
from mfenvd.domain.request import Kind, Request
from mfenvd.domain.resolution import Outcome
from mfenvd.domain.resolver import Context, Progress
from mfenvd.domain.surroundings import Surroundings
from mfenvd.domain.target import Target
from mfenvd.flows.project import request_from_file
from mfenvd.paths import Paths
from mfenvd.resolve.mixed.resolver import MixedResolver
from tests.resolve.mixed.mixing import LINUX, request
from tests.resolve.pypi.resolving import ignore
from tests.support.index_server import IndexServer
from tests.support.wheels import sdist, wheel

SEED = "Cannot resolve environment across architectures as it depends on local files or non-wheel packages: "
HERE_TOO = (
    " (in a mixed environment on the same architecture too: conda-lock, which Metaflow uses for these, does not build "
    "packages from source)"
)


class NeverAsked:
    """In place of conda: nothing is solved."""

    def resolve(
        self, request: Request, target: Target, context: Context, report: Callable[[Progress], None]
    ) -> Outcome:
        raise AssertionError("conda was asked")


def refused(asked: Request, where: Context) -> Outcome:
    return MixedResolver(NeverAsked()).resolve(asked, LINUX, where, ignore)


@pytest.mark.parametrize(
    "offender",
    [
        "clip @ git+https://github.com/openai/CLIP.git@main",
        "my-package @ file:///Users/me/projects/my-package",
        "archive @ https://files.example/archive-1.0.tar.gz",
        "outlier-detector==0.0.3",
    ],
)
def test_it_is_refused_in_the_words_that_metaflows_users_know(
    index: IndexServer, channel: str, project: Context, offender: str
) -> None:
    index.add(sdist("outlier-detector", "0.0.3"), wheel("app", "1.0"))

    outcome = refused(request(channel, index, [("numpy", "")], [offender, "app"]), project)

    assert outcome.resolution is None
    (finding,) = outcome.findings
    assert finding.code == Code.NON_WHEEL_IN_MIXED
    assert finding.message == f"{SEED}{offender}{HERE_TOO}"
    assert finding.fix


def test_each_offender_is_told_at_its_own_line(tmp_path: Path, project: Context) -> None:
    file = tmp_path / "env_mixed_invalid.yml"
    file.write_text(
        """\
dependencies:
  - python=3.9
  - numpy=1.23.0
  - pip:
    # FAILS - Git repos not supported in mixed mode at all
    - my-pkg @ git+https://github.com/user/repo.git@main
""",
        "utf-8",
    )
    folders = Paths(*(str(tmp_path / name) for name in ("config", "cache", "state", "log", "run")))
    shell = Surroundings(str(tmp_path), sys.executable, environ=project.surroundings.environ)
    environment = request_from_file([file], [], None, archs=[Arch.LINUX_64], surroundings=shell, folders=folders)
    plan = Plan(str(tmp_path), (environment,))

    (job,) = engine.jobs(plan, project)
    outcome = engine.Engine({Kind.MIXED: MixedResolver(NeverAsked())}).settle(job, ignore)
    (verdict,) = engine.verdicts(plan, project, {job.key: outcome})

    assert project.local_arch == job.target.arch
    (error,) = verdict.errors
    assert error.message == f"{SEED}my-pkg @ git+https://github.com/user/repo.git@main{HERE_TOO}"
    assert (error.path, error.line) == (str(file), 6)
