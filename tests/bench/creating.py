"""How long an environment of 60 packages takes from full caches, against micromamba and pip as Metaflow uses them.

Run it by hand: `python -m tests.bench.creating`, with TMPDIR for another disk. Two environments: one of packages that
data scientists ask for, from the default index (0.7 GiB to download), and one of what is installed here, which are
smaller packages. Where no real micromamba is on PATH the stand-in of the tests takes its place, as in
`tests.bench.warming`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec
import rich
import uv

from mfenvd.warm.plan import LocalEnvironment
from tests.bench.warming import installed_wheels, row, seconds
from tests.support.conda_python import PYTHON_VERSION, installed_as_conda
from tests.support.metaflow_world import LOCAL, World, metaflow_world
from tests.support.wheels import Archive
from tests.warm.laid_out import StoreArchives, conda_package, environments, quiet, resolution, wheel_package

_WHEELS = 58
"""With python and pip: 60 packages."""

_TURNS = 3

_DATA_SCIENCE = (
    "boto3", "duckdb", "fastapi", "lightgbm", "matplotlib", "openpyxl", "pandas", "pillow", "plotly", "polars",
    "pyarrow", "pyyaml", "requests", "s3fs", "scikit-learn", "seaborn", "sqlalchemy", "statsmodels", "tqdm", "xgboost",
)  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        sets = {"data science": data_science_wheels(root), "installed here": installed_wheels()[:_WHEELS]}
        for name, wheels in sets.items():
            size = sum(len(wheel.content) for wheel in wheels) / 2**20
            rich.get_console().print(f"{name}: {len(wheels) + 2} packages, wheels of {size:.0f} MiB")
            with metaflow_world(root / name.replace(" ", "-"), wheels=wheels, compiled=False) as world:
                creations(world, environment(world, wheels))


def data_science_wheels(root: Path) -> list[Archive]:
    """What those packages need today, as far as it belongs to the number."""
    python = PYTHON_VERSION.rpartition(".")[0]
    compiling = [uv.find_uv_bin(), "pip", "compile", "-", "--only-binary=:all:", "--python-version", python, "--quiet"]
    locked = subprocess.run(
        compiling, input="\n".join(_DATA_SCIENCE), capture_output=True, text=True, check=True, cwd=root
    )
    pins = [line for line in locked.stdout.splitlines() if "==" in line][:_WHEELS]
    folder = root / "wheels"
    downloading = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    subprocess.run([*downloading, *pins], capture_output=True, check=True)
    return [Archive(wheel.name, wheel.read_bytes(), b"") for wheel in sorted(folder.iterdir())]


def creations(world: World, wanted: LocalEnvironment) -> None:
    """The environment, by both and by `cp`."""
    with_mfenv, with_micromamba, linking = [], [], []
    made = environments(world)
    # Nothing is removed in between, see `warming.set_aside`.
    for turn in range(_TURNS + 1):
        one = msgspec.structs.replace(wanted, id=f"60aaaaaaaaaaa{turn}")
        with_micromamba.append(
            seconds(lambda: create_with_micromamba(world, one, world.root / f"by-micromamba-{turn}"))  # noqa: B023 - called here
        )
        with_mfenv.append(seconds(lambda: made.create(one, quiet)))  # noqa: B023 - called here
        links = world.root / f"links-{turn}"
        linking.append(seconds(lambda: link_all(made.find(one.id, LOCAL), links)))  # noqa: B023 - called here
    # The first of each filled the caches.
    row("micromamba create + pip install, 60 packages", with_micromamba[1:])
    row("mfenv, the same environment", with_mfenv[1:], with_micromamba[1:], "at most 1/15 = 0.067")
    row("its files hard-linked by `cp -al`, for comparison", linking[1:], with_micromamba[1:])


def link_all(prefix: Path | None, folder: Path) -> None:
    """What every way of making an environment out of linked files has to do at least."""
    subprocess.run(["cp", "-al", str(prefix), str(folder)], check=True)


def environment(world: World, wheels: Iterable[Archive]) -> LocalEnvironment:
    conda = (f"{LOCAL}/python-{PYTHON_VERSION}-packed_0.conda", f"noarch/{installed_as_conda('pip').filename}")
    index = world.index.url.removesuffix("/simple")
    return LocalEnvironment(
        "60aaaaaaaaaaaaa",
        LOCAL,
        resolution(conda_package(f"{world.channel.url}/{path}") for path in conda),
        resolution(wheel_package(f"{index}/files/{wheel.filename}") for wheel in wheels),
    )


def create_with_micromamba(world: World, wanted: LocalEnvironment, prefix: Path) -> None:
    """As Metaflow does it once everything is downloaded (`Micromamba.create`, `Pip.create`)."""
    micromamba = str(world.root / "bin" / "micromamba")
    urls = [package.url for package in wanted.conda.packages]
    create = [
        micromamba,
        "create",
        "--yes",
        "--no-extra-safety-checks",
        "--prefix",
        str(prefix),
        "--quiet",
        "--no-deps",
    ]
    subprocess.run([*create, *urls], env=world.environ, check=True, capture_output=True)
    install = [
        micromamba, "run", "--prefix", str(prefix), "pip3", "--disable-pip-version-check", "--no-color", "--no-input",
        "--isolated", "install", "--no-compile", "--no-deps", "--no-index", "--progress-bar=off", "--quiet",
    ]  # fmt: skip
    assert wanted.wheels is not None
    store = StoreArchives(world.root / "cache" / "store")
    files = [str(store.fetch(package)) for package in wanted.wheels.packages]
    subprocess.run([*install, *files], env=world.environ, check=True, capture_output=True)


if __name__ == "__main__":
    main()
