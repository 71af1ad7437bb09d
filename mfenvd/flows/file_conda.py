"""The conda side of requirement files, and of packages that are written where a file could be named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mfenvd.condarc.configuration import CondaConfiguration
from mfenvd.domain.arch import Arch
from mfenvd.domain.finding import Location
from mfenvd.domain.match_specs import package_name, python_packages
from mfenvd.domain.request import CondaPart
from mfenvd.flows.conda_packages import conda_part
from mfenvd.flows.requirement_file import Format, RequirementFile
from mfenvd.flows.requirement_formats.conda_spec import Packages, exact_version, spec_fault, split_conda_spec
from mfenvd.flows.requirement_formats.findings import bad_conda_package


def written_in_place(path: str, written: Sequence[tuple[str, Location]], channels: tuple[str, ...]) -> RequirementFile:
    """Conda packages and channels as if the file at `path` held them and nothing else."""
    found = [(text, place, split_conda_spec(text)) for text, place in written]
    faults = [
        bad_conda_package(text, fault, place)
        for text, place, package in found
        if (fault := spec_fault(*package) if package else "it does not begin with a name") is not None
    ]
    packages = [(package, place) for _, place, package in found if package is not None]
    python = [spec for (name, spec), _ in packages if package_name(name) == "python"]
    exact = next((version for spec in python if (version := exact_version(spec))), None)
    return RequirementFile(
        path=path,
        format=Format.ENVIRONMENT_YML,
        python=exact or next(iter(python), None),
        conda=tuple(package for package, _ in packages if package_name(package[0]) != "python"),
        conda_python=tuple(filter(None, python)),
        conda_places={package_name(name): place for (name, _), place in packages},
        channels=channels,
        findings=tuple(faults),
    )


def every_conda(file: RequirementFile) -> Iterator[tuple[str, str]]:
    """The conda packages of a file, whatever arch they are for."""
    yield from file.conda
    for packages in file.arch_conda.values():
        yield from packages


def channels_of(files: Sequence[RequirementFile]) -> tuple[str, ...]:
    """The channels that the files name, by priority."""
    return tuple(dict.fromkeys(channel for file in files for channel in file.channels))


def shown_conda(files: Sequence[RequirementFile]) -> Iterator[tuple[str, str]]:
    """`(name, spec)`; behind a package for some archs only there are these in brackets."""
    only: dict[tuple[str, str], list[str]] = {}
    for file in files:
        yield from file.conda
        for arch, packages in file.arch_conda.items():
            for package in packages:
                only.setdefault(package, []).append(arch)
    for (name, spec), archs in only.items():
        yield name, f"{spec} [{', '.join(archs)}]".strip()


def minor_of(python: str) -> str:
    """`3.11` for `3.11.7`, `3.13t` for `3.13.1t`."""
    return ".".join(python.rstrip("t").split(".")[:2]) + ("t" if python.endswith("t") else "")


def conda_of_files(
    files: Sequence[RequirementFile], minor: str, interpreter: Packages | None, conda: CondaConfiguration
) -> CondaPart:
    """What the files ask of conda, with pip, which conda adds to Python.

    Args:
        files: In order.
        minor: The Python that all targets are about, as `3.11`.
        interpreter: What is asked for as Python instead of what the files say; None means what they say.
        conda: The configuration.
    """
    by_arch: dict[Arch, list[tuple[str, str]]] = {}
    for file in files:
        for arch, packages in file.arch_conda.items():
            by_arch.setdefault(arch, []).extend(packages)
    if interpreter is None:
        specs = [("python", spec) for file in files for spec in file.conda_python]
        interpreter = (*python_packages(minor), *specs)
    return conda_part(
        (("pip", ""), *interpreter, *(pair for file in files for pair in file.conda)),
        channels_of(files),
        conda,
        {arch: tuple(packages) for arch, packages in by_arch.items()},
    )
