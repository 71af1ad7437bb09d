from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.flows.decospecs import Decospec
from mfenvd.flows.launches import Launch, LaunchScanner, find_launches

ROOT = Path("/project")


def launches(text: str, name: str = "deploy.sh") -> list[Launch]:
    return list(find_launches(str(ROOT / name), text, ROOT))


def told(text: str, name: str = "deploy.sh") -> list[tuple[str, list[str], str]]:
    return [
        (os.path.relpath(launch.candidates[0], ROOT), [spec.name for spec in launch.decospecs], launch.phrase)
        for launch in launches(text, name)
    ]


@pytest.mark.parametrize(
    "command",
    [
        "python flow.py run --with batch",
        "python3 -u flow.py run --with=batch",
        "python flow.py --environment=pypi run --max-workers 4 --with batch:cpu=4",
        "python flow.py --with batch run",
        "python ./flow.py resume train --with batch",
        "./flow.py run --with batch &",
        "poetry run python flow.py run --with batch",
        "uv run --with boto3 flow.py run --with batch",
        "time env A=b python flow.py run --with retry --with batch > log.txt 2>&1",
        "set -e; test -f x && python flow.py run --with batch || exit 1",
        "python 'flow.py' run \"--with\" batch  # nightly",
        "$PYTHON flow.py run --with batch",
        "$(which python) flow.py run --with batch",
        '"${PYTHON:-python}" flow.py run --with batch',
        'python "$HERE/flow.py" run --with batch',
        'bash -c "python flow.py run --with batch"',
        "RUN=$(python flow.py run --with batch)",
        "python -m flow run --with batch",
        "python \\\n  flow.py \\\n  run --with batch",
    ],
)  # fmt: skip
def test_a_command_that_launches_remotely(command: str) -> None:
    assert told(command) == [("flow.py", ["batch"], "launched --with batch in deploy.sh:1")]


@pytest.mark.parametrize(
    "command",
    [
        "python flow.py run",
        "python flow.py run --with resources:cpu=4",
        "python flow.py show --with batch",
        "# python flow.py run --with batch",
        "echo python flow.py run --with batch",
        'git commit -m "python flow.py run --with batch"',
        "python flow.py run --with $DECORATOR",
        "for f in *.py; do python $f run --with batch; done",
        "uv run --with batch flow.py run",
        "python flow.py argo-workflows trigger",
        "python flow.py run --with",
        "python 'flow.py run --with batch",
        "docker run --with batch image.py.tar",
        "pip install --with batch",
    ],
)
def test_a_command_that_does_not(command: str) -> None:
    assert told(command) == []


@pytest.mark.parametrize(
    ("deploy", "decorator"),
    [
        ("argo-workflows create", "kubernetes"),
        ("step-functions --name x create", "batch"),
        ("airflow create dag.py", "kubernetes"),
    ],
)
def test_deployers_attach_their_decorator_to_every_step(deploy: str, decorator: str) -> None:
    command = deploy.split(maxsplit=1)[0]
    assert told(f"python flow.py --datastore=s3 {deploy}") == [
        ("flow.py", [decorator], f"{command} create in deploy.sh:1")
    ]


def test_an_image_on_the_command_line_is_the_one_that_counts() -> None:
    (launch,) = launches("python flow.py --with kubernetes:image=ubuntu:20.04 argo-workflows create")
    assert launch.decospecs == (Decospec("kubernetes", "ubuntu:20.04"),)
    (launch,) = launches("python flow.py run --with batch:image=$IMAGE,cpu=2")
    assert launch.decospecs == (Decospec("batch", image_known=False),)


def test_variables_of_metaflow_before_a_command_count() -> None:
    assert told("METAFLOW_DECOSPECS=batch python flow.py run") == [
        ("flow.py", ["batch"], "launched with METAFLOW_DECOSPECS=batch in deploy.sh:1")
    ]


def test_a_variable_that_is_set_once_is_known_and_one_set_twice_is_not() -> None:
    assert told("FLOW=flows/train.py\npython $FLOW run --with batch")[0][0] == "flows/train.py"
    assert told("FLOW=a.py\nFLOW=b.py\npython $FLOW run --with batch") == []


def test_a_cd_holds_until_its_subshell_ends() -> None:
    text = (
        "(cd a && python x.py run --with batch)\npython y.py run --with batch\ncd b\ncd c\npython z.py run --with batch"
    )
    assert [file for file, _, _ in told(text)] == ["a/x.py", "y.py", "b/c/z.py"]


def test_a_script_in_a_folder_may_mean_its_own_folder_or_the_root() -> None:
    (launch,) = launches("python flows/x.py run --with batch", "scripts/deploy.sh")
    assert launch.candidates == ("/project/scripts/flows/x.py", "/project/flows/x.py")
    (launch,) = launches('cd "$(dirname "$0")/.."\npython x.py run --with batch', "scripts/deploy.sh")
    assert "/project/x.py" in launch.candidates


def test_make_starts_a_shell_per_line() -> None:
    text = (
        "FLOW := train.py\ndeploy: test\n"
        "\t@cd flows && $(PYTHON) $(FLOW) run --with batch\n"
        "\t-python a.py run --with batch\n"
    )
    assert told(text, "Makefile") == [
        ("flows/train.py", ["batch"], "launched --with batch in Makefile:3"),
        ("a.py", ["batch"], "launched --with batch in Makefile:4"),
    ]


def test_just_recipes() -> None:
    text = (
        'flow := "train.py"\n\ndeploy:\n    python {{flow}} run --with kubernetes\n    python a.py run --with batch\n'
    )
    assert told(text, "justfile") == [("a.py", ["batch"], "launched --with batch in justfile:5")]


def test_github_actions() -> None:
    text = """\
on: push
jobs:
  deploy:
    steps:
      - uses: actions/checkout@v4
      - run: python a.py run --with batch
      - working-directory: flows
        run: |
          pip install metaflow

          python b.py --with retry \\
            argo-workflows create
      - run: >-
          python c.py
          run --with batch
      - run: python ${{ matrix.flow }} run --with batch
"""
    name = ".github/workflows/deploy.yml"
    assert [(launch.candidates[-1], launch.location.line) for launch in launches(text, name)] == [
        ("/project/a.py", 6),
        ("/project/flows/b.py", 11),
        ("/project/c.py", 13),
    ]


def test_commands_of_a_list_share_a_shell() -> None:
    text = "deploy:\n  script:\n    - !reference [.setup, script]\n    - cd flows\n    - python a.py run --with batch\n"
    assert told(text, ".gitlab-ci.yml") == [("flows/a.py", ["batch"], "launched --with batch in .gitlab-ci.yml:5")]


@pytest.mark.parametrize("indent", ["  ", "\t"])
def test_scripts_of_package_json(indent: str) -> None:
    text = f'{{\n{indent}"scripts": {{\n{indent}{indent}"t": "python a.py run --with batch"\n{indent}}}\n}}'
    assert told(text, "package.json") == [("a.py", ["batch"], "launched --with batch in package.json:3")]


def test_tasks_in_pyproject() -> None:
    text = (
        '[tool.poe.tasks]\na = "python a.py run --with batch"\nb.shell = """\ncd x\npython b.py run --with batch\n"""\n'
    )
    assert told(text, "pyproject.toml") == [
        ("a.py", ["batch"], "launched --with batch in pyproject.toml:2"),
        ("x/b.py", ["batch"], "launched --with batch in pyproject.toml:5"),
    ]


def test_a_jenkinsfile_has_its_commands_in_quotes() -> None:
    text = "stage('x') {\n  sh 'python a.py run --with batch'\n}\n"
    assert told(text, "Jenkinsfile") == [("a.py", ["batch"], "launched --with batch in Jenkinsfile:2")]


def test_yaml_that_is_a_template_still_says_something() -> None:
    text = "{% if x %}\nrun: python a.py run --with batch\n{% endif %}\n"
    assert told(text, "Taskfile.yml") == [("a.py", ["batch"], "launched --with batch in Taskfile.yml:2")]


def test_a_script_is_read_again_only_when_it_changed(root: Path) -> None:
    script = root / "deploy.sh"
    script.write_text("python a.py run --with batch\n")
    scanner = LaunchScanner(root)
    first = scanner.scan(str(script))
    assert scanner.scan(str(script)) is first
    script.write_text("python a.py run --with kubernetes\n")
    os.utime(script, ns=(1, 1))
    assert [launch.decospecs for launch in scanner.scan(str(script))] == [(Decospec("kubernetes"),)]
    script.unlink()
    assert scanner.scan(str(script)) == ()


def test_binary_large_and_foreign_files_launch_nothing(root: Path) -> None:
    scanner = LaunchScanner(root)
    binary, large, other = root / "a.sh", root / "b.sh", root / "tool"
    binary.write_bytes(b"\xff\xfe python a.py run --with batch")
    large.write_text("python a.py run --with batch\n" + "#" * (1 << 20))
    other.write_text("#!/usr/bin/env python3\npython a.py run --with batch\n")
    assert [scanner.scan(str(path)) for path in (binary, large, other, root)] == [(), (), (), ()]


@given(st.text(alphabet="pyton flw.ru-h=bac:${}()|&;<>\"'`\\\n\t#@{}[],!%", max_size=120))
@settings(max_examples=150, deadline=None)
def test_no_script_is_too_strange(text: str) -> None:
    for name in ("x.sh", "Makefile", "x.yml", "pyproject.toml"):
        list(find_launches(f"/project/{name}", f"--with {text}", ROOT))
