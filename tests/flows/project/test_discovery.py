from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mfenvd.flows.discovery import Discovery, FileKind


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def found(root: Path, **options: tuple[str, ...]) -> set[str]:
    discovery = Discovery(root, **options)
    walked = {str(Path(path).relative_to(root)) for path, _ in discovery.walk()}
    # What is asked for one file and what the walk comes by are the same.
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert (discovery.kind(path) is not None) == (str(path.relative_to(root)) in walked), path
    return walked


def test_python_files_scripts_and_ci_files_are_found(root: Path) -> None:
    names = ("a.py", "sub/b.py", "deploy.sh", "Makefile", "sub/rules.mk", "justfile", "package.json", "Taskfile.yml",
             "pyproject.toml", ".github/workflows/ci.yml", ".gitlab-ci.yml", "buildspec.yml", "Jenkinsfile",
             ".circleci/config.yml")  # fmt: skip
    make(root, *names, "data.csv", "README.md", "config.yml", "sub/image.png")
    assert found(root) == set(names)
    kinds = dict(Discovery(root).walk())
    assert kinds[str(root / "a.py")] is FileKind.PYTHON
    assert kinds[str(root / ".github/workflows/ci.yml")] is FileKind.SCRIPT


def test_an_executable_without_extension_is_a_script(root: Path) -> None:
    make(root, "bin/deploy", "bin/notes")
    (root / "bin/deploy").chmod(0o755)
    assert found(root) == {"bin/deploy"}


def test_environments_and_tools_folders_are_left_out(root: Path) -> None:
    make(root, "a.py", ".git/hooks/x.py", "node_modules/x/y.py", "__pycache__/a.py", ".metaflow/F/1/x.py", ".tox/x.py",
         "myenv/pyvenv.cfg", "myenv/lib/x.py", "conda/conda-meta/history", "conda/x.py",
         "kept/CACHEDIR.TAG", "kept/deep/x.py")  # fmt: skip
    assert found(root) == {"a.py"}


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_what_is_no_file_is_not_read(root: Path) -> None:
    make(root, "a.py")
    for name in ("pipe.py", "deploy.sh", ".gitignore"):
        os.mkfifo(root / name)
    (root / "endless.py").symlink_to("/dev/zero")
    (root / "folder.py").mkdir()
    assert found(root) == {"a.py"}
    kinds = {name: Discovery(root).kind(root / name) for name in ("pipe.py", "endless.py", "gone.py")}
    assert kinds == {"pipe.py": None, "endless.py": None, "gone.py": FileKind.PYTHON}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every name is text")
def test_what_has_a_name_that_is_no_text_is_left_out_and_kept_in_mind(root: Path) -> None:
    latin, folder = os.fsdecode(b"caf\xe9"), os.fsdecode(b"d\xe9p\xf4t")
    make(root, "a.py", f"{latin}.py", f"{latin}.csv", f"{folder}/b.py", f"left/{latin}.py")
    (root / ".gitignore").write_text("left\n")
    discovery = Discovery(root)
    assert [path for path, _ in discovery.walk()] == [str(root / "a.py")]
    assert discovery.illegible == {str(root / f"{latin}.py"), str(root / folder)}
    assert discovery.kind(root / f"{latin}.py") is None
    assert not discovery.enters(root / folder)


def test_a_root_that_is_an_environment_itself_is_read(root: Path) -> None:
    make(root, "pyvenv.cfg", "a.py")
    assert found(root) == {"a.py"}


@pytest.mark.parametrize(
    "rules",
    [
        {".gitignore": "/build\n*_old.py\n!keep_old.py\n"},
        {".gitignore": "sub/*\n!sub/b.py\n", "sub/.gitignore": "b.py\n"},
        {".gitignore": "*.py\n", "sub/.gitignore": "!*.py\n"},
        {".gitignore": "sub/\n", "sub/.gitignore": "!*.py\n"},
        {".gitignore": "**/deep/\nsub/**/x.py\n# comment\n\n\\#odd.py\n"},
        {"sub/.gitignore": "/b.py\ninner/\n"},
    ],
)
def test_ignore_rules_mean_what_git_means(root: Path, rules: dict[str, str]) -> None:
    make(root, "a.py", "a_old.py", "keep_old.py", "#odd.py", "build/x.py", "sub/b.py", "sub/c.py", "sub/inner/x.py",
         "sub/deep/y.py", "other/build/z.py")  # fmt: skip
    for name, text in rules.items():
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    assert found(root) == {name for name in listed if name.endswith(".py")}


def test_the_repositorys_rules_count_for_a_folder_in_it(root: Path) -> None:
    make(root, ".git/HEAD", "flows/a.py", "flows/b.py")
    (root / ".gitignore").write_text("b.py\n")
    discovery = Discovery(root / "flows")
    assert [Path(path).name for path, _ in discovery.walk()] == ["a.py"]
    assert discovery.ignore_files == (str(root / ".gitignore"),)


def test_an_ignored_folder_that_is_asked_for_is_read(root: Path) -> None:
    make(root, ".git/HEAD", "scratch/a.py")
    (root / ".gitignore").write_text("scratch/\n")
    assert found(root / "scratch") == {"a.py"}


def test_excluded_patterns_win_over_ignore_rules(root: Path) -> None:
    make(root, "a.py", "old/b.py", "made.py")
    (root / ".gitignore").write_text("made.py\n")
    assert found(root, exclude=("old/", "!made.py")) == {"a.py", "made.py"}


def test_links_and_what_cannot_be_read_do_not_stop_the_walk(root: Path) -> None:
    make(root, "a.py", "sub/b.py")
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "sub/up").symlink_to(root / "sub", target_is_directory=True)
    (root / "gone.py").symlink_to(root / "nowhere.py")
    (root / ".gitignore").mkdir()
    names = {Path(path).name for path, _ in Discovery(root).walk()}
    assert names == {"a.py", "b.py", "gone.py"}


def test_a_folder_that_is_not_there_has_no_files(root: Path) -> None:
    assert list(Discovery(root / "nowhere").walk()) == []
