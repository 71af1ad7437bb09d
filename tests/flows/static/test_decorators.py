"""Decorators: remote ones, conditional ones, those of other packages, and those that cannot be followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfenvd.domain.finding import Severity
from tests.flows.static.reading import errors, flow, line_of, read, read_flow, read_start

PYPI = "@pypi(packages={'a': '1'})"


def test_image_and_gpu_of_a_remote_decorator(tmp_path: Path) -> None:
    source = flow(f"@batch(image=IMAGE, gpu=1)\n{PYPI}", header="TAG = '2'\nIMAGE = f'amazonlinux:{TAG}'")

    (remote,) = read_start(tmp_path, source).remote

    assert (remote.name, remote.image, remote.gpu, remote.condition) == ("batch", "amazonlinux:2", 1, None)
    assert remote.location.line == line_of(source, "@batch")


@pytest.mark.parametrize(
    ("decorators", "gpu"),
    [
        ("@kubernetes", None),
        ("@kubernetes(gpu='2')", 2),
        ("@resources(gpu=4)\n@kubernetes(gpu=1)", 4),
        ("@kubernetes\n@resources(gpu=1)", 1),
        ("@kubernetes(gpu=0)", 0),
    ],
)
def test_gpus_are_the_larger_of_the_decorator_and_resources(decorators: str, gpu: int | None, tmp_path: Path) -> None:
    (remote,) = read_start(tmp_path, flow(decorators)).remote

    assert remote.gpu == gpu


def test_resources_alone_are_not_remote(tmp_path: Path) -> None:
    assert not read_start(tmp_path, flow("@resources(gpu=1)")).remote


@pytest.mark.parametrize("name", ["nvidia", "snowpark", "slurm", "nvct", "skypilot_step"])
def test_compute_decorators_of_extensions_are_remote(name: str, tmp_path: Path) -> None:
    step = read_start(tmp_path, flow(f"@{name}(gpu=1)", header=f"from metaflow import {name}"))

    assert [remote.name for remote in step.remote] == [name]


def test_kubernetes_runs_on_the_configured_arch(tmp_path: Path) -> None:
    environ = {"METAFLOW_KUBERNETES_CONDA_ARCH": "linux-aarch64"}

    (remote,) = read_start(tmp_path, flow("@kubernetes"), environ=environ).remote

    assert remote.arch == "linux-aarch64"


def test_an_unknown_image_leaves_the_environment_known(tmp_path: Path) -> None:
    step = read_start(tmp_path, flow(f"@batch(image=lib.IMAGE)\n{PYPI}", header="import lib"))

    assert not errors(step)
    assert step.pypi == {"a": "1"}
    assert step.remote[0].image is None
    assert [finding.severity for finding in step.findings] == [Severity.NOTICE]


ENABLE = """\
def enable(decorator, flag):
    def apply(f):
        return decorator(f) if flag == "1" else f
    return apply
"""


@pytest.mark.parametrize("environ", [{}, {"EN_BATCH": "1"}, {"EN_BATCH": "0"}])
@pytest.mark.parametrize("header", [ENABLE, "from lib import enable"], ids=["own", "of another package"])
def test_a_decorator_that_takes_a_remote_one_makes_the_step_remote_if(
    environ: dict[str, str], header: str, tmp_path: Path
) -> None:
    expression = 'enable(batch(image="x:1", gpu=1), flag=os.getenv("EN_BATCH"))'
    source = flow(f"@{expression}\n{PYPI}", header=header)

    step = read_start(tmp_path, source, environ=environ)

    (remote,) = step.remote
    assert (remote.name, remote.image, remote.gpu, remote.condition) == ("batch", "x:1", 1, expression)
    assert not errors(step)
    assert step.pypi == {"a": "1"}
    (notice,) = step.findings
    assert (notice.code, notice.severity) == ("MFE106", Severity.NOTICE)
    assert notice.line == line_of(source, "@enable")


def test_a_decorator_that_fails_without_a_variable_is_remote_if(tmp_path: Path) -> None:
    source = flow(f"@enable(batch(cpu=1), flag=int(os.getenv('EN_BATCH')))\n{PYPI}", header=ENABLE)

    step = read_start(tmp_path, source)

    assert [remote.name for remote in step.remote] == ["batch"]
    assert not errors(step)


def test_remote_under_an_unknown_condition(tmp_path: Path) -> None:
    header = "import lib\ndef maybe(f):\n    if lib.ON:\n        return batch(cpu=1)(f)\n    return f"

    step = read_start(tmp_path, flow(f"@maybe\n{PYPI}", header=header))

    assert [(remote.name, remote.condition) for remote in step.remote] == [("batch", "lib.ON")]
    assert not errors(step)


def test_an_environment_under_an_unknown_condition_is_unknown(tmp_path: Path) -> None:
    header = "import lib\ndef maybe(f):\n    if lib.ON:\n        return pypi(packages={})(f)\n    return f"

    step = read_start(tmp_path, flow("@maybe", header=header))

    assert [finding.code for finding in errors(step)] == ["MFE102"]
    assert "`lib.ON`" in errors(step)[0].message


def test_an_environment_handed_to_another_package_is_unknown(tmp_path: Path) -> None:
    source = flow("@enable(pypi(packages={'a': '1'}), flag=True)", header="from lib import enable")

    (finding,) = errors(read_start(tmp_path, source))

    assert finding.code == "MFE102"
    assert finding.line == line_of(source, "@enable")


@pytest.mark.parametrize(
    "decorators",
    [
        "@lib.traced",
        "@lib.traced(level=2)",
        "@traced",
        "@lib.make().traced",
        "@checkpoint(load=True)",
        "@gpu_profile(interval=1)",
    ],
)
@pytest.mark.parametrize("above", [True, False], ids=["above", "below"])
def test_decorators_of_other_packages_leave_environments_alone(decorators: str, above: bool, tmp_path: Path) -> None:
    header = (
        "import lib\nfrom lib import traced\nfrom metaflow import checkpoint\nfrom metaflow_profile import gpu_profile"
    )
    stack = f"{decorators}\n{PYPI}" if above else f"{PYPI}\n{decorators}"

    step = read_start(tmp_path, flow(stack, header=header))

    assert not step.findings
    assert step.pypi == {"a": "1"}


def test_decorators_of_other_packages_inside_a_helper_leave_environments_alone(tmp_path: Path) -> None:
    header = "import lib\ndef env(f):\n    return pypi(packages={'a': '1'})(lib.traced(kubernetes(cpu=1)(f)))"

    step = read_start(tmp_path, flow("@env", header=header))

    assert not step.findings
    assert step.pypi == {"a": "1"}
    assert [remote.name for remote in step.remote] == ["kubernetes"]


def test_a_decorator_of_the_project_that_cannot_be_followed_makes_the_environment_unknown(tmp_path: Path) -> None:
    header = "import lib\ndef env(f):\n    return lib.registry['x'](pypi, f)"

    step = read_start(tmp_path, flow("@env", header=header))

    assert [finding.code for finding in errors(step)] == ["MFE102"]


def test_unknown_keyword_arguments_are_said(tmp_path: Path) -> None:
    (finding,) = errors(read_start(tmp_path, flow("@pypi(**lib.ENV)", header="import lib")))

    assert "arguments of @pypi" in finding.message
    assert "`lib.ENV`" in finding.message


def test_decorators_that_deploy_say_nothing_of_environments(tmp_path: Path) -> None:
    source = flow(decorators="@trigger(event='x')\n@schedule(daily=True)\n@project(name='p')")

    reading = read_flow(tmp_path, source)
    assert [*reading.findings, *(finding for step in reading.steps for finding in step.findings)] == []


def test_a_flow_decorator_that_cannot_be_followed_concerns_every_step(tmp_path: Path) -> None:
    header = "import lib\ndef base(cls):\n    return lib.registry['x'](pypi_base, cls)"

    flow_reading = read_flow(tmp_path, flow(PYPI, header=header, decorators="@base"))

    assert [[finding.code for finding in errors(step)] for step in flow_reading.steps] == [["MFE102"], ["MFE102"]]


def test_named_environments(tmp_path: Path) -> None:
    source = flow("@named_env(name='team/train:v1', fetch_at_exec=True)", header="from metaflow import named_env")

    step = read_start(tmp_path, source)

    assert (step.named_env, step.fetch_at_exec, step.kind) == ("team/train:v1", True, None)


def test_channels_and_indexes_of_netflixext(tmp_path: Path) -> None:
    source = flow(
        "@conda(libraries={'a': '1'}, channels=['pytorch'], pip_packages={'b': '2'}, pip_sources=['https://x/simple'])",
        decorators="@conda_base(channels=['nvidia', 'pytorch'])\n@pypi_base(extra_indices=['https://y/simple'])",
    )

    step = read_start(tmp_path, source)

    assert step.channels == ("pytorch", "nvidia")
    assert step.indexes == ("https://y/simple", "https://x/simple")
    assert (step.kind, step.conda, step.pypi) == ("mixed", {"a": "1"}, {"b": "2"})


def test_steps_keep_the_order_of_the_file_and_their_lines(tmp_path: Path) -> None:
    header = "def env(f):\n    @functools.wraps(f)\n    def wrapper(self):\n        return f(self)\n    return wrapper"
    source = flow("@env", header=header)

    steps = read_flow(tmp_path, source).steps

    assert [(step.name, step.location.line) for step in steps] == [
        ("start", line_of(source, "def start")), ("end", line_of(source, "def end")),
    ]  # fmt: skip


def test_several_flows_of_a_file_are_read_apart(tmp_path: Path) -> None:
    source = flow(PYPI) + flow("@pypi(packages={'b': '2'})").replace("class F(", "class G(").replace("F()", "G()")

    flows = read(tmp_path, source).flows

    assert [(found.name, found.steps[0].pypi) for found in flows] == [("F", {"a": "1"}), ("G", {"b": "2"})]
