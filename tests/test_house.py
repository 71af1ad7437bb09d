"""The house itself: one direction of imports, documentation for every code, nothing on the top level by accident."""

import re
from pathlib import Path

from importlinter.cli import lint_imports
from pathspec import GitIgnoreSpec

from mfenvd.domain.codes import Code

ROOT = Path(__file__).parent.parent

TOP_LEVEL = {
    ".ci", ".git", ".gitignore", "LICENSE", "README.md", "contrib", "docs", "mfenvd", "pyproject.toml", "tests", "tui",
}  # fmt: skip


def test_the_top_level_holds_what_belongs_there_and_what_git_ignores() -> None:
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text("utf-8").splitlines())
    names = {f"{path.name}/" if path.is_dir() else path.name for path in ROOT.iterdir()}
    assert {name.rstrip("/") for name in names if not ignored.match_file(name)} - TOP_LEVEL == set()


def test_imports_run_in_one_direction() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None, show_timings=False) == 0


def test_every_code_has_its_section_in_the_documentation() -> None:
    headings = re.findall(r"^### (MFE\d+ .+)$", (ROOT / "docs" / "findings.md").read_text("utf-8"), re.MULTILINE)
    assert headings == [f"{code} {code.meaning}" for code in sorted(Code)]


def test_every_code_is_raised_somewhere() -> None:
    sources = [path for path in (ROOT / "mfenvd").rglob("*.py") if path.name not in {"codes.py", "words.py"}]
    text = "\n".join(path.read_text("utf-8") for path in sources)
    assert [code for code in Code if f"Code.{code.name}" not in text] == []
