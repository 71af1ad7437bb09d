"""What a request asks of conda on one target, in conda's own notation (match specs)."""

from __future__ import annotations

from mfenvd.domain.request import Request
from mfenvd.domain.target import Target

_OPERATORS = ("=", "<", ">", "!", "~", "[")


def match_specs(request: Request, target: Target) -> tuple[str, ...]:
    """The match specs of `request` for `target`, its Python included, in the order of the request.

    Where the request's packages do not name Python, it is the target's: `python ==3.11.7`, or any `3.11`.
    """
    packages = [*request.conda.packages, *request.conda.arch_packages.get(target.arch, ())]
    if not any(package_name(name) == "python" for name, _ in packages):
        packages += python_packages(target.python)
    return tuple(match_spec(name, spec) for name, spec in packages)


def match_spec(name: str, spec: str) -> str:
    """`pandas ==1.5.0` as one text; `spec` may be empty."""
    if not spec or spec.startswith("["):
        return f"{name}{spec}"
    return f"{name}{spec}" if spec.startswith(_OPERATORS) else f"{name} {spec}"


def package_name(name: str) -> str:
    """The package of `channel::package`, in lower case, as conda's names are."""
    return name.rpartition("::")[2].lower()


def python_packages(version: str) -> tuple[tuple[str, str], ...]:
    """`(name, spec)` for an interpreter: `3.11` means any 3.11, `3.11.7` that one, `3.13t` a free-threaded one."""
    bare = version.rstrip("t")
    python = ("python", f"=={bare}" if bare.count(".") >= 2 else f"={bare}")
    return (python, ("python-freethreading", "")) if version.endswith("t") else (python,)
