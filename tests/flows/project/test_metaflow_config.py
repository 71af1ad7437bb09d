from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mfenvd.domain.codes import Code
from mfenvd.domain.pins import DATASTORES, pinned_packages
from mfenvd.flows.decorator_names import REMOTE
from mfenvd.flows.decospecs import Decospec, parse_decospec
from mfenvd.flows.metaflow_config import MetaflowConfig, read_metaflow_config
from mfenvd.flows.requests import requirement_text

needs_metaflow = pytest.mark.skipif(importlib.util.find_spec("metaflow") is None, reason="Metaflow is not installed")


def profile(home: Path, values: dict[str, object], name: str = "config.json") -> Path:
    path = home / ".metaflowconfig" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


def local(folder: Path, values: dict[str, object]) -> Path:
    path = folder / ".metaflow" / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def read(root: Path, home: Path, **environ: str) -> MetaflowConfig:
    return read_metaflow_config(root, {"HOME": str(home), **environ})


def test_nothing_configured(root: Path, home: Path) -> None:
    config = read(root, home)
    assert (config.datastore, config.decospecs, config.default_image("batch")) == ("local", (), None)
    assert config.findings == ()


def test_the_environment_wins_over_the_folder_and_the_folder_over_the_profile(root: Path, home: Path) -> None:
    profile(home, {"METAFLOW_DEFAULT_DATASTORE": "gs", "METAFLOW_BATCH_CONTAINER_IMAGE": "p", "METAFLOW_USER": "p"})
    local(root, {"METAFLOW_DEFAULT_DATASTORE": "azure", "METAFLOW_BATCH_CONTAINER_IMAGE": "l"})
    config = read(root, home, METAFLOW_DEFAULT_DATASTORE="s3")
    assert config.datastore == "s3"
    assert config.default_image("batch") == "l"
    assert config.get("USER") == "p"


def test_the_first_metaflow_folder_from_the_working_directory_up_counts(root: Path, home: Path) -> None:
    local(root, {"METAFLOW_DEFAULT_DECOSPECS": "batch"})
    inner = root / "a" / "b"
    inner.mkdir(parents=True)
    assert [a.decospec.name for a in read(inner, home).decospecs] == ["batch"]
    (root / "a" / ".metaflow").mkdir()
    assert read(inner, home).decospecs == ()


def test_a_profile_has_its_own_file_and_its_absence_is_said(root: Path, home: Path) -> None:
    profile(home, {"METAFLOW_DEFAULT_DATASTORE": "s3"}, "config_prod.json")
    assert read(root, home, METAFLOW_PROFILE="prod").datastore == "s3"
    (finding,) = read(root, home, METAFLOW_PROFILE="dev").findings
    assert finding.code == Code.MISSING_FILE
    assert "config_dev.json" in finding.message


def test_metaflow_home_moves_the_profile(root: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "config.json").write_text('{"METAFLOW_DEFAULT_DATASTORE": "s3"}')
    assert read(root, home, METAFLOW_HOME=str(tmp_path / "elsewhere")).datastore == "s3"


def test_every_variable_that_attaches_decorators_is_read_and_named(root: Path, home: Path) -> None:
    file = local(root, {"METAFLOW_DEFAULT_DECOSPECS": "retry kubernetes:image=ubuntu:22.04,cpu=2"})
    config = read(root, home, METAFLOW_DECOSPECS="batch:queue=q", METAFLOW_RUN_DECOSPECS="card")
    assert [(a.decospec, a.phrase) for a in config.decospecs] == [
        (Decospec("batch"), "--with batch by METAFLOW_DECOSPECS"),
        (Decospec("card"), "--with card by METAFLOW_RUN_DECOSPECS"),
        (Decospec("retry"), f"--with retry by METAFLOW_DEFAULT_DECOSPECS in {file}"),
        (Decospec("kubernetes", "ubuntu:22.04"), f"--with kubernetes by METAFLOW_DEFAULT_DECOSPECS in {file}"),
    ]


def test_default_images_follow_the_decorator_and_the_registry(root: Path, home: Path) -> None:
    local(root, {"METAFLOW_DEFAULT_CONTAINER_IMAGE": "amazonlinux:2", "METAFLOW_KUBERNETES_CONTAINER_IMAGE": "a.b/x:1",
                 "METAFLOW_DEFAULT_CONTAINER_REGISTRY": "my.registry/"})  # fmt: skip
    config = read(root, home)
    assert config.default_image("batch") == "my.registry/amazonlinux:2"
    assert config.default_image("kubernetes") == "a.b/x:1"
    assert read(root, home, METAFLOW_BATCH_CONTAINER_IMAGE="").default_image("batch") is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("{", Code.MALFORMED_FILE), ("[]", Code.MALFORMED_FILE), ("\udcff", Code.MALFORMED_FILE)],
)
def test_a_file_that_metaflow_could_not_read_is_said(root: Path, home: Path, text: str, code: Code) -> None:
    path = local(root, {})
    path.write_bytes(text.encode(errors="surrogateescape"))
    (finding,) = read(root, home).findings
    assert (finding.code, finding.path) == (code, str(path))


def test_files_that_could_appear_are_watched(root: Path, home: Path) -> None:
    watched = read(root, home).watched
    assert str(root / ".metaflow" / "config.json") in watched
    assert str(home / ".metaflowconfig" / "config.json") in watched


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("batch", Decospec("batch")),
        ("batch:image=amazonlinux:2,cpu=4", Decospec("batch", "amazonlinux:2")),
        ("kubernetes:cpu=4, image = a/b:c@sha256:00", Decospec("kubernetes", "a/b:c@sha256:00")),
        ('batch:image="x,y"', Decospec("batch", "x,y")),
        ("batch:image=", Decospec("batch")),
    ],
)
def test_decospecs_are_split_as_metaflow_splits_them(text: str, expected: Decospec) -> None:
    assert parse_decospec(text) == expected


PROBE = """
import json, sys
from metaflow import metaflow_config as c
from metaflow.decorators import StepDecorator
spec = sys.argv[1]
print(json.dumps({
    "datastore": c.DEFAULT_DATASTORE,
    "batch": c.BATCH_CONTAINER_IMAGE,
    "kubernetes": c.KUBERNETES_CONTAINER_IMAGE,
    "decospecs": c.DEFAULT_DECOSPECS,
    "arch": c.KUBERNETES_CONDA_ARCH,
    "image": StepDecorator.extract_args_kwargs_from_decorator_spec(spec.partition(":")[2])[1].get("image"),
    "pins": {d: c.get_pinned_conda_libs("3.11", d) for d in ("local", "s3", "azure", "gs")},
}))
"""


@pytest.mark.metaflow
@needs_metaflow
@pytest.mark.parametrize(
    ("in_profile", "in_folder", "in_environ"),
    [
        ({}, {}, {}),
        (
            {"DEFAULT_DATASTORE": "s3", "DEFAULT_CONTAINER_IMAGE": "a", "KUBERNETES_CONDA_ARCH": "linux-aarch64"},
            {"DEFAULT_DECOSPECS": "batch retry", "BATCH_CONTAINER_IMAGE": "b"},
            {},
        ),
        (
            {"DEFAULT_DATASTORE": "s3", "DEFAULT_DECOSPECS": "kubernetes"},
            {"DEFAULT_DATASTORE": "azure", "BATCH_CONTAINER_IMAGE": "b"},
            {"DEFAULT_DATASTORE": "gs", "DEFAULT_DECOSPECS": "batch", "BATCH_CONTAINER_IMAGE": "c"},
        ),
    ],
)  # fmt: skip
def test_the_real_metaflow_says_the_same(
    root: Path, home: Path, in_profile: dict[str, str], in_folder: dict[str, str], in_environ: dict[str, str]
) -> None:
    profile(home, {f"METAFLOW_{name}": value for name, value in in_profile.items()})
    local(root, {f"METAFLOW_{name}": value for name, value in in_folder.items()})
    variables = {"HOME": str(home), **{f"METAFLOW_{name}": value for name, value in in_environ.items()}}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("METAFLOW_")}
    spec = "batch:cpu=4,image=amazonlinux:2,queue=x"
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, spec], cwd=root, env={**environ, **variables},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    theirs = json.loads(answer.stdout)
    ours = read_metaflow_config(root, variables)
    assert ours.datastore == theirs["datastore"]
    assert ours.default_image("batch") == theirs["batch"]
    assert ours.default_image("kubernetes") == theirs["kubernetes"]
    assert [attached.decospec.name for attached in ours.decospecs] == theirs["decospecs"].split()
    assert ours.kubernetes_arch == theirs["arch"]
    assert parse_decospec(spec).image == theirs["image"]
    assert {datastore: pinned_packages(datastore) for datastore in DATASTORES} == theirs["pins"]


@pytest.mark.metaflow
@needs_metaflow
def test_the_real_metaflow_knows_the_same_remote_decorators_and_builds_the_same_requirements() -> None:
    spec = importlib.util.find_spec("metaflow")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "plugins" / "pypi"
    source = (folder / "conda_environment.py").read_text()
    listed = source.partition("supports_conda_environment")[2].partition("in [")[2].partition("]")[0]
    assert {word.strip().strip('"') for word in listed.split(",") if word.strip()} == set(REMOTE)
    assert 'version.startswith(("<", ">", "!", "~", "@"))' in (folder / "pip.py").read_text()
    assert [requirement_text("a", version) for version in ("", "1", ">1", "@ x", "~=1", "!=1", "<2,>1")] == [
        "a", "a==1", "a>1", "a@ x", "a~=1", "a!=1", "a<2,>1"
    ]  # fmt: skip
