"""A target decides alone: its tags, its markers, its Python; this machine has no say."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.markers import marker_environment
from mfenvd.domain.request import Indexes
from mfenvd.domain.resolver import Context
from mfenvd.domain.tags import wheel_tags
from mfenvd.domain.target import Target
from mfenvd.resolve.pypi.platforms import uv_platform
from mfenvd.resolve.pypi.resolver import PypiResolver
from tests.resolve.pypi.resolving import filenames, packages, request, resolve
from tests.support.index_server import IndexServer
from tests.support.wheels import wheel

TARGETS = (
    Target(Arch.LINUX_64, "3.9.23", glibc="2.26"),
    Target(Arch.LINUX_AARCH64, "3.12.1", glibc="2.17"),
    Target(Arch.OSX_64, "3.11", macos="12.0"),
    Target(Arch.OSX_ARM64, "3.13", macos="14.0"),
    Target(Arch.WIN_64, "3.10"),
)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_markers_are_the_target_s_all_of_them(index: IndexServer, project: Context, target: Target) -> None:
    """A package per variable and value; the right ones come along, in the request and as dependencies."""
    right, all_names = [], []
    environments = {other: {k: str(v) for k, v in marker_environment(other).items()} for other in TARGETS}
    for variable, own in environments[target].items():
        for value in sorted({environment[variable] for environment in environments.values()}):
            name = f"{variable}-{value or 'empty'}".replace("_", "-").replace(".", "-").lower()
            all_names.append(f"{name} ; {variable} == '{value}'")
            if own == value:
                right.append(name)
            index.add(wheel(name, "1.0"))
    index.add(wheel("root", "1.0", requires=all_names))

    as_dependencies = resolve(index, ["root"], target, project)
    as_requirements = resolve(index, all_names, target, project)

    assert sorted(p.name for p in packages(as_requirements)) == sorted(right)
    assert [p.requires for p in packages(as_dependencies) if p.name == "root"] == [tuple(sorted(right))]


def test_cuda_packages_of_a_linux_target_come_along_from_any_machine(index: IndexServer, project: Context) -> None:
    index.add(
        wheel(
            "torch",
            "2.6.0",
            requires=["nvidia-cudnn ; platform_system == 'Linux' and platform_machine == 'x86_64'", "filelock"],
        ),
        wheel("nvidia-cudnn", "9.1", "py3-none-manylinux2014_x86_64"),
        wheel("filelock", "3.0"),
    )

    def names(target: Target) -> list[str]:
        return [package.name for package in packages(resolve(index, ["torch"], target, project))]

    assert names(TARGETS[0]) == ["filelock", "nvidia-cudnn", "torch"]
    assert names(TARGETS[3]) == ["filelock", "torch"]


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_uv_takes_every_wheel_that_the_target_takes(index: IndexServer, project: Context, target: Target) -> None:
    """Else a version that fits would be passed over before anything is checked. One package per tag."""
    by_kind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for tag in wheel_tags(target):
        by_kind[tag.interpreter, tag.abi].append(tag.platform)
    kinds = [next(iter(by_kind)), ("py3", "none"), ("cp37", "abi3")]
    # uv does not know the fat3 of Power Macs' days, of which no wheel is known.
    tags = [f"{k[0]}-{k[1]}-{p}" for k in kinds for p in by_kind[k] if not p.endswith("_fat3")]
    for number, tags_of_wheel in enumerate(tags):
        index.add(wheel(f"p{number}", "1.0", tags_of_wheel))

    outcome = resolve(index, [f"p{number}" for number in range(len(tags))], target, project)

    assert len(packages(outcome)) == len(tags)


@pytest.mark.parametrize(
    ("glibc", "level"),
    [("2.5", "2.17"), ("2.17", "2.17"), ("2.18", "2.28"), ("2.28", "2.28"), ("2.29", "2.31"), ("2.34", "2.34"),
     ("2.40", "2.40"), ("2.43", "2.40")],
)  # fmt: skip
def test_the_level_is_the_nearest_that_is_not_older_as_far_as_uv_knows_any(glibc: str, level: str) -> None:
    platform = uv_platform(Target(Arch.LINUX_AARCH64, "3.11", glibc=glibc))

    assert platform.name == f"aarch64-manylinux_{level.replace('.', '_')}"
    assert platform.seen_as.glibc == level


def test_a_glibc_between_two_levels_is_exact(index: IndexServer, project: Context) -> None:
    for minor in (25, 26, 27, 28):
        index.add(wheel("demo", f"1.{minor}", f"cp311-cp311-manylinux_2_{minor}_x86_64"))

    def version(glibc: str) -> str:
        target = Target(Arch.LINUX_64, "3.11", glibc=glibc)
        return packages(resolve(index, ["demo"], target, project))[0].version

    assert [version(f"2.{minor}") for minor in (25, 26, 27, 28)] == ["1.25", "1.26", "1.27", "1.28"]


def test_many_newer_versions_that_do_not_fit_need_no_round_each(index: IndexServer, project: Context) -> None:
    for minor in range(1, 30):
        index.add(wheel("demo", f"2.{minor}", "cp311-cp311-manylinux_2_28_x86_64"))
    index.add(wheel("demo", "1.0", "cp311-cp311-manylinux_2_17_x86_64"), wheel("app", "1.0", requires=["demo"]))
    stages = []
    target = Target(Arch.LINUX_64, "3.11", glibc="2.26")
    outcome = PypiResolver().resolve(request(index, "app"), target, project, lambda p: stages.append(p.stage))

    assert filenames(outcome)[-1] == "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert [stage for stage in stages if stage.startswith("solving")] == ["solving, round 1", "solving, round 2"]


def test_what_was_found_out_is_known_the_next_time_and_changes_nothing(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("app", "1.0", requires=["demo", "gpu"]),
        wheel("demo", "2.0", "cp311-cp311-manylinux_2_28_x86_64"),
        wheel("demo", "1.0", "cp311-cp311-manylinux_2_17_x86_64"),
        wheel("gpu", "1.0", "py3-none-manylinux_2_28_x86_64", requires=["driver"]),
        wheel("gpu", "1.0", "py3-none-manylinux2014_x86_64"),
        wheel("driver", "1.0"),
    )
    target = Target(Arch.LINUX_64, "3.11", glibc="2.26")

    first = resolve(index, ["app"], target, project)
    index.log.clear()
    again = resolve(index, ["app"], target, project)
    related = resolve(index, ["demo", "gpu"], target, project)

    assert again == first
    assert len(index.log) == 0
    assert [p.name for p in packages(related)] == ["demo", "gpu"]
    assert resolve(index, ["app"], target, msgspec.structs.replace(project, refresh=True)) == first
    assert len(index.log) > 0


def test_a_free_threaded_python_gets_its_own_wheels(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("demo", "2.0", "cp313-cp313-manylinux_2_17_x86_64"),
        wheel("demo", "1.0", "cp313-cp313-manylinux_2_17_x86_64"),
        wheel("demo", "1.0", "cp313-cp313t-manylinux_2_17_x86_64"),
    )

    outcome = resolve(index, ["demo"], Target(Arch.LINUX_64, "3.13t", glibc="2.28"), project)

    assert filenames(outcome) == ["demo-1.0-cp313-cp313t-manylinux_2_17_x86_64.whl"]


@pytest.mark.parametrize("log", ["uv_resolver::resolver=debug", "off"], ids=["uv says what it reads", "uv is silent"])
def test_the_metadata_of_the_target_s_own_wheel_counts(
    index: IndexServer, project: Context, monkeypatch: pytest.MonkeyPatch, log: str
) -> None:
    monkeypatch.setattr("mfenvd.resolve.pypi.uv._LOGGING", {"RUST_LOG": log})
    index.add(
        wheel("xgboost", "2.1.4", "py3-none-manylinux_2_28_x86_64", requires=["numpy", "nvidia-nccl"]),
        wheel("xgboost", "2.1.4", "py3-none-manylinux2014_x86_64", requires=["numpy"]),
        wheel("numpy", "2.0"),
        wheel("nvidia-nccl", "1.0"),
    )

    def names(glibc: str) -> list[str]:
        target = Target(Arch.LINUX_64, "3.11", glibc=glibc)
        return [package.name for package in packages(resolve(index, ["xgboost"], target, project))]

    assert names("2.26") == ["numpy", "xgboost"]
    assert names("2.28") == ["numpy", "nvidia-nccl", "xgboost"]


def test_pre_releases_as_pip_takes_them(index: IndexServer, project: Context) -> None:
    """Where a requirement names one, where there is nothing else, or where they are asked for; nowhere else."""
    for version in ("1.0", "2.0a1", "2.0", "3.0b1"):
        index.add(wheel("demo", version))
    index.add(
        wheel("only", "1.0rc1"),
        wheel("names", "1.0", requires=["demo>=2.0a1"]),
        wheel("plain", "1.0", requires=["demo>=2"]),
        wheel("unfit", "1.0", "cp311-cp311-win_amd64"),
        wheel("unfit", "2.0a1"),
    )

    def versions(*requirements: str, pre: bool = False) -> dict[str, str]:
        outcome = resolve(index, list(requirements), TARGETS[0], project, pre=pre)
        return {package.name: package.version for package in packages(outcome)}

    assert versions("demo") == {"demo": "2.0"}
    assert versions("demo", pre=True) == {"demo": "3.0b1"}
    assert versions("demo>=2.0a1") == {"demo": "3.0b1"}
    assert versions("names")["demo"] == "3.0b1"
    assert versions("plain")["demo"] == "2.0"
    assert versions("only", "unfit") == {"only": "1.0rc1", "unfit": "2.0a1"}


def test_extras_constraints_and_local_versions(index: IndexServer, project: Context) -> None:
    index.add(
        wheel("app", "1.0", requires=["fast ; extra == 'speed'", "slow"]),
        wheel("fast", "1.0"),
        wheel("fast", "2.0"),
        wheel("slow", "1.0"),
        wheel("slow", "1.0+cpu"),
    )

    outcome = resolve(index, ["app[speed]"], TARGETS[0], project, constraints=("fast<2", "never-asked-for==9"))

    assert [(p.name, p.version, p.requires) for p in packages(outcome)] == [
        ("app", "1.0", ("fast", "slow")),
        ("fast", "1.0", ()),
        ("slow", "1.0+cpu", ()),
    ]


def test_several_indexes_are_one_to_the_resolver(project: Context) -> None:
    with IndexServer() as public, IndexServer() as private:
        public.add(wheel("demo", "1.0"), wheel("demo", "3.0"), wheel("lib", "1.0"))
        private.add(wheel("demo", "2.0"), wheel("mine", "1.0", requires=["demo<3", "lib"]))
        indexes = Indexes(index_url=public.url, extra_index_urls=(private.url,))
        outcome = resolve(public, ["mine"], TARGETS[0], project, indexes=indexes)

    assert filenames(outcome) == [
        "demo-2.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl", "mine-1.0-py3-none-any.whl",
    ]  # fmt: skip


def test_nothing_asked_for_is_nothing_needed(index: IndexServer, project: Context) -> None:
    assert packages(resolve(index, ["demo ; sys_platform == 'win32'"], TARGETS[0], project)) == ()
