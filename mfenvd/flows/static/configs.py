"""`Config` and `config_expr`: values that Metaflow computes when the flow's class is complete."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import files
from mfenvd.flows.static.machine import Raised
from mfenvd.flows.static.values import (
    Builtin,
    Call,
    ClassValue,
    ConfigValue,
    FileText,
    Frame,
    Namespace,
    Special,
    Unknown,
)

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

UNPACKED = "_unpacked_delayed_"


class Delayed(Special):
    """An expression over configs: `config.a.b`, `config_expr("…")`."""

    __slots__ = ("access", "expression", "frame", "node")

    def __init__(self, expression: str, access: tuple[Any, ...] | None, node: ast.AST, frame: Frame) -> None:
        self.expression = expression
        self.access = access
        self.node = node
        self.frame = frame

    def attribute(self, machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
        """Deeper into the config, or one of the methods that every Mapping has."""
        return mapping_method(machine, self, name, node, frame) or self.subscript(machine, name, node, frame)

    def subscript(self, machine: Machine, key: Any, node: ast.AST, frame: Frame) -> Any:
        """Deeper into the config."""
        if self.access is None or not isinstance(key, (str, Delayed)):
            return machine.unknown(node, frame, "looks into an expression over configs")
        return Delayed(self.expression, (*self.access, key), node, self.frame)

    def call(self, machine: Machine, call: Call) -> Any:
        """Not before the flow runs."""
        return machine.unknown(call.node, call.frame, "calls a part of a config, which is not there yet")

    def spread(self, machine: Machine, node: ast.AST, frame: Frame) -> Any:
        """One entry that Metaflow unpacks later."""
        del machine, node, frame
        return {f"{UNPACKED}{id(self)}": self}

    def equals(self, other: Any, same: Callable[[Any, Any], bool]) -> bool:
        """The same expression."""
        return bool(self.expression == other.expression) and same(self.access, other.access)


class ConfigParameter(Special):
    """A `Config(...)` of a flow."""

    __slots__ = ("arguments", "frame", "name", "node")

    def __init__(self, name: str, arguments: dict[str, Any], node: ast.AST, frame: Frame) -> None:
        self.name = name
        self.arguments = arguments
        self.node = node
        self.frame = frame

    def attribute(self, machine: Machine, name: str, node: ast.AST, frame: Frame) -> Any:
        """`config.a`."""
        delayed = Delayed(self.name, (), node, frame)
        return mapping_method(machine, delayed, name, node, frame) or Delayed(self.name, (name,), node, frame)

    def subscript(self, machine: Machine, key: Any, node: ast.AST, frame: Frame) -> Any:
        """`config["a"]`."""
        return Delayed(self.name, (), node, frame).subscript(machine, key, node, frame)

    def spread(self, machine: Machine, node: ast.AST, frame: Frame) -> Any:
        """`**config`."""
        return Delayed(self.name, (), node, frame).spread(machine, node, frame)


def mapping_method(machine: Machine, delayed: Delayed, name: str, node: ast.AST, frame: Frame) -> Any:
    """The method `name` of Mapping, which goes before an entry of that name; None when it is no method."""
    if name == "get":

        def get(machine: Machine, call: Call) -> Any:
            return delayed.subscript(machine, call.arguments[0], call.node, call.frame)

        return Builtin("get", get)
    if name in {"items", "keys", "values"}:
        return machine.unknown(node, frame, "goes through a config, which is not there yet")
    return None


_PARAMETERS = ("name", "default", "default_value", "help", "required", "parser", "plain")


def make_config(machine: Machine, call: Call) -> Any:
    """`Config(...)`."""
    if isinstance(spread := call.keywords.get("**"), Unknown):
        return spread
    arguments = {**dict(zip(_PARAMETERS, call.arguments, strict=False)), **call.keywords}
    name = arguments.get("name")
    if not isinstance(name, str):
        return machine.first_unknown(name) or machine.unknown(call.node, call.frame, "has no name")
    return ConfigParameter(str(name), arguments, call.node, call.frame)


def make_expression(machine: Machine, call: Call) -> Any:
    """`config_expr("…")`."""
    text = call.first("expr")
    if not isinstance(text, str):
        return machine.first_unknown(text) or machine.unknown(call.node, call.frame, "is no expression")
    module_frame = Frame(call.frame.module, call.frame.module.names)
    return Delayed(str(text), () if text.isidentifier() else None, call.node, module_frame)


def values_of(machine: Machine, flow: ClassValue) -> dict[str, Any]:
    """The configs of a flow by name, as Metaflow computes them without options on the command line."""
    found: dict[str, Any] = {}
    for cls in flow.mro:
        for variable, value in cls.names.items():
            if isinstance(value, ConfigParameter) and not variable.startswith("_") and value.name not in found:
                found[value.name] = _compute(machine, value)
    return found


def _compute(machine: Machine, config: ConfigParameter) -> Any:
    try:
        content = _content(machine, config)
        if content is None or isinstance(content, Unknown):
            return content
        return _parsed(machine, config, content)
    except Raised as raised:
        return Unknown(raised.source, raised.node, f"raises {raised}")


def _content(machine: Machine, config: ConfigParameter) -> Any:
    """The text of a config: of the environment's variables, else of its default."""
    node, frame = config.node, config.frame
    paths = _variable(machine, "METAFLOW_FLOW_CONFIG")
    values = _variable(machine, "METAFLOW_FLOW_CONFIG_VALUE")
    if config.name in values:
        value = values[config.name]
        return value if isinstance(value, str) else json.dumps(value)
    if config.name in paths:
        return files.read(machine, paths[config.name], node, frame)
    default = config.arguments.get("default")
    if default is not None:
        path = _called(machine, default, config)
        return path if isinstance(path, Unknown) or path is None else files.read(machine, path, node, frame)
    value = _called(machine, config.arguments.get("default_value"), config)
    if value is None and config.arguments.get("required") is True:
        fix = "Give it a default, or set METAFLOW_FLOW_CONFIG where you run `mfenv up`."
        return machine.unknown(node, frame, "is given on the command line", fix)
    if isinstance(value, dict):
        if cause := machine.plain(value, node, frame):
            return cause
        return json.dumps(value)
    return value


def _called(machine: Machine, value: Any, config: ConfigParameter) -> Any:
    """A default, or what the function that stands for it returns."""
    if value is None or isinstance(value, (str, dict, Unknown)):
        return value
    context = machine.unknown(config.node, config.frame, "is known when the flow is started")
    return machine.call(value, Call([context], {}, config.node, config.frame))


def _variable(machine: Machine, name: str) -> dict[str, Any]:
    try:
        value = json.loads(machine.facts.environ.get(name, "{}"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _parsed(machine: Machine, config: ConfigParameter, content: Any) -> Any:
    node, frame = config.node, config.frame
    parser = config.arguments.get("parser")
    plain = config.arguments.get("plain") is True
    if parser is None:
        if plain:
            return content
        try:
            value = json.loads(content)
        except ValueError as error:
            where = f"{content.path}: {error}" if isinstance(content, FileText) else str(error)
            return machine.unknown(node, frame, f"is not valid JSON ({where})", "Correct the file, or give a parser.")
        value = files.with_places(value, content)
    else:
        value = machine.call(_parser(machine, parser, config), Call([content], {}, node, frame))
        if isinstance(value, Unknown):
            return value
        value = files.with_places(value, content)
    if plain:
        return value
    if not isinstance(value, dict):
        return machine.unknown(node, frame, "is not a mapping, as Metaflow requires")
    return ConfigValue.of(value)


def _parser(machine: Machine, parser: Any, config: ConfigParameter) -> Any:
    from mfenvd.flows.static import attributes, imports

    if not isinstance(parser, str):
        return parser
    name = f"metaflow{parser}" if parser.startswith(".") else str(parser)
    module, _, function = name.rpartition(".")
    loaded = imports.load(machine, module, config.node, config.frame)
    return attributes.get(machine, loaded, function, config.node, config.frame)


def resolve(machine: Machine, value: Any, configs: dict[str, Any]) -> Any:
    """`value` with every delayed expression in it computed (Metaflow's `resolve_delayed_evaluator`)."""
    if isinstance(value, Delayed):
        return _evaluate(machine, value, configs)
    if isinstance(value, ConfigParameter):
        return _evaluate(machine, Delayed(value.name, (), value.node, value.frame), configs)
    known = machine.readable(value)
    if isinstance(known, Unknown):
        return known
    if isinstance(known, dict):
        return {resolve(machine, key, configs): resolve(machine, item, configs) for key, item in known.items()}
    if isinstance(known, (list, tuple)) and type(known) in {list, tuple}:
        return type(known)(resolve(machine, item, configs) for item in known)
    return known


def resolve_attributes(machine: Machine, attributes: dict[str, Any], configs: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a decorator, with `**config` unpacked."""
    found: dict[str, Any] = {}
    for key, value in attributes.items():
        resolved = resolve(machine, value, configs)
        if not key.startswith(UNPACKED):
            found[key] = resolved
        elif isinstance(resolved, dict):
            found.update(resolved)
        else:
            found["**"] = resolved
    return found


def _evaluate(machine: Machine, delayed: Delayed, configs: dict[str, Any]) -> Any:
    parts = [delayed.expression]
    for part in delayed.access or ():
        text = _evaluate(machine, part, configs) if isinstance(part, Delayed) else part
        if not isinstance(text, str):
            return machine.first_unknown(text) or machine.unknown(delayed.node, delayed.frame, "is no name")
        parts.append(text)
    try:
        tree = ast.parse(".".join(parts), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return machine.unknown(delayed.node, delayed.frame, "is no expression that can be evaluated")
    for node in ast.walk(tree):
        ast.copy_location(node, delayed.node)
    frame = Frame(delayed.frame.module, Namespace(configs), None)
    try:
        return machine.evaluate(tree, frame)
    except Raised as raised:
        return machine.unknown(delayed.node, delayed.frame, f"raises {raised}", _missing_fix(raised))


def _missing_fix(raised: Raised) -> str | None:
    return "Add the entry to the config." if raised.kind in {"AttributeError", "KeyError"} else None

