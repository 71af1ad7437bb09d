"""What is read again when files change, and what is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

from mfenvd.domain.arch import Arch
from mfenvd.domain.codes import Code
from mfenvd.domain.surroundings import Surroundings
from mfenvd.flows.project_reader import ProjectReader
from mfenvd.paths import Paths
from tests.flows.project.conftest import MAC
from tests.flows.project.projects import Open, codes, flow, step_of, targets, write


def test_a_changed_flow_is_read_again_and_the_others_are_not(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow("A"))
    write(root / "b.py", flow("B"))
    reader = open_project()
    before = reader.read()
    write(a, flow("A", packages='{"pandas": "2.2.3"}'))
    after = reader.update([a])
    assert step_of(after, flow="A").pypi == {"pandas": "2.2.3"}
    assert step_of(after, flow="B") is step_of(before, flow="B")


def test_a_save_that_changes_nothing_gives_the_same_plan(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow())
    reader = open_project()
    before = reader.read()
    write(a, flow() + "\n# a comment\n")
    assert reader.update([a]) is before
    assert reader.update([]) is before
    assert reader.update([root / "nothing.txt", root / "nowhere"]) is before


def test_files_come_and_go(root: Path, open_project: Open) -> None:
    reader = open_project()
    assert reader.read().environments == ()
    a = write(root / "a.py", flow())
    assert len(reader.update([a]).environments) == 2
    a.rename(root / "b.py")
    plan = reader.update([a, root / "b.py"])
    assert {e.source for e in plan.environments} == {str(root / "b.py")}
    (root / "b.py").unlink()
    assert reader.update([root / "b.py"]).environments == ()


def test_folders_come_and_go(root: Path, open_project: Open, tmp_path: Path) -> None:
    reader = open_project()
    reader.read()
    write(tmp_path / "new/deep/a.py", flow())
    write(tmp_path / "new/deploy.sh", "python deep/a.py run --with batch\n")
    shutil.move(str(tmp_path / "new"), root / "new")
    plan = reader.update([root / "new"])
    assert set(targets(step_of(plan))) == {"osx-arm64", "linux-64"}
    shutil.rmtree(root / "new")
    assert reader.update([root / "new"]).environments == ()


def test_a_file_that_stops_being_a_flow_is_forgotten(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow())
    reader = open_project()
    reader.read()
    write(a, "print('hello')\n")
    assert reader.update([a]).environments == ()


def test_a_syntax_error_keeps_the_last_environments_and_is_said_at_its_line(root: Path, open_project: Open) -> None:
    a = write(root / "a.py", flow())
    reader = open_project()
    before = reader.read()
    assert not reader.remembers
    write(a, flow().replace("def end(self):", "def end(self:"))
    broken = reader.update([a])
    assert reader.remembers
    assert broken.environments == before.environments
    (finding,) = broken.findings
    assert (finding.code, finding.path, finding.line) == (Code.SYNTAX_ERROR, str(a), 10)
    write(a, flow(packages='{"pandas": "2.2.3"}'))
    mended = reader.update([a])
    assert not reader.remembers
    assert mended.findings == ()
    assert step_of(mended).pypi == {"pandas": "2.2.3"}


def test_a_syntax_error_that_was_there_from_the_start_is_said(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow().replace("def end(self):", "def end(self:"))
    reader = open_project()
    plan = reader.read()
    assert plan.environments == ()
    assert codes(plan) == [Code.SYNTAX_ERROR]
    assert not reader.remembers


def test_a_changed_module_reads_the_flows_again_that_import_it(root: Path, open_project: Open) -> None:
    module = write(root / "deps.py", 'PACKAGES = {"pandas": "2.2.2"}\n')
    write(root / "a.py", "from deps import PACKAGES\n" + flow(packages="PACKAGES"))
    reader = open_project()
    before = reader.read()
    assert step_of(before).pypi == {"pandas": "2.2.2"}
    write(module, 'PACKAGES = {"pandas": "2.2.3", "numpy": ""}\n')
    assert step_of(reader.update([module])).pypi == {"pandas": "2.2.3", "numpy": ""}
    write(module, "PACKAGES = {\n")
    broken = reader.update([module])
    assert step_of(broken).pypi == {"pandas": "2.2.3", "numpy": ""}
    assert [(finding.code, finding.path) for finding in broken.findings] == [(Code.SYNTAX_ERROR, str(module))]
    assert reader.remembers
    write(module, 'PACKAGES = {"pandas": ""}\n')
    mended = reader.update([module])
    assert not reader.remembers
    assert (step_of(mended).pypi, mended.findings) == ({"pandas": ""}, ())


def test_a_module_that_appears_is_noticed(root: Path, open_project: Open) -> None:
    write(root / "a.py", "from deps import PACKAGES\n" + flow(packages="PACKAGES"))
    reader = open_project()
    assert step_of(reader.read()).request is None
    module = write(root / "deps.py", 'PACKAGES = {"pandas": "2.2.2"}\n')
    assert step_of(reader.update([module])).pypi == {"pandas": "2.2.2"}


def test_a_requirements_file_that_a_flow_reads_is_a_dependency(root: Path, open_project: Open) -> None:
    requirements = write(root / "requirements.txt", "pandas==2.2.2\n")
    write(
        root / "a.py",
        """\
from metaflow import Config, FlowSpec, config_expr, pypi_base, requirements_txt_parser, step

@pypi_base(packages=config_expr("deps.packages"), python="3.11")
class ConfigFlow(FlowSpec):
    deps = Config("deps", default="requirements.txt", parser=requirements_txt_parser)
    @step
    def start(self):
        pass
""",
    )
    reader = open_project()
    assert step_of(reader.read()).pypi == {"pandas": "2.2.2"}
    write(requirements, "pandas==2.2.3\n")
    assert step_of(reader.update([requirements])).pypi == {"pandas": "2.2.3"}


def test_a_changed_script_changes_the_targets(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    reader = open_project()
    reader.read()
    script = write(root / "deploy.sh", "python a.py run --with batch\n")
    assert set(targets(step_of(reader.update([script])))) == {"osx-arm64", "linux-64"}
    write(script, "python a.py run\n")
    assert set(targets(step_of(reader.update([script])))) == {"osx-arm64"}
    write(script, "python a.py run --with batch\n")
    reader.update([script])
    script.unlink()
    assert set(targets(step_of(reader.update([script])))) == {"osx-arm64"}


def test_changed_configuration_counts_at_once_and_broken_keeps_the_last(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    config = root / "mfenv.toml"
    reader = open_project()
    reader.read()
    write(config, 'archs = ["win-64"]\n')
    assert set(targets(step_of(reader.update([config])))) == {"osx-arm64", "win-64"}
    assert reader.settings.archs == (Arch.WIN_64,)
    write(config, 'archs = ["win-64"\n')
    broken = reader.update([config])
    assert set(targets(step_of(broken))) == {"osx-arm64", "win-64"}
    assert codes(broken) == [Code.MALFORMED_FILE]
    assert reader.remembers
    config.unlink()
    assert set(targets(step_of(reader.update([config])))) == {"osx-arm64"}
    assert not reader.remembers


def test_metaflows_configuration_counts_at_once(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    reader = open_project()
    reader.read()
    config = write(root / ".metaflow/config.json", '{"METAFLOW_DEFAULT_DECOSPECS": "kubernetes"}')
    assert set(targets(step_of(reader.update([config])))) == {"osx-arm64", "linux-64"}


def test_ignore_rules_and_excluded_patterns_count_at_once(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow("A"))
    write(root / "old/b.py", flow("B"))
    reader = open_project()
    assert {e.flow for e in reader.read().environments} == {"A", "B"}
    ignore = write(root / ".gitignore", "old/\n")
    assert {e.flow for e in reader.update([ignore]).environments} == {"A"}
    write(root / "old/b.py", flow("C"))
    assert {e.flow for e in reader.update([root / "old/b.py"]).environments} == {"A"}
    ignore.unlink()
    assert {e.flow for e in reader.update([ignore]).environments} == {"A", "C"}
    config = write(root / "mfenv.toml", 'exclude = ["old/"]\n')
    assert {e.flow for e in reader.update([config]).environments} == {"A"}


def test_a_changed_interpreter_counts_at_once(root: Path, shell: Surroundings, folders: Paths) -> None:
    write(root / "a.py", flow().replace(', python="3.11"', ""))
    reader = ProjectReader(root, shell, folders, host=MAC)
    assert step_of(reader.read()).python == "3.11.7"
    config = write(root / ".venv/pyvenv.cfg", "version = 3.10.4\n")
    assert step_of(reader.update([config])).python == "3.10.4"


def test_a_configuration_inside_of_the_project_is_said_not_to_count(root: Path, open_project: Open) -> None:
    write(root / "mfenv.toml", 'archs = ["win-64"]\n')
    write(root / "a.py", flow())
    inner = write(root / "jobs/mfenv.toml", 'archs = ["osx-64"]\n')
    project = write(root / "other/pyproject.toml", "[tool.mfenv]\npython = '3.10'\n")
    write(root / "third/pyproject.toml", "[project]\nname = 'third'\n")
    reader = open_project()
    plan = reader.read()
    assert [(finding.code, finding.path) for finding in plan.findings] == [
        (Code.SETTINGS_UNUSED, str(inner)), (Code.SETTINGS_UNUSED, str(project)),
    ]  # fmt: skip
    assert "jobs/mfenv.toml" in plan.findings[0].message
    assert set(targets(step_of(plan))) == {"osx-arm64", "win-64"}
    inner.unlink()
    write(project, "[project]\nname = 'other'\n")
    assert reader.update([inner, project]).findings == ()
    write(inner, "")
    assert codes(reader.update([inner])) == [Code.SETTINGS_UNUSED]


def test_files_that_matter_are_named_wherever_they_are(root: Path, open_project: Open, folders: Paths) -> None:
    outside = write(root.parent / "shared.txt", "numpy\n")
    write(root / "mfenv.toml", '[envs.a]\nrequirements = "../shared.txt"\n')
    reader = open_project()
    reader.read()
    assert {
        str(outside),
        str(folders.config_file),
        str(root.parent / "home/.metaflowconfig/config.json"),
        str(root / ".metaflow/config.json"),
        str(root / ".venv/pyvenv.cfg"),
    } <= reader.watched
    write(outside, "numpy<2\n")
    assert reader.update([outside]).environments[0].pypi == {"numpy": "<2"}


def test_an_update_without_a_reading_reads(root: Path, open_project: Open) -> None:
    write(root / "a.py", flow())
    assert len(open_project().update([]).environments) == 2


def test_many_updates_equal_one_reading(root: Path, open_project: Open) -> None:
    reader = open_project()
    reader.read()
    changes = [
        ("a.py", flow("A")), ("deploy.sh", "python a.py run --with batch\n"), ("b/b.py", flow("B")),
        ("mfenv.toml", 'archs = ["win-64"]\n[envs.x]\npackages = ["numpy"]\n'), ("a.py", flow("A", packages="")),
        (".gitignore", "b/\n"), ("c.py", flow("C")), ("deploy.sh", "python c.py argo-workflows create\n"),
    ]  # fmt: skip
    for name, text in changes:
        updated = reader.update([write(root / name, text)])
        assert updated == open_project().read(), name
