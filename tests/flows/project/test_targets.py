from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Location, Severity
from mfenvd.domain.plan import Environment, PlannedTarget
from mfenvd.domain.settings import Settings, TargetSettings
from mfenvd.domain.target import DEFAULT_CUDA, Target
from mfenvd.flows import findings
from mfenvd.flows.decospecs import Decospec, parse_decospec
from mfenvd.flows.floors import ProjectTargets
from mfenvd.flows.host import Host
from mfenvd.flows.launches import Launch
from mfenvd.flows.metaflow_config import MetaflowConfig, Setting
from mfenvd.flows.shared_targets import share_lowest
from mfenvd.flows.targets import requested_targets, step_targets
from tests.flows.project.conftest import LINUX, MAC
from tests.flows.project.steps import remote, step


def project(host: Host, settings: Settings | None = None, python: str = "3.11.7", **metaflow: str) -> ProjectTargets:
    values = {f"METAFLOW_{name}": Setting(value) for name, value in metaflow.items()}
    return ProjectTargets(settings or Settings(), MetaflowConfig(values), host, python)


def launch(*names: str, image: str | None = None) -> Launch:
    specs = tuple(Decospec(name, image) for name in names)
    return Launch(
        ("/project/flow.py",), specs, Location("/project/deploy.sh", 3), "launched --with batch in deploy.sh:3"
    )


def planned(host: Host = MAC, *launches: Launch, given: Any = None, **options: Any) -> dict[str, PlannedTarget]:
    found = step_targets(given or step(), options.pop("resolved", "3.11"), launches, project(host, **options))
    return {str(target.target.arch): target for target in found.targets}


def codes(target: PlannedTarget) -> list[str]:
    return [str(finding.code) for finding in target.findings]


# Which targets, and why


def test_the_local_arch_is_always_a_target() -> None:
    assert {arch: t.reasons for arch, t in planned(MAC).items()} == {"osx-arm64": ("local",)}
    assert {arch: t.reasons for arch, t in planned(LINUX).items()} == {"linux-64": ("local",)}


def test_a_machine_that_no_arch_is_known_for_has_no_local_target() -> None:
    assert planned(Host(None, "3.11.7")) == {}


def test_a_remote_decorator_adds_linux_with_its_name_and_step() -> None:
    found = planned(given=step(remote=(remote("batch"),)))
    assert found["linux-64"].reasons == ("@batch on train",)


def test_a_condition_is_part_of_the_reason() -> None:
    found = planned(given=step(remote=(remote("batch", condition='os.getenv("EN_BATCH")'),)))
    assert found["linux-64"].reasons == ('@batch on train if os.getenv("EN_BATCH")',)


@pytest.mark.parametrize("variable", ["DECOSPECS", "RUN_DECOSPECS", "DEFAULT_DECOSPECS"])
def test_metaflows_configuration_makes_every_step_remote(variable: str) -> None:
    found = planned(MAC, **{variable: "retry batch:cpu=2"})
    assert found["linux-64"].reasons == (f"--with batch by METAFLOW_{variable}",)


def test_mfenvs_own_configuration_does_too() -> None:
    origins = {"with.0": Location("/project/mfenv.toml", 1)}
    found = planned(MAC, settings=Settings(launch_with=("kubernetes:cpu=2", "resources"), origins=origins))
    assert found["linux-64"].reasons == ("--with kubernetes by `with` in mfenv.toml",)


def test_a_launch_in_a_script_does_too_and_other_decorators_do_not() -> None:
    assert planned(MAC, launch("retry", "batch"))["linux-64"].reasons == ("launched --with batch in deploy.sh:3",)
    assert "linux-64" not in planned(MAC, launch("resources"))


def test_archs_that_are_asked_for_are_added() -> None:
    settings = Settings(archs=(Arch.WIN_64, Arch.OSX_64), origins={"archs": Location("/project/mfenv.toml", 1)})
    found = planned(MAC, settings=settings)
    assert list(found) == ["osx-arm64", "win-64", "osx-64"]
    assert found["win-64"].reasons == ("archs in mfenv.toml",)


def test_all_reasons_for_one_target_are_kept() -> None:
    settings = Settings(archs=(Arch.LINUX_64,), origins={"archs": Location("/project/mfenv.toml", 1)})
    found = planned(LINUX, launch("batch"), given=step(remote=(remote("batch"),)), settings=settings)
    assert found["linux-64"].reasons == (
        "local", "@batch on train", "launched --with batch in deploy.sh:3", "archs in mfenv.toml"
    )  # fmt: skip


def test_remote_decorators_are_named_once() -> None:
    found = step_targets(step(remote=(remote("batch"),)), "3.11", [launch("batch", "kubernetes")], project(MAC))
    assert found.remote == ("batch", "kubernetes")


def test_kubernetes_runs_where_metaflow_says() -> None:
    found = planned(given=step(remote=(remote("kubernetes"), remote("batch"))), KUBERNETES_CONDA_ARCH="linux-aarch64")
    assert found["linux-aarch64"].reasons == ("@kubernetes on train",)
    assert found["linux-64"].reasons == ("@batch on train",)


def test_a_decorator_that_says_its_arch_runs_there() -> None:
    assert "linux-aarch64" in planned(given=step(remote=(remote("slurm", arch="linux-aarch64"),)))


# GLIBC


def glibc(found: dict[str, PlannedTarget], arch: str = "linux-64") -> tuple[str | None, list[str]]:
    return found[arch].target.glibc, codes(found[arch])


def test_glibc_that_is_configured_is_first() -> None:
    settings = Settings(targets={Arch.LINUX_64: TargetSettings(glibc="2.17", image="ubuntu:22.04")})
    given = step(remote=(remote("batch", image="amazonlinux:2023"),))
    assert glibc(planned(LINUX, given=given, settings=settings)) == ("2.17", [])


def test_a_configured_image_is_configured() -> None:
    settings = Settings(targets={Arch.LINUX_64: TargetSettings(image="ubuntu:22.04")})
    given = step(remote=(remote("batch", image="amazonlinux:2"),))
    assert glibc(planned(given=given, settings=settings)) == ("2.35", [])


def test_then_the_steps_image() -> None:
    given = step(remote=(remote("batch", image="amazonlinux:2"),))
    assert glibc(planned(given=given, BATCH_CONTAINER_IMAGE="ubuntu:22.04")) == ("2.26", [])
    assert glibc(planned(MAC, launch("batch", image="ubuntu:20.04"))) == ("2.31", [])


def test_an_image_at_launch_does_not_replace_the_steps_own() -> None:
    given = step(remote=(remote("batch", image="amazonlinux:2023"),))
    assert glibc(planned(MAC, launch("batch", image="amazonlinux:2"), given=given)) == ("2.34", [])


@pytest.mark.parametrize("variable", ["BATCH_CONTAINER_IMAGE", "DEFAULT_CONTAINER_IMAGE"])
def test_then_metaflows_configured_image(variable: str) -> None:
    assert glibc(planned(MAC, given=step(remote=(remote("batch"),)), **{variable: "amazonlinux:2023"})) == ("2.34", [])


def test_then_the_python_image_of_the_launching_interpreter() -> None:
    given = step(remote=(remote("batch"),), python="3.12")
    assert glibc(planned(given=given, python="3.8.10")) == ("2.36", [])
    assert glibc(planned(given=given, python="3.11.7")) == ("2.41", [])


def test_for_the_local_arch_this_machines() -> None:
    assert glibc(planned(LINUX)) == ("2.36", [])


def test_else_it_is_assumed_and_said() -> None:
    settings = Settings(archs=(Arch.LINUX_64,), origins={"archs": Location("/project/mfenv.toml", 4)})
    found = planned(MAC, settings=settings)
    assert glibc(found) == ("2.26", [Code.GLIBC_ASSUMED])
    (notice,) = found["linux-64"].findings
    assert (notice.severity, notice.path, notice.line) == (Severity.NOTICE, "/project/mfenv.toml", 4)
    assert glibc(planned(Host(Arch.LINUX_64, "3.11.7"))) == ("2.26", [Code.GLIBC_ASSUMED])
    assert glibc(planned(given=step(remote=(remote("slurm"),)))) == ("2.26", [Code.GLIBC_ASSUMED])


def test_an_arch_that_is_asked_for_and_used_remotely_has_the_remote_glibc() -> None:
    settings = Settings(archs=(Arch.LINUX_64,))
    given = step(remote=(remote("batch", image="amazonlinux:2023"),))
    assert glibc(planned(MAC, given=given, settings=settings)) == ("2.34", [])


def test_an_unknown_image_is_said_at_its_decorator() -> None:
    found = planned(given=step(remote=(remote("batch", image="corp/trainer:1"),)))
    assert glibc(found) == ("2.26", [Code.UNKNOWN_IMAGE])
    (warning,) = found["linux-64"].findings
    assert (warning.severity, warning.line) == (Severity.WARNING, 8)
    assert "corp/trainer:1" in warning.message


def test_an_image_that_is_known_at_run_time_only_is_not_taken_for_the_default() -> None:
    found = planned(given=step(remote=(remote("batch", image_known=False),)))
    assert glibc(found) == ("2.26", [Code.UNKNOWN_IMAGE])
    assert "@batch" in found["linux-64"].findings[0].message


def test_an_image_without_glibc_blocks() -> None:
    found = planned(given=step(remote=(remote("batch", image="python:3.11-alpine"),)))
    assert codes(found["linux-64"]) == [Code.NO_GLIBC]
    assert found["linux-64"].broken


def test_a_step_that_only_runs_remotely_has_its_images_glibc_on_a_machine_of_the_same_arch() -> None:
    given = step(remote=(remote("kubernetes", image="ubuntu:24.04"),))
    assert glibc(planned(LINUX, given=given)) == ("2.39", [])


def test_a_step_that_runs_here_and_there_has_the_lowest_and_says_so() -> None:
    found = planned(LINUX, launch("batch", image="ubuntu:24.04"))
    assert glibc(found) == ("2.36", [Code.LOWEST_GLIBC])
    (notice,) = found["linux-64"].findings
    assert "2.36 of this machine" in notice.message
    assert "2.39 of image ubuntu:24.04" in notice.message
    conditional = step(remote=(remote("batch", image="ubuntu:24.04", condition="X"),))
    assert glibc(planned(LINUX, given=conditional)) == ("2.36", [Code.LOWEST_GLIBC])


# macOS, CUDA, Python


def test_macos_is_this_macs_and_13_elsewhere() -> None:
    settings = Settings(archs=(Arch.OSX_64,))
    assert planned(MAC, settings=settings)["osx-64"].target.macos == "14.5"
    assert planned(LINUX, settings=settings)["osx-64"].target.macos == "13.0"


def test_macos_and_cuda_can_be_configured() -> None:
    targets = {Arch.OSX_64: TargetSettings(macos="12"), Arch.LINUX_64: TargetSettings(cuda="12.4")}
    found = planned(MAC, settings=Settings(archs=(Arch.OSX_64, Arch.LINUX_64), targets=targets))
    assert found["osx-64"].target.macos == "12.0"
    assert found["linux-64"].target.cuda == "12.4"
    assert found["osx-arm64"].target.cuda is None


def test_a_targets_python_is_for_steps_that_declare_none() -> None:
    settings = Settings(targets={Arch.OSX_ARM64: TargetSettings(python="3.10")})
    assert planned(MAC, settings=settings, resolved="3.11.7")["osx-arm64"].target.python == "3.10"
    declared = step(python="3.12")
    assert planned(MAC, given=declared, settings=settings, resolved="3.12")["osx-arm64"].target.python == "3.12"


# Environments that no flow names, and environments that are shared


def test_an_environment_of_the_configuration_has_its_archs_or_the_projects() -> None:
    origin = Location("/project/mfenv.toml", 3)
    settings = Settings(archs=(Arch.LINUX_64,))
    mine = requested_targets((Arch.OSX_ARM64, Arch.WIN_64), "3.11", project(MAC, settings), origin, declared=True)
    assert [t.target.arch for t in mine] == [Arch.OSX_ARM64, Arch.WIN_64]
    assert {t.reasons for t in mine} == {("archs in mfenv.toml",)}
    projects = requested_targets((), "3.11", project(MAC, settings), origin, declared=True)
    assert [t.target.arch for t in projects] == [Arch.OSX_ARM64, Arch.LINUX_64]


def test_an_arch_that_is_this_machines_has_this_machines_glibc() -> None:
    (mine,) = requested_targets((Arch.LINUX_64,), "3.11", project(LINUX), None, declared=True)
    assert (mine.target.glibc, mine.findings) == ("2.36", ())


def environment(name: str, *targets: Target) -> Environment:
    return Environment("/project/flow.py", "F", name, targets=tuple(PlannedTarget(t, ("local",)) for t in targets))


def linux(version: str, python: str = "3.11", arch: Arch = Arch.LINUX_64) -> Target:
    return Target(arch, python, glibc=version)


def test_steps_that_share_a_request_are_resolved_for_the_lowest() -> None:
    a, b = environment("a", linux("2.36")), environment("b", linux("2.4", arch=Arch.LINUX_AARCH64), linux("2.26"))
    first, second = share_lowest([("k", a), ("k", b)])
    assert first.targets[0].target.glibc == "2.26"
    (notice,) = first.targets[0].findings
    assert notice.code == Code.LOWEST_GLIBC
    assert "2.36 for a, 2.26 for b" in notice.message
    assert second is b


def test_versions_are_compared_as_versions() -> None:
    first, _ = share_lowest([("k", environment("a", linux("2.17"))), ("k", environment("b", linux("2.5")))])
    assert first.targets[0].target.glibc == "2.5"


def gpu(cuda: str | None, glibc: str = "2.36") -> Target:
    return Target(Arch.LINUX_64, "3.11", glibc=glibc, cuda=cuda)


def test_an_environment_with_a_gpu_and_without_is_resolved_without_cuda() -> None:
    assumed = findings.cuda_assumed("batch", Arch.LINUX_64, None)
    train = Environment("/p/f.py", "F", "train", targets=(PlannedTarget(gpu("12.4", "2.26"), ("local",), (assumed,)),))
    start, lowered = share_lowest([("k", environment("start", gpu(None))), ("k", train)])
    assert start.targets[0].target == lowered.targets[0].target == gpu(None, "2.26")
    assert [finding.code for finding in start.targets[0].findings] == [Code.LOWEST_GLIBC]
    (notice,) = lowered.targets[0].findings
    assert notice.code == Code.LOWEST_CUDA
    assert "none for start, 12.4 for train" in notice.message
    assert '"cuda-version": "12.4"' in (notice.fix or "")


def test_of_several_drivers_the_lowest_counts() -> None:
    a, b = share_lowest([("k", environment("a", gpu("12.4"))), ("k", environment("b", gpu("12.10")))])
    assert a.targets[0].target.cuda == b.targets[0].target.cuda == "12.4"


def test_other_requests_pythons_and_archs_share_nothing() -> None:
    given = [
        ("k", environment("a", linux("2.36"))),
        ("k", environment("b", linux("2.26", python="3.12"))),
        ("k", environment("c", linux("2.26", arch=Arch.LINUX_AARCH64))),
        ("l", environment("d", linux("2.17"))),
        ("", environment("e", linux("2.12"))),
        ("k", environment("f", Target(Arch.OSX_64, "3.11", macos="13.0"))),
    ]
    assert share_lowest(given) == tuple(environment for _, environment in given)


def test_this_machine_is_described() -> None:
    from mfenvd.flows.host import this_host

    host = this_host()
    assert host.arch is None or host.arch.is_linux == (Path("/proc/self").exists())
    assert host.python.count(".") == 2


# CUDA, which conda packages ask for


def cuda(found: dict[str, PlannedTarget]) -> dict[str, str | None]:
    return {arch: planned.target.cuda for arch, planned in found.items()}


def conda_step(**values: Any) -> Any:
    return step(kind="conda", **values)


def on_gpu(host: Host = MAC, *launches: Launch, given: Any, **overrides: Any) -> dict[str, PlannedTarget]:
    settings = overrides.pop("settings", None)
    decides = msgspec.structs.replace(project(host, settings), **overrides)
    found = step_targets(given, "3.11", launches, decides)
    return {str(target.target.arch): target for target in found.targets}


def test_a_step_that_asks_for_a_gpu_gets_cuda_where_it_runs() -> None:
    found = on_gpu(given=conda_step(remote=(remote("batch", gpu=1),)))
    assert cuda(found) == {"osx-arm64": None, "linux-64": DEFAULT_CUDA}
    assert found["linux-64"].reasons == ("@batch on train", f"CUDA {DEFAULT_CUDA} assumed: @batch asks for a GPU")
    assert codes(found["linux-64"])[-2:] == [Code.CUDA_ASSUMED, Code.METAFLOW_WITHOUT_CUDA]


@pytest.mark.parametrize("given", [step(kind="pypi", remote=(remote(gpu=1),)), conda_step(remote=(remote(gpu=0),))])
def test_without_conda_packages_or_a_gpu_there_is_none(given: Any) -> None:
    assert cuda(on_gpu(given=given))["linux-64"] is None


@pytest.mark.parametrize(
    ("given", "specs"),
    [
        (conda_step(gpu=1), ("batch",)), (conda_step(), ("batch:gpu=2",)), (conda_step(), ("batch", "resources:gpu=1")),
    ],
)  # fmt: skip
def test_a_launch_brings_the_step_to_a_gpu(given: Any, specs: tuple[str, ...]) -> None:
    launched = Launch(
        ("/project/flow.py",), tuple(map(parse_decospec, specs)), Location("/project/go.sh", 1), "launched"
    )
    assert cuda(on_gpu(MAC, launched, given=given))["linux-64"] == DEFAULT_CUDA


def test_resources_alone_run_nothing_elsewhere() -> None:
    assert cuda(on_gpu(given=conda_step(gpu=1))) == {"osx-arm64": None}


def test_the_configuration_and_the_variable_say_which_driver() -> None:
    settings = Settings(targets={Arch.LINUX_64: TargetSettings(cuda="11.8")})
    given = conda_step(remote=(remote("batch", gpu=1),))
    configured = on_gpu(given=given, settings=settings)["linux-64"]
    assert (configured.target.cuda, configured.reasons[-1]) == ("11.8", "CUDA 11.8 as configured")
    assert Code.CUDA_ASSUMED not in codes(configured)
    assert Code.METAFLOW_WITHOUT_CUDA in codes(configured)
    both = on_gpu(given=given, settings=settings, conda_cuda="12.6")["linux-64"]
    assert (both.target.cuda, Code.METAFLOW_WITHOUT_CUDA in codes(both)) == ("11.8", False)
    told = on_gpu(given=given, conda_cuda="12.6")["linux-64"]
    assert (told.target.cuda, told.reasons[-1]) == ("12.6", "CUDA 12.6 by CONDA_OVERRIDE_CUDA")
    assert cuda(on_gpu(LINUX, given=conda_step(), conda_cuda="12.6")) == {"linux-64": "12.6"}
    assert cuda(on_gpu(given=given, conda_cuda=""))["linux-64"] is None


def test_conda_packages_take_the_glibc_that_metaflow_hands_to_micromamba() -> None:
    given = conda_step(remote=(remote("batch", image="amazonlinux:2"),))
    assert on_gpu(given=given, conda_glibc="2.31")["linux-64"].target.glibc == "2.31"
    assert on_gpu(given=given)["linux-64"].target.glibc == "2.26"
    assert on_gpu(given=given, conda_glibc="nonsense")["linux-64"].target.glibc == "2.26"
    wheels = step(kind="pypi", remote=(remote("batch", image="amazonlinux:2"),))
    assert on_gpu(given=wheels, conda_glibc="2.31")["linux-64"].target.glibc == "2.26"
    configured = Settings(targets={Arch.LINUX_64: TargetSettings(glibc="2.17")})
    assert on_gpu(given=given, conda_glibc="2.31", settings=configured)["linux-64"].target.glibc == "2.17"
