"""Environment ids by Metaflow's rules (2.19.39, `conda_environment.get_environment`), where there is no Metaflow."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mfenvd.domain.identity import Identity
from mfenvd.domain.loaded import DeclaredStep
from mfenvd.domain.pins import pinned_packages

DEPLOYED = {"argo-workflows": "kubernetes", "airflow": "kubernetes", "step-functions": "batch"}
"""The remote decorator that `create` of each attaches to every step."""


def content_id(content: Mapping[str, Any], package_root: str) -> str:
    """The id of an environment that is made of `content`."""
    text = json.dumps(_sorted({**content, "package_root": package_root}))
    return hashlib.sha256(text.encode()).hexdigest()[:15]


def conda_platform() -> str:
    """`utils.conda_platform`: linux-64 on every 64-bit Linux."""
    if platform.system() != "Darwin":
        return "linux-64" if sys.maxsize > 2**32 else "linux-32"
    return "osx-arm64" if platform.machine() == "arm64" else "osx-64"


def local_root(cwd: Path, config: Mapping[str, str]) -> Path:
    """The `.metaflow` folder of a launch in `cwd` (`LocalStorage.get_datastore_root_from_config`)."""
    sysroot = config.get("METAFLOW_DATASTORE_SYSROOT_LOCAL")
    if sysroot:
        return Path(cwd, sysroot, ".metaflow")
    found = next((folder for folder in (cwd, *cwd.parents) if (folder / ".metaflow").is_dir()), cwd)
    return (found / ".metaflow").resolve()


def package_root(datastore: str, root: Path, config: Mapping[str, str]) -> str | None:
    """Where packages are kept in the datastore; None when the configuration does not say."""
    configured = config.get(f"METAFLOW_CONDA_PACKAGE_{datastore.upper()}ROOT")
    if configured:
        return configured
    sysroot = str(root) if datastore == "local" else config.get(f"METAFLOW_DATASTORE_SYSROOT_{datastore.upper()}")
    return f"{sysroot}/conda" if sysroot else None


def content(step: DeclaredStep, remote: Sequence[str], python: str, datastore: str, config: Mapping[str, str]) -> Any:
    """What is hashed of a step; None for a disabled one.

    Args:
        step: As it was read.
        remote: The remote decorators that it has, in their order.
        python: Of the launching interpreter, as `X.Y.Z`.
        datastore: One of `pins.DATASTORES`.
        config: The environment with Metaflow's configuration below it.
    """
    if step.disabled:
        return None
    local = conda_platform()
    arch = config.get("METAFLOW_KUBERNETES_CONDA_ARCH") if remote[:1] == ["kubernetes"] else None
    target = (arch or "linux-64") if remote else local
    wanted = step.python or python
    packages = {**pinned_packages(datastore), **step.packages}
    if step.kind != "pypi":
        return {"conda": {"packages": packages, "python": wanted, "platforms": [target]}}
    keyring = {"keyrings.google-artifactregistry-auth": ">=1.1.1"}
    return {
        "conda": {
            "packages": keyring if config.get("GOOGLE_APPLICATION_CREDENTIALS") else {},
            "python": wanted,
            "platforms": list(dict.fromkeys((target, local))),
        },
        "pypi": {"packages": packages, "python": wanted, "platforms": [target]},
    }


def identity(id_: str, flow: str, made_of: Mapping[str, Any], place: Mapping[str, str]) -> Identity:
    """The identity of an environment that is made of `made_of`, in Metaflow's own form."""
    conda, pypi = made_of["conda"], made_of.get("pypi")
    return Identity(
        id=id_,
        flow=flow,
        python=str((pypi or conda)["python"]),
        platform=(pypi or conda)["platforms"][0],
        local_platform=place["local_platform"],
        conda={name: str(version) for name, version in conda["packages"].items()},
        pypi={name: str(version) for name, version in pypi["packages"].items()} if pypi else None,
        datastore=place["datastore"],
        package_root=place["package_root"],
        local_root=place["local_root"],
    )


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return sorted(_sorted(one) for one in value) if isinstance(value, list) else value
