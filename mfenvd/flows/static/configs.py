"""`Config` and `config_expr`: values that Metaflow computes when the flow's class is complete."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mfenvd.flows.static import files
from mfenvd.flows.static.data import ConfigValue, FileText
from mfenvd.flows.static.outcomes import Raised
from mfenvd.flows.static.values import MISSING, Builtin, Call, ClassValue, Frame, Namespace, Site, Special, Unknown

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

UNPACKED = "_unpacked_delayed_"
"""What the key begins with that `**config` leaves in a dict, as in Metaflow."""


class Delayed(Special):
    """An expression over configs: `config.a.b`, `config_expr("…")`. Only a plain name has `access`."""

    __slots__ = ("access", "at", "expression")

    def __init__(self, expression: str, access: tuple[Any, ...] | None, at: Site) -> None:
        self.expression = expression
        self.access = access
        self.at = at

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """Deeper into the config, or one of the methods that every Mapping has."""
        if name == "get":
            return Builtin("get", lambda machine, call: self.subscript(machine, call.arguments[0], call.at))
        if name in {"items", "keys", "values"}:
            return machine.unknown(at, "goes through a config, which is not there yet")
        return self.subscript(machine, name, at)

    def subscript(self, machine: Machine, key: Any, at: Site) -> Any:
        """Deeper into the config."""
        if self.access is None or not isinstance(key, (str, Delayed)):
            return machine.unknown(at, "looks into an expression over configs")
        return Delayed(self.expression, (*self.access, key), at)

    def call(self, machine: Machine, call: Call) -> Any:
        """Not before the flow runs."""
        return machine.unknown(call.at, "calls a part of a config, which is not there yet")

    def spread(self, machine: Machine, at: Site) -> Any:
        """One entry that Metaflow unpacks later."""
        del machine, at
        return {f"{UNPACKED}{id(self)}": self}

    def equals(self, other: Any, same: Callable[[Any, Any], bool]) -> bool:
        """The same expression."""
        return bool(self.expression == other.expression) and same(self.access, other.access)


class ConfigParameter(Special):
    """A `Config(...)` of a flow."""

    __slots__ = ("arguments", "at", "name")

    def __init__(self, name: str, arguments: dict[str, Any], at: Site) -> None:
        self.name = name
        self.arguments = arguments
        self.at = at

    def attribute(self, machine: Machine, name: str, at: Site) -> Any:
        """`config.a`."""
        return Delayed(self.name, (), at).attribute(machine, name, at)

    def subscript(self, machine: Machine, key: Any, at: Site) -> Any:
        """`config["a"]`."""
        return Delayed(self.name, (), at).subscript(machine, key, at)

    def spread(self, machine: Machine, at: Site) -> Any:
        """`**config`."""
        return Delayed(self.name, (), at).spread(machine, at)


_PARAMETERS = ("name", "default", "default_value", "help", "required", "parser", "plain")


def make_config(machine: Machine, call: Call) -> Any:
    """`Config(...)`."""
    arguments = {**dict(zip(_PARAMETERS, call.arguments, strict=False)), **call.keywords}
    name = arguments.get("name")
    return ConfigParameter(str(name), arguments, call.at) if isinstance(name, str) else machine.undecided(name, call.at)


def make_expression(machine: Machine, call: Call) -> Any:
    """`config_expr("…")`."""
    text = call.first("expr")
    if not isinstance(text, str):
        return machine.undecided(text, call.at)
    return Delayed(str(text), () if text.isidentifier() else None, call.at)


def values_of(machine: Machine, flow: ClassValue) -> dict[str, Any]:
    """The configs of a flow by name, as Metaflow computes them without options on the command line."""
    found: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for cls in flow.mro:
        variables = {**cls.names, **variables}
    for variable, value in variables.items():
        if isinstance(value, ConfigParameter) and not variable.startswith("_") and value.name not in found:
            found[value.name] = _compute(machine, value)
    return found


def _compute(machine: Machine, config: ConfigParameter) -> Any:
    machine.guarded += 1  # what fails here fails as the flow is started
    try:
        content = _content(machine, config)
        if content is None or isinstance(content, Unknown):
            return content
        return _parsed(machine, config, content)
    except Raised as raised:
        return raised.as_unknown(config.at)
    finally:
        machine.guarded -= 1


def _content(machine: Machine, config: ConfigParameter) -> Any:
    """The text of a config: of the environment's variables, else of its default."""
    value = _variable(machine, "METAFLOW_FLOW_CONFIG_VALUE", config.name)
    if value is not None:
        return value if isinstance(value, (str, Unknown)) else json.dumps(value)
    path = _variable(machine, "METAFLOW_FLOW_CONFIG", config.name)
    if path is not None:
        return files.read(machine, path, config.at)
    default = config.arguments.get("default")
    if default is not None:
        path = _called(machine, default, config)
        return path if isinstance(path, Unknown) or path is None else files.read(machine, path, config.at)
    value = _called(machine, config.arguments.get("default_value"), config)
    if value is None and config.arguments.get("required") is True:
        fix = "Give it a default, or set METAFLOW_FLOW_CONFIG where you run `mfenv up`."
        return machine.unknown(config.at, "is given on the command line", fix)
    if isinstance(value, dict):
        return machine.plain(value, config.at) or json.dumps(value)
    return value


def _called(machine: Machine, value: Any, config: ConfigParameter) -> Any:
    """A default, or what the function that stands for it returns."""
    if value is None or isinstance(value, (str, dict, Unknown)):
        return value
    context = machine.unknown(config.at, "is known when the flow is started")
    return machine.call(value, Call([context], {}, config.at))


def _variable(machine: Machine, name: str, config: str) -> Any:
    """What a variable of the environment, which the flow may have set, says of a config; None for nothing."""
    text = machine.heap.doubted(machine.environ) or machine.environ.get(name, "{}")
    if isinstance(text, Unknown):
        return text
    try:
        value = json.loads(text)
    except (TypeError, ValueError):
        return None
    return value.get(config) if isinstance(value, dict) else None


def _parsed(machine: Machine, config: ConfigParameter, content: Any) -> Any:
    parser = config.arguments.get("parser")
    plain = config.arguments.get("plain") is True
    if parser is None and plain:
        return content
    if parser is not None:
        value = machine.call(_parser(machine, parser, config), Call([content], {}, config.at))
    else:
        try:
            value = json.loads(content)
        except ValueError as error:
            where = f"{content.path}: {error}" if isinstance(content, FileText) else str(error)
            fix = "Correct it, or name a parser."
            return Unknown(config.at, f"is not valid JSON ({where})", fix, fails=True)
    if isinstance(value, Unknown):
        return value
    value = files.with_places(value, content)
    if plain or isinstance(value, dict):
        return value if plain else ConfigValue.of(value)
    return machine.unknown(config.at, "is not a mapping, as Metaflow requires")


def _parser(machine: Machine, parser: Any, config: ConfigParameter) -> Any:
    if not isinstance(parser, str):
        return parser
    name = f"metaflow{parser}" if parser.startswith(".") else str(parser)
    module, _, function = name.rpartition(".")
    found = machine.find_attribute(machine.load(module, config.at), function, config.at)
    return machine.unknown(config.at, f"names the parser {name}, which is not there") if found is MISSING else found


def resolve(machine: Machine, value: Any, configs: dict[str, Any]) -> Any:
    """`value` with every delayed expression in it computed (Metaflow's `resolve_delayed_evaluator`)."""
    if isinstance(value, Delayed):
        return _evaluate(machine, value, configs)
    if isinstance(value, ConfigParameter):
        return _evaluate(machine, Delayed(value.name, (), value.at), configs)
    known = machine.readable(value)
    if isinstance(known, dict):
        return {resolve(machine, key, configs): resolve(machine, item, configs) for key, item in known.items()}
    if type(known) is list or type(known) is tuple:
        return type(known)(resolve(machine, item, configs) for item in known)
    return known


def resolve_attributes(machine: Machine, attributes: dict[str, Any], configs: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a decorator, with `**config` unpacked; `**` holds one that cannot be."""
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
            return machine.undecided(text, delayed.at)
        parts.append(text)
    try:
        tree = ast.parse(".".join(parts), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return machine.unknown(delayed.at, "is no expression that can be evaluated")
    for node in ast.walk(tree):
        ast.copy_location(node, delayed.at.node)
    try:
        return machine.evaluate(tree, Frame(delayed.at.frame.module, Namespace(configs)))
    except Raised as raised:
        missing = raised.kind in {"AttributeError", "KeyError", "NameError"}
        return machine.unknown(delayed.at, f"raises {raised}", "Add the entry to the config." if missing else None)
