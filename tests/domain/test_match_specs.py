from mfenvd.domain.arch import Arch
from mfenvd.domain.match_specs import match_spec, match_specs, package_name
from mfenvd.domain.request import CondaPart, Kind, Request
from mfenvd.domain.target import Target


def asked(*packages: tuple[str, str], **archs: tuple[tuple[str, str], ...]) -> Request:
    by_arch = {Arch(name.replace("_", "-")): found for name, found in archs.items()}
    return Request(Kind.CONDA, "3.11", conda=CondaPart(packages, arch_packages=by_arch))


def specs(request: Request, python: str = "3.11.7", arch: Arch = Arch.LINUX_64) -> tuple[str, ...]:
    return match_specs(request, Target(arch, python))


def test_a_package_with_its_version_is_one_text() -> None:
    assert match_spec("numpy", "") == "numpy"
    assert match_spec("numpy", ">=1,<2") == "numpy>=1,<2"
    assert match_spec("conda-forge::numpy", "==1.2") == "conda-forge::numpy==1.2"
    assert match_spec("numpy", "1.2.*") == "numpy 1.2.*"
    assert match_spec("numpy", "=1.2=py39_0") == "numpy=1.2=py39_0"
    assert match_spec("numpy", "[version='>=1']") == "numpy[version='>=1']"


def test_python_is_the_targets_unless_the_request_names_it() -> None:
    assert specs(asked(("numpy", ""))) == ("numpy", "python==3.11.7")
    assert specs(asked(("numpy", "")), "3.11") == ("numpy", "python=3.11")
    assert specs(asked(), "3.13t") == ("python=3.13", "python-freethreading")
    assert specs(asked(("conda-forge::Python", ">=3.9"))) == ("conda-forge::Python>=3.9",)


def test_what_is_asked_for_on_one_arch_is_asked_for_there_alone() -> None:
    request = asked(("python", "=3.11"), linux_64=(("cudnn", ""),), win_64=(("pywin32", ">=300"),))
    assert specs(request) == ("python=3.11", "cudnn")
    assert specs(request, arch=Arch.WIN_64) == ("python=3.11", "pywin32>=300")
    assert specs(request, arch=Arch.OSX_64) == ("python=3.11",)


def test_a_package_is_named_without_its_channel() -> None:
    assert package_name("conda-forge::NumPy") == "numpy"
    assert package_name("https://host.example/x::numpy") == "numpy"
