"""The `metaflow` package as a flow sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows import metaflow_parsers
from mfenvd.flows.decorator_names import FLOW_DECORATORS, STEP_DECORATORS
from mfenvd.flows.static import configs, decorators, library_data, mutable, mutators
from mfenvd.flows.static.classes import NEW
from mfenvd.flows.static.values import Builtin, Call, ClassValue, Library, Namespace, Site

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine


def _run(machine: Machine, call: Call) -> Any:
    """`MyFlow()` starts Metaflow's command line: nothing that follows changes what was decorated."""
    return machine.unknown(call.at, "runs the flow")


FLOW_SPEC = ClassValue("FlowSpec", Namespace({NEW: Builtin("FlowSpec", _run)}))
FLOW_SPEC.mro = (FLOW_SPEC,)


def _parser(parse: Callable[[Any], Any]) -> Callable[[Machine, Call], Any]:
    return lambda machine, call: library_data.parse(machine, call, call.first("content"), parse)


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "requirements_txt_parser": metaflow_parsers.requirements_txt_parser,
    "conda_environment_yml_parser": metaflow_parsers.conda_environment_yml_parser,
    "pyproject_toml_parser": metaflow_parsers.pyproject_toml_parser,
    "yaml_parser": library_data.load_yaml,
}

NAMES: dict[str, Any] = {
    "FlowSpec": FLOW_SPEC,
    "step": Builtin("step", decorators.mark_step),
    "Config": Builtin("Config", configs.make_config),
    "config_expr": Builtin("config_expr", configs.make_expression),
    "StepMutator": mutators.STEP_MUTATOR,
    "FlowMutator": mutators.FLOW_MUTATOR,
    "UserStepDecorator": mutators.USER_STEP_DECORATOR,
    "user_step_decorator": Builtin("user_step_decorator", mutators.user_step_decorator),
    "MutableStep": mutable.DUPLICATES,
    "MutableFlow": mutable.DUPLICATES,
    **{name: decorators.MetaflowDecorator(name, "step") for name in STEP_DECORATORS},
    **{name: decorators.MetaflowDecorator(name, "flow") for name in FLOW_DECORATORS},
    **{name: Builtin(name, _parser(parse)) for name, parse in _PARSERS.items()},
}
"""What `from metaflow import *` binds, as far as it concerns environments."""

_SUBMODULES = frozenset({
    "plugins", "decorators", "flowspec", "user_decorators", "user_configs", "pypi", "parsers", "config_parameters",
    "user_step_decorator", "user_flow_decorator", "mutable_step", "mutable_flow",
})  # fmt: skip


def attribute(machine: Machine, module: str, name: str, at: Site) -> Any:
    """`module.name`, where `module` is `metaflow` or one of its submodules."""
    if name in NAMES:
        return NAMES[name]
    full = f"{module}.{name}"
    return Library(full) if name in _SUBMODULES else machine.outside(full, at)
