"""Data formats and `.env` files."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import yaml

from mfenvd.flows.static import files, filesystem, iteration, operators
from mfenvd.flows.static.data import OpenFile
from mfenvd.flows.static.outcomes import LARGEST_VALUE, Raised
from mfenvd.flows.static.registering import registering
from mfenvd.flows.static.values import Builtin, Call, Unknown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from mfenvd.flows.static.machine import Machine

TABLE: dict[str, Any] = {}

_function = registering(TABLE)


def load_yaml(text: Any) -> Any:
    """What `yaml.safe_load` answers."""
    content = str(text) if isinstance(text, str) else text
    return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def load_toml(text: Any) -> Any:
    """What `tomllib.load` answers."""
    return tomllib.loads(text.decode() if isinstance(text, bytes) else str(text))


def parse(machine: Machine, call: Call, text: Any, parser: Callable[[Any], Any]) -> Any:
    """What `parser` makes of the text of a file, each entry knowing its line.

    Raises:
        Raised: The parser refuses it.
    """
    if isinstance(text, Unknown):
        return text.bare
    if not isinstance(text, (str, bytes)):
        return machine.unknown(call.at, "parses something that is not known")
    try:
        value = parser(text)
        if _size(value, {}) > LARGEST_VALUE:  # a few lines of YAML with aliases can stand for millions
            return machine.unknown(call.at, "is too large")
        return files.with_places(value, text)
    except (yaml.YAMLError, ValueError) as problem:
        raise Raised(type(problem).__name__, call.at, str(problem).partition("\n")[0]) from problem
    except RecursionError:
        return machine.unknown(call.at, "is nested too deeply")


def _size(value: Any, known: dict[int, int]) -> int:
    """How many values there are when everything that is shared is written out."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        known[id(value)] = LARGEST_VALUE + 1  # what contains itself has no end
        items = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known) for item in items)
    return known[id(value)]


def _parser(parser: Callable[[Any], Any], *, takes_path: bool = False) -> Callable[[Machine, Call], Any]:
    """A function that parses text or an open file; `toml.load` takes a path too."""

    def implementation(machine: Machine, call: Call) -> Any:
        source = call.values[0]
        text = iteration.read_all(machine, source) if isinstance(source, OpenFile) else source
        if takes_path and isinstance(source, (str, PurePath)):
            text = files.read(machine, source, call.at)
        return parse(machine, call, text, parser)

    return implementation


_PARSERS = {
    ("json.load", "json.loads"): _parser(json.loads),
    ("yaml.safe_load", "yaml.load", "yaml.full_load"): _parser(load_yaml),
    ("tomllib.load", "tomllib.loads", "tomli.load", "tomli.loads", "toml.loads"): _parser(load_toml),
    ("toml.load",): _parser(load_toml, takes_path=True),
}
TABLE.update({name: Builtin(name, parser) for names, parser in _PARSERS.items() for name in names})


@_function("json.dumps")
def _json_dumps(machine: Machine, call: Call) -> Any:
    return operators.guarded(
        machine, lambda: json.dumps(*call.arguments, **call.keywords), [call.arguments, call.keywords], call.at
    )


_VARIABLE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$", re.MULTILINE)
_SIMPLE = re.compile(r"[\w./:@%+,=-]*")


@_function("dotenv.load_dotenv")
def _load_dotenv(machine: Machine, call: Call) -> Any:
    """Sets the variables of the nearest `.env` file that are not set; a value that is not simple is unknown."""
    path = call.first("dotenv_path")
    if isinstance(path, Unknown):
        machine.expose([machine.environ], path)
        return path
    override = call.keywords.get("override", False) is not False
    for file in _dotenv_files(machine, path, call):
        machine.reads.add(str(file))
        if not file.is_file():
            continue
        machine.heap.touch(machine.environ)
        for name, value in _VARIABLE.findall(file.read_text(encoding="utf-8", errors="replace")):
            if override or name not in machine.environ:
                text = value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value
                simple = _SIMPLE.fullmatch(text) is not None
                machine.environ[name] = text if simple else machine.unknown(call.at, f"takes {name} from {file.name}")
        return True
    return False


def _dotenv_files(machine: Machine, path: Any, call: Call) -> list[Path]:
    if isinstance(path, (str, PurePath)):
        found = filesystem.find(machine, path, call.at, "reads a file")
        return [] if isinstance(found, Unknown) else [found]
    folder = Path(call.at.frame.source.path).parent
    root = Path(machine.facts.root)
    return [parent / ".env" for parent in (folder, *folder.parents) if parent == root or root in parent.parents]
