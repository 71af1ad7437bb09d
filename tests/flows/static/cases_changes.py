"""Flows that are changed while they are loaded: modules, Metaflow itself, classes and steps that exist already."""

from __future__ import annotations

from tests.flows.static.cases import Case, Step, started
from tests.flows.static.reading import HEADER, STEPS, flow

_PLAIN_STEPS = STEPS.replace('if __name__ == "__main__":\n    F()\n', "")
_RUN = 'if __name__ == "__main__":\n    F()\n'

MODULES = {
    "module changed by its name": started(
        "@pypi(packages=A)",
        Step(pypi={"b": "1"}),
        header="A = {'a': '1'}\nsetattr(sys.modules[__name__], 'A', {'b': '1'})",
    ),
    "module loaded again": Case(
        flow("@pypi(packages={'a': c.V})", header="import importlib, c\nc.V = '9'\nimportlib.reload(c)"),
        {"start": Step(pypi={"a": "1"}), "end": Step()},
        files={"c.py": "V = '1'\n"},
    ),
    "one file under two names": Case(
        flow("@pypi(packages=pkg.c.P)", header="sys.path.append('pkg')\nimport c, pkg.c\nc.P['x'] = '1'"),
        {"start": Step(pypi={"a": "1"}), "end": Step()},
        files={"pkg/__init__.py": "", "pkg/c.py": "P = {'a': '1'}\n"},
    ),
    "submodule before it is imported": Case(
        flow(
            "@pypi(packages={'a': str(before), 'b': lib.sub.V})",
            header="import lib\nbefore = hasattr(lib, 'sub')\nimport lib.sub",
        ),
        {"start": Step(pypi={"a": "False", "b": "1"}), "end": Step()},
        files={"lib/__init__.py": "", "lib/sub.py": "V = '1'\n"},
    ),
    "module with attributes of its own making": Case(
        flow("@pypi(packages={'a': c.A, 'b': getattr(c, 'B', 'none')})", header="import c"),
        {"start": Step(pypi={"a": "1", "b": "none"}), "end": Step()},
        files={"c.py": "def __getattr__(n):\n    if n == 'A':\n        return '1'\n    raise AttributeError(n)\n"},
    ),
    "metaflow's own name replaced": started(
        "@metaflow.pypi(packages={'a': '1'})",
        Step(pypi={"a": "1", "b": "2"}),
        header="""\
        import metaflow
        _pypi = metaflow.pypi
        metaflow.pypi = lambda packages: _pypi(packages={**packages, "b": "2"})
        """,
    ),
    "config in a variable that the flow sets": started(
        "@pypi(packages=c.p)",
        Step(pypi={"b": "2"}),
        header="os.environ['METAFLOW_FLOW_CONFIG_VALUE'] = json.dumps({'c': {'p': {'b': '2'}}})",
        body="c = Config('c', default_value={'p': {'a': '1'}})",
    ),
    "config of a base under another name": Case(
        HEADER + "\n\nclass Base(FlowSpec):\n    c = Config('c', default_value={'p': {'a': '1'}})\n\n\nclass F(Base):\n"
        "    c = Config('d', default_value={'p': {'b': '1'}})\n"
        + STEPS.replace("    @step\n    def start", "    @pypi(packages=c.p)\n    @step\n    def start"),
        {"start": Step(pypi={"b": "1"}), "end": Step()},
    ),
}

STEPS_CHANGED = {
    "decorated later": Case(
        HEADER + "\n\nclass F(FlowSpec):\n" + _PLAIN_STEPS + "pypi(packages={'a': '1'})(F.start)\n" + _RUN,
        {"start": Step(pypi={"a": "1"}), "end": Step()},
    ),
    "arguments of a decorator changed": Case(
        flow("@pypi(packages={'a': '1'})").replace(
            _RUN, "F.start.decorators[0].attributes['packages']['b'] = '2'\n" + _RUN
        ),
        {"start": Step(pypi={"a": "1", "b": "2"}), "end": Step()},
    ),
    "steps from a dict": Case(
        HEADER + "\n\ndef steps():\n    @pypi(packages={'a': '1'})\n    @step\n    def start(self):\n"
        "        self.next(self.end)\n\n    @step\n    def end(self):\n        pass\n\n    return locals()\n\n\n"
        "class F(FlowSpec):\n    locals().update(steps())\n\n\n" + _RUN,
        {"start": Step(pypi={"a": "1"}), "end": Step()},
    ),
    "class decorator that goes through the class": started(
        "",
        Step(pypi={"a": "1"}),
        Step(pypi={"a": "1"}),
        header="""\
        def env(cls):
            for name, value in list(vars(cls).items()):
                if hasattr(value, "is_step"):
                    setattr(cls, name, pypi(packages={"a": "1"})(value))
            return cls
        """,
        decorators="@env",
    ),
    "subclass hook that decorates": Case(
        HEADER + "\n\nclass Base(FlowSpec):\n    def __init_subclass__(cls):\n        super().__init_subclass__()\n"
        "        pypi(packages={'a': '1'})(cls.start)\n\n\nclass F(Base):\n" + STEPS,
        {"start": Step(pypi={"a": "1"}), "end": Step()},
    ),
    "mutator by its name": started(
        "",
        Step(pypi={"a": "1"}),
        Step(pypi={"a": "1"}),
        header="""\
        class inner(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.add_decorator("pypi", deco_kwargs={"packages": {"a": "1"}})

        class outer(FlowMutator):
            def pre_mutate(self, mutable_flow):
                for _, s in mutable_flow.steps:
                    s.add_decorator("inner")
        """,
        decorators="@outer",
    ),
    "mutator removed by its name": started(
        "@inner",
        Step(),
        header="""\
        class inner(StepMutator):
            def mutate(self, mutable_step):
                mutable_step.add_decorator("pypi", deco_kwargs={"packages": {"a": "1"}})

        class outer(FlowMutator):
            def pre_mutate(self, mutable_flow):
                mutable_flow.start.remove_decorator("inner")
        """,
        decorators="@outer",
    ),
    "decorator removed by its arguments": started(
        "@env\n@pypi(packages={'a': '1'})",
        Step(pypi={"a": "1", "b": "2"}),
        header="""\
        class env(StepMutator):
            def mutate(self, mutable_step):
                for name, _, args, kwargs in mutable_step.decorator_specs:
                    if name == "pypi":
                        mutable_step.remove_decorator(name, args, {})
                        mutable_step.remove_decorator(name, args, kwargs)
                        packages = {**kwargs["packages"], "b": "2"}
                        mutable_step.add_decorator(name, args, {**kwargs, "packages": packages})
        """,
    ),
}

GROUPS = (MODULES, STEPS_CHANGED)
