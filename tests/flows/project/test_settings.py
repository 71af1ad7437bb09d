from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Location, Severity
from mfenvd.domain.request import MixedSolver
from mfenvd.domain.settings import CacheSettings, Settings, TargetSettings
from mfenvd.flows.setting_values import ENVIRONMENT_KEYS, PROJECT_KEYS, TARGET_KEYS
from mfenvd.flows.settings import load_settings
from mfenvd.paths import Paths

EVERYTHING = """\
archs = ["linux-64", "osx-arm64"]
with = ["batch", "kubernetes:cpu=4"]
python = "3.11"
interpreter = ".venv/bin/python"
datastore = "s3"
exclude = ["old/", "*_draft.py"]
mixed-resolver = "conda-lock"
max-workers = 2

[targets.linux-64]
glibc = "2.26"
python = "3.10"
cuda = "12.4"
image = "amazonlinux:2"

[targets.osx-arm64]
macos = "14"

[envs.serving]
requirements = ["requirements.txt", "/abs/extra.txt"]
extras = ["gpu"]
groups = ["dev", "test"]
packages = [
    "numpy",
    "pandas<3",
]
python = "3.12.1"
archs = ["linux-64"]
"""


def write(root: Path, text: str, name: str = "mfenv.toml") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_key_is_read(root: Path, folders: Paths) -> None:
    path = write(root, EVERYTHING)
    settings, findings = load_settings(root, folders)
    assert findings == ()
    assert settings.archs == (Arch.LINUX_64, Arch.OSX_ARM64)
    assert settings.launch_with == ("batch", "kubernetes:cpu=4")
    assert settings.python == "3.11"
    assert settings.interpreter == str(root / ".venv/bin/python")
    assert settings.datastore == "s3"
    assert settings.exclude == ("old/", "*_draft.py")
    assert settings.mixed_resolver is MixedSolver.CONDA_LOCK
    assert settings.max_workers == 2
    assert settings.targets == {
        Arch.LINUX_64: TargetSettings(glibc="2.26", python="3.10", cuda="12.4", image="amazonlinux:2"),
        Arch.OSX_ARM64: TargetSettings(macos="14"),
    }
    serving = settings.environments["serving"]
    assert serving.requirements == (str(root / "requirements.txt"), "/abs/extra.txt")
    assert (serving.extras, serving.groups) == (("gpu",), ("dev", "test"))
    assert serving.packages == ("numpy", "pandas<3")
    assert (serving.python, serving.archs) == ("3.12.1", (Arch.LINUX_64,))
    assert serving.origin is not None
    assert (serving.origin.path, serving.origin.line) == (str(path), 19)
    assert settings.origins["envs.serving.packages.1"].line == 25


def test_nothing_configured_means_the_defaults(root: Path, folders: Paths) -> None:
    assert load_settings(root, folders) == (Settings(), ())


def test_pyproject_has_the_same_keys_under_tool_mfenv(root: Path, folders: Paths) -> None:
    path = write(root, f"[project]\nname = 'x'\n[tool.mfenv]\n{EVERYTHING.replace('[targets', '[tool.mfenv.targets')}"
                 .replace("[envs", "[tool.mfenv.envs"), "pyproject.toml")  # fmt: skip
    from_pyproject, findings = load_settings(root, folders)
    assert findings == ()
    path.unlink()
    write(root, EVERYTHING)
    from_own_file, _ = load_settings(root, folders)
    assert from_pyproject.targets == from_own_file.targets
    assert from_pyproject.archs == from_own_file.archs
    assert from_pyproject.environments.keys() == from_own_file.environments.keys()


def test_a_pyproject_of_others_is_no_configuration(root: Path, folders: Paths) -> None:
    write(root, "[project]\nname = 'x'\n[tool.black]\nline-length = 88\n", "pyproject.toml")
    assert load_settings(root, folders) == (Settings(), ())


def test_the_nearer_file_wins_key_by_key_and_tables_are_merged(root: Path, folders: Paths) -> None:
    users = 'python = "3.9"\ndatastore = "s3"\n[targets.linux-64]\nglibc = "2.17"\ncuda = "11.8"\n'
    write(folders.config_file.parent, users, "config.toml")
    write(root, '[tool.mfenv]\npython = "3.10"\n[tool.mfenv.targets.linux-64]\nglibc = "2.28"\n', "pyproject.toml")
    write(root, 'python = "3.12"\n')
    settings, findings = load_settings(root, folders)
    assert findings == ()
    assert settings.python == "3.12"
    assert settings.datastore == "s3"
    assert settings.targets[Arch.LINUX_64] == TargetSettings(glibc="2.28", cuda="11.8")


@pytest.mark.parametrize(
    ("text", "line", "said", "fix"),
    [
        ('arch = ["linux-64"]', 1, "no key `arch`", "Write `archs`."),
        ("\n\nmax_workers = 3", 3, "no key `max_workers`", "Write `max-workers`."),
        ('glibc = "2.17"', 1, "no key `glibc`", "Put it under [targets.linux-64]."),
        ('glib = "2.17"', 1, "no key `glib`", "Write `glibc`, under [targets.linux-64]."),
        ("zzz = 1", 1, "no key `zzz`", "The keys are archs, datastore"),
        ('archs = [\n  "linux-64",\n  "linux64",\n]', 3, "'linux64' is not an arch", 'Write "linux-64".'),
        ('archs = "linux-64"', 1, "`archs` is a list", 'archs = ["'),
        ("archs = [1]", 1, "and 1 is none", "quotes"),
        ('with = ["bat ch"]', 1, "no decorator 'bat ch'", 'Write "batch".'),
        ('with = ["batchh:cpu=4"]', 1, "no decorator 'batchh'", 'Write "batch:cpu=4".'),
        ('with = ["my own"]', 1, "'my own' is not a decorator", "--with"),
        ("python = 3.10", 1, "`python` cannot be 3.1", "in quotes"),
        ('python = "2.7"', 1, "`python` cannot be '2.7'", 'python = "3.11"'),
        ('datastore = "Azur"', 1, "'Azur' is not a datastore", 'Use "azure".'),
        ('mixed-resolver = "poetry"', 1, "cannot be 'poetry'", 'Use "uv" or "conda-lock".'),
        ("max-workers = true", 1, "whole number", "max-workers = 2"),
        ("max-workers = 0", 1, "whole number", "max-workers = 2"),
        ("interpreter = 3", 1, "path of a Python", "interpreter ="),
        ("exclude = [false]", 1, "False is none", "quotes"),
        ('[targets]\nlinux-64 = "2.17"', 2, "`targets` holds tables", "[targets.linux-64]"),
        ('[targets.linux-64]\nglib = "2.17"', 2, "no key `glib` in [targets.linux-64]", "Write `glibc`."),
        ("[targets.linux-64]\nglibc = 2.17", 2, "`glibc` cannot be 2.17", "in quotes"),
        ('[targets.linux-64]\nglibc = "glibc2.17"', 2, "`glibc` cannot be", 'glibc = "2.26"'),
        ('[targets.linux-64]\nmacos = "13"', 2, "linux-64 has no `macos`", "Remove"),
        ('[targets.osx-64]\nglibc = "2.17"', 2, "osx-64 has no `glibc`", "Remove"),
        ('[targets.linux-64]\nimage = ""', 2, "name of a container image", "image ="),
        ('[targets.linux-x86]\nglibc = "2.17"', 1, "'linux-x86' is not an arch", "Write `[targets.linux-64]`."),
        ('targets.linux-64.cuda = "new"', 1, "`cuda` cannot be 'new'", 'cuda = "12.4"'),
        ('[envs.x]\npackage = ["numpy"]', 2, "no key `package` in [envs.x]", "Write `packages`."),
        ('[envs.x]\npython = "3.11"', 1, "no `requirements`, `packages` or `conda`", "requirements.txt"),
        ("envs = 1", 1, "`envs` holds tables", "[envs.NAME]"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_line_with_the_fix(  # noqa: PLR0917 - a case has four parts
    root: Path, folders: Paths, text: str, line: int, said: str, fix: str
) -> None:
    path = write(root, text)
    _, findings = load_settings(root, folders)
    codes = {finding.code for finding in findings}
    assert codes == {Code.BAD_SETTING}
    first: Finding = findings[0]
    assert first.severity is Severity.ERROR
    assert (first.path, first.line) == (str(path), line)
    assert said in first.message
    assert first.fix is not None
    assert fix in first.fix


def test_one_bad_key_takes_no_other_with_it(root: Path, folders: Paths) -> None:
    top = 'python = 3.10\ndatastore = "s3"\n'
    tables = '[targets.linux-64]\nglibc = "x"\ncuda = "12.4"\n[envs.x]\nrequirements = 1\npackages = ["numpy"]\n'
    write(root, top + tables)
    settings, findings = load_settings(root, folders)
    assert len(findings) == 3
    assert settings.datastore == "s3"
    assert settings.targets[Arch.LINUX_64] == TargetSettings(cuda="12.4")
    assert settings.environments["x"].packages == ("numpy",)


def test_one_bad_item_takes_no_other_with_it_and_the_others_keep_their_places(root: Path, folders: Paths) -> None:
    top = 'archs = ["linux64", "osx-64", "mac", "linux-64"]\n'
    path = write(root, top + '[envs.x]\npackages = [\n  1,\n  "numpy",\n]\narchs = ["mac"]\n')
    settings, findings = load_settings(root, folders)
    assert settings.archs == (Arch.OSX_64, Arch.LINUX_64)
    assert (settings.environments["x"].packages, settings.environments["x"].archs) == (("numpy",), ())
    assert [(finding.line, finding.message.partition(",")[0]) for finding in findings] == [
        (1, "'linux64' is not an arch."),
        (1, "'mac' is not an arch."),
        (4, "`packages` is a list of strings"),
        (7, "'mac' is not an arch."),
    ]
    assert settings.origins["envs.x.packages.0"] == Location(str(path), 5, 4)


def test_a_file_that_is_no_toml_is_said_at_its_line(root: Path, folders: Paths) -> None:
    path = write(root, 'archs = ["linux-64"]\npython = = "3.11"\n')
    settings, (finding,) = load_settings(root, folders)
    assert settings == Settings()
    assert (finding.code, finding.path, finding.line) == (Code.MALFORMED_FILE, str(path), 2)


def test_a_file_that_is_not_utf8_is_said_at_its_line(root: Path, folders: Paths) -> None:
    (root / "mfenv.toml").write_bytes(b'python = "3.11"\ndatastore = "\xff"\n')
    _, (finding,) = load_settings(root, folders)
    assert (finding.code, finding.line) == (Code.MALFORMED_FILE, 2)


def test_a_folder_in_place_of_the_file_is_said(root: Path, folders: Paths) -> None:
    (root / "mfenv.toml").mkdir()
    _, (finding,) = load_settings(root, folders)
    assert finding.code == Code.UNREADABLE_FILE


def test_an_environment_of_the_users_file_stands_there(root: Path, folders: Paths) -> None:
    path = write(folders.config_file.parent, '[envs.mine]\nrequirements = "r.txt"\n', "config.toml")
    settings, _ = load_settings(root, folders)
    mine = settings.environments["mine"]
    assert mine.requirements == (str(path.parent / "r.txt"),)
    assert mine.origin is not None
    assert mine.origin.path == str(path)


def test_the_documentation_has_every_key_and_its_examples_are_valid(root: Path, folders: Paths) -> None:
    text = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text()
    for key in (*PROJECT_KEYS, *TARGET_KEYS, *ENVIRONMENT_KEYS):
        assert f"| `{key}` |" in text
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        write(root, example)
        _, findings = load_settings(root, folders)
        assert findings == ()


def test_the_cache_is_configured_in_the_users_file_alone(tmp_path: Path) -> None:
    paths = Paths(*(str(tmp_path / name) for name in ("config", "cache", "state", "log", "run")))
    paths.config_file.parent.mkdir()
    paths.config_file.write_text('[cache]\nmax-size = "512 MiB"\nmax-age = "90 days"\n')
    (tmp_path / "mfenv.toml").write_text('[cache]\nmax-size = "1GiB"\n')
    settings, findings = load_settings(tmp_path, paths)
    assert settings.cache == CacheSettings(512 * 2**20, 90 * 24 * 3600.0)
    assert [(finding.code, finding.line) for finding in findings] == [(Code.BAD_SETTING, 1)]
    assert findings[0].fix == f"Write it in {paths.config_file}."

    paths.config_file.write_text('[cache]\nmax-size = "much"\nmax-age = 90\n')
    (tmp_path / "mfenv.toml").unlink()
    settings, findings = load_settings(tmp_path, paths)
    assert settings.cache == CacheSettings()
    assert [finding.line for finding in findings] == [2, 3]


def test_a_pipe_in_the_place_of_a_configuration_file_is_told_and_not_waited_for(root: Path, folders: Paths) -> None:
    os.mkfifo(root / "mfenv.toml")
    write(root, '[tool.mfenv]\npython = "3.11"\n', "pyproject.toml")
    settings, (finding,) = load_settings(root, folders)
    assert (settings.python, finding.code, finding.path) == ("3.11", Code.UNREADABLE_FILE, str(root / "mfenv.toml"))
