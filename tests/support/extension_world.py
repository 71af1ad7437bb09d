"""A machine for the real metaflow-netflixext: its Python, a micromamba, a pip, a channel and an index on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.conda_archives import CondaArchive, conda_archive, write_channel
from tests.support.conda_python import PYTHON_VERSION
from tests.support.conda_server import ChannelServer
from tests.support.index_server import IndexServer
from tests.support.metaflow_world import LOCAL, World, base_packages, base_wheels
from tests.support.wheels import Archive, wheel

ARCHS = ("linux-64", "osx-64", "osx-arm64")
"""Those that the extension resolves for."""

_CHANNEL = "conda-forge"
"""The extension wants a channel of that name."""

_BUILDER = {"wheel": "0.45.1", "tomli": "2.2.1", "setuptools": "80.9.0", "packaging": "25.0", "uv": "0.7.0"}
"""What it puts into the environments that wheels go into; nothing of it is used where pip is there."""

_PIP = """\
#!{python}
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


class ExtensionWorld(World):
    """As `World`, with the extension in its Python.

    Args:
        root: The folder of everything.
        channel: Serves a folder that holds the channel.
        index: The package index.
        python: An interpreter that has the extension.
    """

    def __init__(self, root: Path, channel: ChannelServer, index: IndexServer, python: str) -> None:
        super().__init__(root, channel, index, python)
        pip = root / "bin" / "pip"
        pip.write_text(_PIP.format(python=sys.executable))
        pip.chmod(0o755)
        self.environ |= {
            "CONDA_CHANNELS": f"{channel.url}/{_CHANNEL}",
            "METAFLOW_CONDA_DEPENDENCY_RESOLVER": "micromamba",
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(root / "datastore"),
        }

    @property
    def manifest_file(self) -> Path:
        """`conda_v2.cnd`."""
        return self.root / "datastore" / ".metaflow" / "conda_v2.cnd"

    def environment(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`metaflow environment ARGUMENTS` in the project."""
        # For several archs the extension makes it in several threads at once, and fails where one was faster.
        self.envs.mkdir(parents=True, exist_ok=True)
        return self.metaflow("-m", "metaflow.cmd.main_cli", "environment", *arguments, check=check)


@contextmanager
def extension_world(
    root: Path, python: str, conda: Sequence[CondaArchive] = (), wheels: Sequence[Archive] = ()
) -> Iterator[ExtensionWorld]:
    """A world with what the extension itself needs, and with `conda` and `wheels`."""
    with ChannelServer(root / "channel") as channel, IndexServer() as index:
        write_channel(root / "channel" / _CHANNEL, [*base_packages(), *_of_builders(), *conda])
        # Compiled for this machine it is among the base wheels.
        index.add(*base_wheels(), wheel("charset-normalizer", "2.1"), *wheels)
        yield ExtensionWorld(root, channel, index, python)


def _of_builders() -> Iterator[CondaArchive]:
    """The extension's own packages, and a Python without content for machines that this one is not."""
    yield from (conda_archive(name, version) for name, version in _BUILDER.items())
    yield from (conda_archive("python", PYTHON_VERSION, subdir=arch, build="h_0") for arch in ARCHS if arch != LOCAL)
