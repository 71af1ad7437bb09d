"""A machine for the real Metaflow: a home, a micromamba, a conda channel, a package index, a project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rattler

from tests.support.conda_archives import CondaArchive, conda_archive
from tests.support.conda_python import installed_as_conda, installed_as_wheel, python_archive
from tests.support.conda_server import ChannelServer
from tests.support.index_server import IndexServer
from tests.support.micromamba import Calls, install_micromamba
from tests.support.wheels import Archive, wheel

LOCAL = str(rattler.Subdir.current())
_REQUESTS = ("requests", "certifi", "charset-normalizer", "idna", "urllib3")
"""Metaflow adds requests to every environment, and imports it in every task."""

_LEFT_OVER = frozenset({"config list", "env list", "list"})
"""Calls that Metaflow makes also where everything is there."""

PYPI_FLOW = """\
from metaflow import FlowSpec, pypi, step


class WheelFlow(FlowSpec):
    @pypi(packages={"demo": "1.0"})
    @step
    def start(self):
        import demo, helper

        print("demo", demo.__version__, "helper", helper.__version__)
        self.next(self.end)

    @pypi(packages={"demo": "1.0"})
    @step
    def end(self):
        pass


if __name__ == "__main__":
    WheelFlow()
"""

CONDA_FLOW = """\
from metaflow import FlowSpec, conda, step


class CondaFlow(FlowSpec):
    @conda(packages={"native": ">=2.0"})
    @step
    def start(self):
        import native

        print("native", native.VERSION)
        self.next(self.end)

    @conda(disabled=True)
    @step
    def end(self):
        pass


if __name__ == "__main__":
    CondaFlow()
"""


class World:
    """Everything that Metaflow looks at, below one folder.

    Attributes:
        root: That folder.
        home: `$HOME`.
        project: The working directory; flows are written here.
        calls: What was asked of micromamba.
        channel: The conda channel.
        index: The package index.
        python: The interpreter that has Metaflow.
    """

    def __init__(self, root: Path, channel: ChannelServer, index: IndexServer, python: str = sys.executable) -> None:
        self.root, self.channel, self.index, self.python = root, channel, index, python
        self.home, self.project = root / "home", root / "project"
        for folder in (self.home, self.project):
            folder.mkdir(parents=True, exist_ok=True)
        self.calls: Calls = install_micromamba(root / "bin")
        self.environ = {
            "PATH": f"{root / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "USER": "tester",
            "LANG": "C.UTF-8",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),  # noqa: S108 - where the tests themselves are
            "MAMBA_ROOT_PREFIX": str(root / "mamba"),
            "CONDA_CHANNELS": channel.url,
            "PIP_INDEX_URL": index.url,
            "METAFLOW_HOME": str(self.home / ".metaflowconfig"),
            "METAFLOW_DEFAULT_DATASTORE": "local",
            "METAFLOW_DEFAULT_METADATA": "local",
        }

    @property
    def envs(self) -> Path:
        """Below it Metaflow makes its environments: `metaflow/<platform>/<id>`."""
        return self.root / "mamba" / "envs"

    @property
    def environments_file(self) -> Path:
        return self.home / ".conda" / "environments.txt"

    def write(self, name: str, text: str) -> Path:
        path = self.project / name
        path.write_text(text)
        return path

    def metaflow(
        self, *arguments: str, check: bool = True, environ: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`python ARGUMENTS` in the project; with `check`, a failure shows what was printed."""
        done = subprocess.run(
            [self.python, *arguments],
            cwd=self.project,
            env={**self.environ, **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if check:
            assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def run(self, flow: str, *options: str, environ: dict[str, str] | None = None) -> str:
        """Runs the flow to its end; what it printed."""
        done = self.metaflow(flow, "--environment=pypi", "--no-pylint", *options, "run", environ=environ)
        return done.stdout + done.stderr

    def manifest(self, flow: str) -> dict[str, Any]:
        return dict(json.loads(self.manifest_path(flow).read_text()))

    def manifest_path(self, flow: str) -> Path:
        return self.project / ".metaflow" / flow / "conda.manifest"

    @property
    def bootstrapping(self) -> list[str]:
        """What Metaflow let micromamba do that a warm start does not need: solves, downloads, creations."""
        return [command for command in self.calls.summary() if command not in _LEFT_OVER]

    def forget(self) -> None:
        """Back to a machine where no flow was ever run; channel and index stay."""
        for folder in self.traces:
            shutil.rmtree(folder, ignore_errors=True)
        self.calls.clear()

    @property
    def traces(self) -> tuple[Path, ...]:
        """What runs leave."""
        return self.root / "mamba", self.home / ".conda", self.project / ".metaflow"


@contextmanager
def metaflow_world(
    root: Path,
    conda: Sequence[CondaArchive] = (),
    wheels: Sequence[Archive] = (),
    *,
    compiled: bool = True,
) -> Iterator[World]:
    """A world with the packages that the flows above need, and with `conda` and `wheels`.

    The conda packages have their bytecode if `compiled`, so that not every environment takes seconds to compile it.
    """
    with ChannelServer(root / "channel") as channel, IndexServer() as index:
        channel.write(*base_packages(compiled=compiled), *conda)
        index.add(*base_wheels(), *wheels)
        yield World(root, channel, index)


def base_packages(*, compiled: bool = True) -> list[CondaArchive]:
    """Python, pip, what Metaflow adds to every environment, and a package for this machine alone."""
    native = {"lib/python{}.{}/site-packages/native.py".format(*sys.version_info): b"VERSION = '2.0'\n"}
    return [
        python_archive(LOCAL),
        installed_as_conda("pip", compiled=compiled),
        *(installed_as_conda(name, compiled=compiled) for name in _REQUESTS[1:]),
        installed_as_conda("requests", *_REQUESTS[1:], compiled=compiled),
        conda_archive("native", "2.0", native, subdir=LOCAL, depends=["python", "requests"], build="h0_0"),
    ]


def base_wheels() -> list[Archive]:
    """The wheels of the flow above, and what Metaflow adds to every environment."""
    installed = [installed_as_wheel(name) for name in _REQUESTS]
    return [*installed, wheel("demo", "1.0", requires=["helper>=1"]), wheel("helper", "1.1")]
