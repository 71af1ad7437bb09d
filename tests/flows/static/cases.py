"""Flows with what Metaflow makes of them: read statically in one test, and by the real Metaflow in another."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.flows.static.reading import HEADER, STEPS, flow

Packages = dict[str, str]


@dataclass(frozen=True)
class Step:
    """What a step comes to; None for the kinds of packages that it does not have."""

    pypi: Packages | None = None
    conda: Packages | None = None
    python: str | None = None
    disabled: bool = False
    remote: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    source: str
    steps: dict[str, Step]
    files: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    file: str = "flow.py"


NONE = Step()


def started(on_start: str, start: Step, end: Step = NONE, **parts: str) -> Case:
    """A flow whose step start has the decorators `on_start`."""
    return Case(flow(on_start, **parts), {"start": start, "end": end})


PLAIN = {
    "no environment": started("", NONE),
    "pypi": started('@pypi(packages={"a": "1"}, python="3.10")', Step(pypi={"a": "1"}, python="3.10")),
    "pypi without arguments": started("@pypi", Step(pypi={})),
    "pypi with empty packages": started("@pypi(packages={})", Step(pypi={})),
    "pypi with python alone": started('@pypi(python="3.10")', Step(pypi={}, python="3.10")),
    "conda": started('@conda(packages={"a": "1"})', Step(conda={"a": "1"})),
    "conda libraries": started('@conda(libraries={"a": "1"})', Step(conda={"a": "1"})),
    "conda packages over libraries": started(
        '@conda(libraries={"a": "1", "b": "1"}, packages={"a": "2"})', Step(conda={"a": "2", "b": "1"})
    ),
    "conda channel in a name": started('@conda(packages={"pytorch::torch": "2"})', Step(conda={"pytorch::torch": "2"})),
    "pypi over pypi_base": started(
        '@pypi(packages={"b": "2"})',
        Step(pypi={"a": "1", "b": "2"}, python="3.10"),
        Step(pypi={"a": "1", "b": "1"}, python="3.10"),
        decorators='@pypi_base(packages={"a": "1", "b": "1"}, python="3.10")',
    ),
    "python over pypi_base": started(
        '@pypi(python="3.11")',
        Step(pypi={"a": "1"}, python="3.11"),
        Step(pypi={"a": "1"}, python="3.10"),
        decorators='@pypi_base(packages={"a": "1"}, python="3.10")',
    ),
    "pypi_base alone": started(
        "", Step(pypi={"a": "1"}), Step(pypi={"a": "1"}), decorators='@pypi_base(packages={"a": "1"})'
    ),
    "conda over conda_base": started(
        '@conda(libraries={"b": "2"})',
        Step(conda={"a": "1", "b": "2"}, python="3.9"),
        Step(conda={"a": "1", "b": "1"}, python="3.9"),
        decorators='@conda_base(libraries={"a": "1"}, packages={"b": "1"}, python="3.9")',
    ),
    "conda_base gives pypi its python": started(
        '@pypi(packages={"a": "1"})',
        Step(pypi={"a": "1"}, conda={}, python="3.9"),
        Step(conda={}, python="3.9"),
        decorators='@conda_base(python="3.9")',
    ),
    "python of pypi before that of conda": started(
        '@conda(python="3.9")\n@pypi(packages={"a": "1"}, python="3.10")',
        Step(pypi={"a": "1"}, conda={}, python="3.10"),
    ),
    "python of conda for pypi": started(
        '@conda(python="3.9")\n@pypi(packages={"a": "1"})', Step(pypi={"a": "1"}, conda={}, python="3.9")
    ),
    "number as python of conda_base": started(
        "", Step(conda={}, python="3.12"), Step(conda={}, python="3.12"), decorators="@conda_base(python=3.12)"
    ),
    "disabled": started('@pypi(packages={"a": "1"}, disabled=True)', Step(pypi={"a": "1"}, disabled=True)),
    "disabled as text": started('@pypi(packages={"a": "1"}, disabled="true")', Step(pypi={"a": "1"}, disabled=True)),
    "not disabled as text": started('@conda(packages={"a": "1"}, disabled="False")', Step(conda={"a": "1"})),
    "base disabled": started(
        "",
        Step(pypi={"a": "1"}, disabled=True),
        Step(pypi={"a": "1"}, disabled=True),
        decorators='@pypi_base(packages={"a": "1"}, disabled=True)',
    ),
    "step enabled over disabled base": started(
        "@pypi(disabled=False)",
        Step(pypi={"a": "1"}),
        Step(pypi={"a": "1"}, disabled=True),
        decorators='@pypi_base(packages={"a": "1"}, disabled=True)',
    ),
    "conda_base disabled disables pypi": started(
        '@pypi(packages={"a": "1"})',
        Step(pypi={"a": "1"}, conda={}, disabled=True),
        Step(conda={}, disabled=True),
        decorators="@conda_base(disabled=True)",
    ),
    "pypi_base disabled disables conda": started(
        '@conda(packages={"a": "1"})',
        Step(pypi={}, conda={"a": "1"}, disabled=True),
        Step(pypi={}, disabled=True),
        decorators="@pypi_base(disabled=True)",
    ),
    "batch": started('@batch(image="x:1")\n@pypi(packages={"a": "1"})', Step(pypi={"a": "1"}, remote=("batch",))),
    "kubernetes bare": started("@kubernetes", Step(remote=("kubernetes",))),
    "kubernetes from a constant": started(
        "@kubernetes(**K8S)", Step(remote=("kubernetes",)), header="K8S = dict(cpu=2, image='x:1')"
    ),
    "other decorators": started(
        '@card(type="blank")\n@retry(times=2)\n@resources(memory=1)\n@pypi(packages={"a": "1"})', Step(pypi={"a": "1"})
    ),
}

HELPERS = {
    "decorator in a constant": started(
        "@ENV", Step(pypi={"a": "1"}), header='ENV = pypi(packages={"a": "1"}, python=None)'
    ),
    "decorator from a function": started(
        '@env("2")', Step(pypi={"a": "2"}), header='def env(v):\n    return pypi(packages={"a": v})'
    ),
    "function that decorates": started(
        "@env",
        Step(pypi={"a": "1"}, remote=("batch",)),
        header='def env(f):\n    return batch(cpu=2)(pypi(packages={"a": "1"})(f))',
    ),
    "stack of decorators": started(
        "@env(gpu=True, b='2')",
        Step(pypi={"a": "1", "b": "2"}, remote=("batch",)),
        header="""\
        def env(gpu=False, **more):
            def deco(f):
                f = pypi(packages={"a": "1", **more})(f)
                return batch(gpu=1)(f) if gpu else f
            return deco
        """,
    ),
    "decorators composed": started(
        "@compose(pypi(packages={'a': '1'}), kubernetes(cpu=1), retry)",
        Step(pypi={"a": "1"}, remote=("kubernetes",)),
        header="""\
        def compose(*decorators):
            def deco(f):
                for d in reversed(decorators):
                    f = d(f)
                return f
            return deco
        """,
    ),
    "wrapped function": started(
        "@logged\n@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1"}),
        header="""\
        def logged(f):
            @functools.wraps(f)
            def wrapper(self, *args):
                print("before")
                return f(self, *args)
            return wrapper
        """,
    ),
    "decorated above a wrapper": started(
        "@pypi(packages={'a': '1'})\n@logged",
        Step(pypi={"a": "1"}),
        header="""\
        def logged(f):
            @functools.wraps(f)
            def wrapper(self):
                return f(self)
            return wrapper
        """,
    ),
    "partial decorator": started(
        "@env(python='3.10')",
        Step(pypi={"a": "1"}, python="3.10"),
        header="env = functools.partial(pypi, packages={'a': '1'})",
    ),
    "lambda": started("@(lambda f: pypi(packages={'a': '1'})(f))", Step(pypi={"a": "1"})),
    "chosen from a dict": started(
        "@ENVS['gpu']",
        Step(pypi={"a": "2"}),
        header="ENVS = {'gpu': pypi(packages={'a': '2'}), 'cpu': pypi(packages={'a': '1'})}",
    ),
    "chosen by a condition": started(
        "@(pypi(packages={'a': '1'}) if sys.version_info >= (3, 8) else conda)", Step(pypi={"a": "1"})
    ),
    "chosen by a variable": Case(
        flow(
            "@remote\n@pypi(packages={'a': '1'})",
            header="def noop(f):\n    return f\nremote = batch(cpu=1) if os.environ.get('REMOTE') == '1' else noop",
        ),
        {"start": Step(pypi={"a": "1"}, remote=("batch",)), "end": NONE},
        environ={"REMOTE": "1"},
    ),
    "flow decorator from a helper": started(
        "",
        Step(pypi={"a": "1"}),
        Step(pypi={"a": "1"}),
        header="def base(**packages):\n    return pypi_base(packages=packages)",
        decorators="@base(a='1')",
    ),
    "class that decorates": started(
        "@Env(a='1')",
        Step(pypi={"a": "1"}),
        header="""\
        class Env:
            def __init__(self, **packages):
                self.packages = packages
            def __call__(self, f):
                return pypi(packages=self.packages)(f)
        """,
    ),
    "helper that reads requirements": Case(
        flow(
            "@pypi(packages=requirements('requirements.txt'))",
            header="""\
            def requirements(name):
                found = {}
                with open(Path(__file__).parent / name) as f:
                    for line in f:
                        line = line.split("#")[0].strip()
                        if not line:
                            continue
                        if "==" in line:
                            package, version = line.split("==", 1)
                            found[package] = version
                        else:
                            found[line] = ""
                return found
            """,
        ),
        {"start": Step(pypi={"a": "1", "b": ""}), "end": NONE},
        files={"requirements.txt": "# needed\na==1\nb  # any\n\n"},
    ),
}

_BASE = """\
from metaflow import FlowSpec, batch, pypi, pypi_base, step


@pypi_base(packages={"base": "1"})
class Base(FlowSpec):
    @batch(cpu=1)
    @pypi(packages={"a": "1"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
"""

_MAIN = 'if __name__ == "__main__":\n    F()\n'

INHERITED = {
    "steps and packages": Case(
        f"from base import Base\n\n\nclass F(Base):\n    pass\n\n\n{_MAIN}",
        {"start": Step(pypi={"base": "1", "a": "1"}, remote=("batch",)), "end": Step(pypi={"base": "1"})},
        files={"base.py": _BASE},
    ),
    "a step overridden": Case(
        "from metaflow import pypi, step\nimport base\n\n\nclass F(base.Base):\n"
        '    @pypi(packages={"a": "2"})\n    @step\n    def start(self):\n        self.next(self.end)\n\n\n' + _MAIN,
        {"start": Step(pypi={"base": "1", "a": "2"}), "end": Step(pypi={"base": "1"})},
        files={"base.py": _BASE},
    ),
    "a base without decorators": Case(
        "from metaflow import FlowSpec, conda_base, step\n\n\nclass Base(FlowSpec):\n    @step\n    def start(self):\n"
        "        self.next(self.end)\n\n    @step\n    def end(self):\n        pass\n\n\n"
        '@conda_base(packages={"a": "1"})\nclass F(Base):\n    pass\n\n\n' + _MAIN,
        {"start": Step(conda={"a": "1"}), "end": Step(conda={"a": "1"})},
    ),
    "a mixin with a step": Case(
        'import metaflow as mf\n\n\nclass Mixin:\n    @mf.pypi(packages={"a": "1"})\n    @mf.step\n'
        "    def start(self):\n        self.next(self.end)\n\n\nclass F(Mixin, mf.FlowSpec):\n    @mf.step\n"
        "    def end(self):\n        pass\n\n\n" + _MAIN,
        {"start": Step(pypi={"a": "1"}), "end": NONE},
    ),
    "two levels in a package": Case(
        "from common.flows import Middle as Base\n\n\nclass F(Base):\n    pass\n\n\n" + _MAIN,
        {"start": Step(pypi={"base": "1", "a": "1"}, remote=("batch",)), "end": Step(pypi={"base": "1"})},
        files={
            "common/__init__.py": "",
            "common/flows.py": "from .base import Base\n\n\nclass Middle(Base):\n    pass\n",
            "common/base.py": _BASE,
        },
    ),
}

IMPORTED = {
    "constants": Case(
        flow("@pypi(packages={**PACKAGES, 'b': versions.B})", header="from constants import PACKAGES\nimport versions"),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": NONE},
        files={"constants.py": "import versions\nPACKAGES = {'a': '1'}\n", "versions.py": "B = '2'\n"},
    ),
    "alias and star": Case(
        flow("@pypi(packages={'a': A, 'b': C.B})", header="from constants import *\nimport constants as C"),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": NONE},
        files={"constants.py": "__all__ = ['A']\nA = '1'\nB = '2'\n"},
    ),
    "package with relative imports": Case(
        flow("@pypi(packages=lib.packages())", header="import lib"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={
            "lib/__init__.py": "from .deps import packages\n",
            "lib/deps.py": "from . import versions\ndef packages():\n    return {'a': versions.A}\n",
            "lib/versions.py": "A = '1'\n",
        },
    ),
    "submodule": Case(
        flow("@pypi(packages=lib.deps.P)", header="import lib.deps"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"lib/__init__.py": "", "lib/deps.py": "P = {'a': '1'}\n"},
    ),
    "decorator": Case(
        flow("@env(cpu=2)", header="from envs import env"),
        {"start": Step(pypi={"a": "1"}, remote=("kubernetes",)), "end": NONE},
        files={
            "envs.py": "from metaflow import kubernetes, pypi\n\n\ndef env(**resources):\n    def deco(f):\n"
            "        return kubernetes(**resources)(pypi(packages={'a': '1'})(f))\n    return deco\n"
        },
    ),
    "module changed by another": Case(
        flow("@pypi(packages=constants.P)", header="import constants\nimport setup_env"),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": NONE},
        files={"constants.py": "P = {'a': '1'}\n", "setup_env.py": "import constants\nconstants.P['b'] = '2'\n"},
    ),
    "sys.path extended": Case(
        flow(
            "@pypi(packages=P)",
            header="sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\nfrom deps import P",
        ),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"lib/deps.py": "P = {'a': '1'}\n"},
    ),
    "circular": Case(
        flow("@pypi(packages=one.P)", header="import one"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"one.py": "import two\nP = {'a': two.A}\n", "two.py": "import one\nA = '1'\n"},
    ),
    "fallback that is not needed": Case(
        flow("@pypi(packages=P)", header="try:\n    from deps import P\nexcept ImportError:\n    P = {}"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"deps.py": "P = {'a': '1'}\n"},
    ),
    "flow in a folder": Case(
        flow("@pypi(packages=P)", header="from deps import P"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"flows/deps.py": "P = {'a': '1'}\n"},
        file="flows/flow.py",
    ),
    "import_module": Case(
        flow("@pypi(packages=importlib.import_module('deps').P)", header="import importlib"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"deps.py": "P = {'a': '1'}\n"},
    ),
}

_JSON = '{"packages": {"a": "1", "b": "2"}, "python": "3.10", "env": {"packages": {"c": "3"}}, "gpu": 1}'

CONFIGURED = {
    "attribute": Case(
        flow(
            "@pypi(packages=config.packages, python=config.python)", body="config = Config('config', default='c.json')"
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}, python="3.10"), "end": NONE},
        files={"c.json": _JSON},
    ),
    "subscript and get": Case(
        flow(
            "@pypi(packages=config['env'].get('packages'), python=config.get('python'))",
            body="config = Config('config', default='c.json')",
        ),
        {"start": Step(pypi={"c": "3"}, python="3.10"), "end": NONE},
        files={"c.json": _JSON},
    ),
    "spread": Case(
        flow("@pypi(**config.env)", body="config = Config('config', default='c.json')"),
        {"start": Step(pypi={"c": "3"}), "end": NONE},
        files={"c.json": _JSON},
    ),
    "expression": Case(
        flow(
            "@pypi(packages=config_expr('{k: v for k, v in settings.packages.items() if k != EXCEPT}'))",
            header="EXCEPT = 'a'",
            body="config = Config('settings', default='c.json')",
        ),
        {"start": Step(pypi={"b": "2"}), "end": NONE},
        files={"c.json": _JSON},
    ),
    "expression for the flow": Case(
        flow(
            decorators="@pypi_base(packages=config_expr('config').packages)",
            body="config = Config('config', default='c.json')",
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": Step(pypi={"a": "1", "b": "2"})},
        files={"c.json": _JSON},
    ),
    "default value": Case(
        flow("@pypi(packages=config.p)", body="config = Config('config', default_value={'p': {'a': '1'}})"),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
    ),
    "default value as text": Case(
        flow("@pypi(packages=config.p)", body="""config = Config('config', default_value='{"p": {"a": "1"}}')"""),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
    ),
    "default from a function": Case(
        flow(
            "@pypi(packages=config.packages)",
            header="def path(ctx):\n    return 'c.json'",
            body="config = Config('config', default=path)",
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": NONE},
        files={"c.json": _JSON},
    ),
    "parser of the flow": Case(
        flow(
            "@pypi(packages=config.packages)",
            header="def parse(text):\n    return {'packages': dict(l.split('==') for l in text.splitlines())}",
            body="config = Config('config', default='r.txt', parser=parse)",
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": NONE},
        files={"r.txt": "a==1\nb==2\n"},
    ),
    "parser by name": Case(
        flow(
            "@pypi(packages=config.packages, python=config.python)",
            body="config = Config('c', 'r.txt', parser='metaflow.plugins.pypi.parsers.requirements_txt_parser')",
        ),
        {"start": Step(pypi={"a": "1", "b": ">=2"}, python="3.10"), "end": NONE},
        files={"r.txt": "a==1\nb>=2\npython==3.10\n"},
    ),
    "parser by relative name": Case(
        flow(
            "@pypi(packages=config.packages)",
            body="config = Config('c', default='p.toml', parser='.plugins.pypi.parsers.pyproject_toml_parser')",
        ),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"p.toml": '[project]\nname = "x"\ndependencies = ["a==1"]\n'},
    ),
    "conda environment parser": Case(
        flow(
            "@conda(packages=config.packages)",
            header="from metaflow import conda_environment_yml_parser",
            body="config = Config('c', default='e.yml', parser=conda_environment_yml_parser)",
        ),
        {"start": Step(conda={"a": "1"}), "end": NONE},
        files={"e.yml": "dependencies:\n  - a=1\n"},
    ),
    "yaml parser": Case(
        flow(
            "@pypi(packages=config.p)",
            header="from metaflow import yaml_parser",
            body="config = Config('c', default='c.yml', parser=yaml_parser)",
        ),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"c.yml": "p:\n  a: '1'\n"},
    ),
    "plain": Case(
        flow(
            "@pypi(packages=config_expr('dict([config.split(\"==\")])'))",
            body="config = Config('config', default='r.txt', plain=True)",
        ),
        {"start": Step(pypi={"a": "1"}), "end": NONE},
        files={"r.txt": "a==1"},
    ),
    "variable of the environment": Case(
        flow("@pypi(packages=config.p)", body="config = Config('config', default='c.json')"),
        {"start": Step(pypi={"z": "9"}), "end": NONE},
        files={"c.json": _JSON},
        environ={"METAFLOW_FLOW_CONFIG_VALUE": '{"config": {"p": {"z": "9"}}}'},
    ),
    "config of a base class": Case(
        "from base import Base\n\n\nclass F(Base):\n    pass\n\n\n" + _MAIN,
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": NONE},
        files={
            "c.json": _JSON,
            "base.py": "from metaflow import Config, FlowSpec, pypi, step\n\n\nclass Base(FlowSpec):\n"
            "    config = Config('config', default='c.json')\n\n    @pypi(packages=config.packages)\n    @step\n"
            "    def start(self):\n        self.next(self.end)\n\n    @step\n    def end(self):\n        pass\n",
        },
    ),
    "remote by config": Case(
        flow(
            "@kubernetes(gpu=config.gpu)\n@pypi(packages=config.packages)",
            body="config = Config('config', default='c.json')",
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}, remote=("kubernetes",)), "end": NONE},
        files={"c.json": _JSON},
    ),
}

MUTATED = {
    "step mutator adds pypi": started(
        "@env",
        Step(pypi={"a": "1"}),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.add_decorator(pypi, deco_kwargs={"packages": {"a": "1"}})
        """,
    ),
    "step mutator with arguments": started(
        "@env('2', extra={'b': '3'})",
        Step(pypi={"a": "2", "b": "3"}, python="3.10"),
        header="""\
        class env(StepMutator):
            def init(self, version, extra=None):
                self.packages = {"a": version, **(extra or {})}
            def pre_mutate(self, mutable_step):
                mutable_step.add_decorator("pypi", deco_kwargs={"packages": self.packages, "python": "3.10"})
        """,
    ),
    "existing decorator stays": started(
        "@env\n@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1"}),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.add_decorator("pypi", deco_kwargs={"packages": {"b": "2"}})
        """,
    ),
    "existing decorator overridden": started(
        "@env\n@pypi(packages={'a': '1'})",
        Step(pypi={"b": "2"}),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.add_decorator(
                    "pypi", deco_kwargs={"packages": {"b": "2"}}, duplicates=mutable_step.OVERRIDE
                )
        """,
    ),
    "decorator removed": started(
        "@env\n@batch(cpu=1)\n@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1"}),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.remove_decorator("batch")
        """,
    ),
    "flow mutator": started(
        "@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1"}, remote=("kubernetes",)),
        Step(pypi={"b": "2"}),
        header="""\
        class env(FlowMutator):
            def mutate(self, mutable_flow):
                for name, s in mutable_flow.steps:
                    s.add_decorator("pypi", deco_kwargs={"packages": {"b": "2"}})
                    if name == "start":
                        s.add_decorator(kubernetes, deco_kwargs={"cpu": 2})
        """,
        decorators="@env",
    ),
    "flow mutator adds a flow decorator": started(
        "",
        Step(pypi={"a": "1"}),
        Step(pypi={"a": "1"}),
        header="""\
        class env(FlowMutator):
            def pre_mutate(self, mutable_flow):
                mutable_flow.add_decorator("pypi_base", deco_kwargs={"packages": {"a": "1"}})
        """,
        decorators="@env",
    ),
    "mutator by specification": started(
        "@env",
        Step(pypi={"a": "1"}, python="3.10"),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.add_decorator('pypi:packages={"a": "1"},python="3.10"')
        """,
    ),
    "mutator reads a config": Case(
        flow(
            "",
            header="""\
            class env(FlowMutator):
                def mutate(self, mutable_flow):
                    config = mutable_flow.config
                    for name, s in mutable_flow.steps:
                        s.add_decorator("pypi", deco_kwargs={"packages": config.packages.to_dict()})
            """,
            decorators="@env",
            body="config = Config('config', default='c.json')",
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": Step(pypi={"a": "1", "b": "2"})},
        files={"c.json": _JSON},
    ),
    "mutator looks at what is there": started(
        "@env\n@kubernetes(cpu=1)",
        Step(pypi={"a": "gpu"}, remote=("kubernetes",)),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                remote = any(name == "kubernetes" for name, *_ in mutable_step.decorator_specs)
                assert mutable_step.has_decorator("conda")
                packages = {"a": "gpu" if remote else "cpu"}
                mutable_step.add_decorator(pypi, deco_kwargs={"packages": packages})
        """,
    ),
    "mutator changes what is there": started(
        "@env\n@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1", "b": "2"}, python="3.10"),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                for name, _, _, kwargs in list(mutable_step.decorator_specs):
                    if name == "pypi":
                        kwargs["packages"] = {**kwargs["packages"], "b": "2"}
                        kwargs["python"] = kwargs["python"] or "3.10"
                        mutable_step.add_decorator("pypi", deco_kwargs=kwargs, duplicates=mutable_step.OVERRIDE)
        """,
    ),
    "user step decorator": started(
        "@timed\n@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1"}),
        header="""\
        @user_step_decorator
        def timed(step_name, flow, inputs=None, attributes=None):
            yield
        """,
    ),
    "inherited mutator": Case(
        HEADER + "\n\nclass env(FlowMutator):\n    def mutate(self, mutable_flow):\n"
        "        for _, s in mutable_flow.steps:\n"
        "            s.add_decorator('pypi', deco_kwargs={'packages': {'a': '1'}})\n\n\n"
        "@env\nclass Base(FlowSpec):\n    pass\n\n\nclass F(Base):\n" + STEPS,
        {"start": Step(pypi={"a": "1"}), "end": Step(pypi={"a": "1"})},
    ),
}

GROUPS = (PLAIN, HELPERS, INHERITED, IMPORTED, CONFIGURED, MUTATED)
