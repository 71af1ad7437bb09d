"""The `metaflow` package as a flow sees it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from mfenvd.flows import metaflow_parsers
from mfenvd.flows.static import configs, decorators, files, library, mutators
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.values import (
    Builtin,
    Call,
    ClassValue,
    FileText,
    Frame,
    Library,
    Namespace,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def _flow_instance(machine: Machine, call: Call) -> Any:
    """`MyFlow()` starts Metaflow's command line: nothing that follows changes what was decorated."""
    return machine.unknown(call.node, call.frame, "runs the flow")


FLOW_SPEC = ClassValue("FlowSpec", Namespace({"<new>": Builtin("FlowSpec", _flow_instance)}))
FLOW_SPEC.mro = (FLOW_SPEC,)


def _parser(parse: Callable[[str], Any]) -> Callable[[Machine, Call], Any]:
    def implementation(machine: Machine, call: Call) -> Any:
        content = call.first("content")
        if isinstance(content, Unknown):
            return content
        if not isinstance(content, str):
            return machine.unknown(call.node, call.frame, "parses something that is not text")
        try:
            return files.with_places(parse(content), content)
        except ValueError as error:
            where = f" in {content.path}" if isinstance(content, FileText) else ""
            raise Raised("ParserValueError", call.node, f"{error}{where}", call.frame.source) from error

    return implementation


_PARSERS = {
    "requirements_txt_parser": metaflow_parsers.requirements_txt_parser,
    "conda_environment_yml_parser": metaflow_parsers.conda_environment_yml_parser,
    "pyproject_toml_parser": metaflow_parsers.pyproject_toml_parser,
    "yaml_parser": library.load_yaml,
}

_NAMES: dict[str, Any] = {
    "FlowSpec": FLOW_SPEC,
    "step": Builtin("step", decorators.mark_step),
    "Config": Builtin("Config", configs.make_config),
    "config_expr": Builtin("config_expr", configs.make_expression),
    "StepMutator": mutators.STEP_MUTATOR,
    "FlowMutator": mutators.FLOW_MUTATOR,
    "UserStepDecorator": mutators.USER_STEP_DECORATOR,
    "user_step_decorator": Builtin("user_step_decorator", mutators.user_step_decorator),
    "MutableStep": mutators.DUPLICATES,
    "MutableFlow": mutators.DUPLICATES,
    **{name: decorators.MetaflowDecorator(name, "step") for name in decorators.STEP_DECORATORS},
    **{name: decorators.MetaflowDecorator(name, "flow") for name in decorators.FLOW_DECORATORS},
    **{name: Builtin(name, _parser(parse)) for name, parse in _PARSERS.items()},
}


def attribute(machine: Machine, module: str, name: str, node: ast.AST, frame: Frame) -> Any:
    """`module.name`, where `module` is `metaflow` or one of its submodules."""
    if name in _NAMES:
        return _NAMES[name]
    if name in {"plugins", "decorators", "flowspec", "user_decorators", "user_configs", "pypi", "parsers"}:
        return Library(f"{module}.{name}")
    return machine.outside(f"{module}.{name}", node, frame)


def everything(machine: Machine, frame: Frame) -> Iterator[tuple[str, Any]]:
    """What `from metaflow import *` binds."""
    del machine, frame
    yield from _NAMES.items()
