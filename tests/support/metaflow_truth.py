"""What the real Metaflow makes of flow files: each is started with a command that prints its decorators.

Imported, it offers `truth`. Run as a script it is the process that does it: it imports Metaflow once and forks
for each file, as Metaflow keeps state in its modules. POSIX only.
"""

from __future__ import annotations

import importlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Truth = dict[str, dict[str, Any]]
"""By step: `conda` and `pypi` (merged packages, None without the decorator), `python`, `disabled`, `remote`."""


def truth(
    files: Sequence[Path], *, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> list[Truth | str]:
    """For each file its steps, or the error that Metaflow ends with.

    Args:
        files: Flow files that start Metaflow when they are run.
        cwd: Where Metaflow is started, each file's own folder by default.
        environ: Variables that the flows see besides this process's.
    """
    folders = [str(cwd or file.parent) for file in files]
    done = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps([[str(file), folder] for file, folder in zip(files, folders, strict=True)]),
        env={**os.environ, "METAFLOW_USER": "tester", **(environ or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    answers: list[Truth | str] = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(files), done.stderr
    return answers


_ENVIRONMENTS = ("conda", "pypi")
_REMOTE = ("batch", "kubernetes")


def _describe(flow: Any) -> Truth:
    found: Truth = {}
    for step in flow:
        decorators = {decorator.name: decorator.attributes for decorator in step.decorators}
        disabled = any(
            attributes["disabled"] and str(attributes["disabled"]).lower() != "false"
            for name, attributes in decorators.items()
            if name in _ENVIRONMENTS
        )
        pypi, conda = decorators.get("pypi"), decorators["conda"]
        found[step.name] = {
            "conda": conda["packages"],
            "pypi": pypi["packages"] if pypi is not None else None,
            "python": (pypi or conda)["python"] or conda["python"],
            "disabled": disabled,
            "remote": [name for name in decorators if name in _REMOTE],
            "images": {name: decorators[name]["image"] for name in _REMOTE if name in decorators},
        }
    return found


def _nothing(*_arguments: Any, **_keywords: Any) -> None:
    return None


def _prepare(answers: list[Truth]) -> None:
    """Adds the command, and takes away what would need a network."""
    metaflow: Any = importlib.import_module("metaflow")
    click: Any = importlib.import_module("metaflow._vendor.click")
    start = metaflow.FlowSpec.__init__

    def init(self: Any, use_cli: bool = True) -> None:
        if use_cli:
            # Metaflow's command line adds the flow's configs as it is imported, so it has to know the flow then.
            with metaflow.parameters.flow_context(type(self)):
                cli: Any = importlib.import_module("metaflow.cli")

            describe = click.pass_obj(lambda obj: answers.append(_describe(obj.flow)))
            cli.cli.command("describe")(describe)
        start(self, use_cli)

    metaflow.FlowSpec.__init__ = init
    micromamba: Any = importlib.import_module("metaflow.plugins.pypi.micromamba")
    micromamba.Micromamba.__init__ = _nothing  # would look for its executable
    plugins: Any = importlib.import_module("metaflow.plugins")
    for decorator in plugins.STEP_DECORATORS:
        if decorator.name in _REMOTE:
            decorator.step_init = _nothing  # would ask for a bucket


def _answer(file: str, folder: str) -> Truth | str:
    """Runs `file` as its user would, up to the point where every decorator is there."""
    answers: list[Truth] = []
    _prepare(answers)
    os.chdir(folder)
    sys.argv = [file, "--quiet", "--no-pylint", "--environment=pypi", "--metadata=local", "describe"]
    sys.path[0] = str(Path(file).parent)
    try:
        runpy.run_path(file, run_name="__main__")
    except SystemExit as done:
        if not answers:
            return f"SystemExit: {done.code}"
    except BaseException as error:  # noqa: BLE001 - whatever the flow does is the answer
        if not answers:
            return f"{type(error).__name__}: {error}"
    return answers[0] if answers else "no flow was started"


def _serve() -> None:
    importlib.import_module("metaflow.plugins")  # once for all children
    for file, folder in json.load(sys.stdin):
        sys.stdout.flush()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            with open(writer, "w") as pipe, open(os.devnull, "w") as nowhere:  # noqa: PTH123 - descriptors
                os.dup2(nowhere.fileno(), 1)
                json.dump(_answer(file, folder), pipe)
            os._exit(0)
        os.close(writer)
        with open(reader) as pipe:  # noqa: PTH123 - a descriptor
            answer = pipe.read()
        os.waitpid(child, 0)
        print(answer or json.dumps("the process ended"))


if __name__ == "__main__":
    _serve()
