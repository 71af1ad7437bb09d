"""docs/json.md and docs/cli.md, held against the types and the commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mfenvd.cli.plan import as_json as plan_as_json
from mfenvd.cli.report import as_json
from mfenvd.cli.shared import ConfiguredEnvironment
from mfenvd.cli.why import as_json as why_as_json
from mfenvd.cli.why import find_uses
from mfenvd.domain.availability import Availability
from mfenvd.domain.event import DaemonInfo, ProjectInfo
from mfenvd.domain.finding import Finding
from mfenvd.domain.plan import Environment, Plan, PlannedTarget
from mfenvd.domain.verdict import Verdict
from mfenvd.resolve.conda.availability import CondaAvailability
from mfenvd.shared_environments import SharedEnvironment
from mfenvd.sharing import Shared
from tests.cli.conftest import Run
from tests.support import samples

DOCS = Path(__file__).parents[2] / "docs"
JSON = (DOCS / "json.md").read_text(encoding="utf-8")
CLI = (DOCS / "cli.md").read_text(encoding="utf-8")


def example(section: str, number: int = 0) -> Any:
    """The JSON example with that number in a section of docs/json.md."""
    text = JSON.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return msgspec.json.decode(re.findall(r"```json\n(.*?)```", text, re.DOTALL)[number])


def same(documented: Any, kind: type[Any]) -> None:
    """`documented` has the fields of `kind` and no others, all the way down."""
    assert msgspec.json.decode(msgspec.json.encode(msgspec.convert(documented, kind))) == documented


def test_check_is_documented_as_it_is() -> None:
    told = example("check, up, resolve")
    same(told["verdicts"], list[Verdict])
    same(told["findings"], list[Finding])
    assert told.keys() == as_json((), ()).keys()
    same(example("check, up, resolve", 1)["shared"], Shared)


def test_status_is_documented_as_it_is(mfenv: Run) -> None:
    told = example("status")
    same(told["daemon"], DaemonInfo)
    same(told["projects"], list[ProjectInfo])
    assert example("status", 1) == msgspec.json.decode(mfenv("status", "--json").out)


def test_plan_is_documented_as_it_is() -> None:
    told = example("plan")
    step = Environment("/a.py", "F", "s", targets=(PlannedTarget(samples.LINUX, ()),))
    real = msgspec.json.decode(msgspec.json.encode(plan_as_json([Plan("/", (step,))])))
    assert told.keys() == real.keys()
    assert list(told["steps"][0]) == list(real["steps"][0])
    assert list(told["steps"][0]["targets"][0]) == list(real["steps"][0]["targets"][0])


def test_wheels_are_documented_as_they_are() -> None:
    same(example("wheels"), Availability)
    same(example("wheels", 1), CondaAvailability)


def test_shared_environments_are_documented_as_they_are() -> None:
    told = example("env")
    same(told["environments"], list[SharedEnvironment])
    same(told["configured"], list[ConfiguredEnvironment])


def test_why_is_documented_as_it_is() -> None:
    verdict = next(verdict for verdict in samples.verdicts(Path("/p")) if verdict.packages)
    (use,) = find_uses([verdict], verdict.packages[0].name)
    assert list(example("why")["uses"][0]) == list(why_as_json(use))


@pytest.mark.parametrize("command", re.findall(r"mfenv (?!COMMAND)(\w+)", "\n".join(re.findall(r"(?m)^###.*", CLI))))
def test_every_documented_command_exists(mfenv: Run, command: str) -> None:
    assert mfenv(command, "--help").code == 0


def test_every_command_is_documented(mfenv: Run) -> None:
    listed = re.findall(r"(?m)^│ (\w+) {2,}\S", mfenv("--help").out)
    assert len(listed) >= 14
    for command in listed:
        assert re.search(rf"(?m)^###.*mfenv {command}\b", CLI), command


def test_every_documented_option_exists(mfenv: Run) -> None:
    for section in re.split(r"(?m)^### ", CLI)[1:]:
        commands = [found.split() for found in re.findall(r"mfenv (\w+(?: [a-z]+\b)?)", section.partition("\n")[0])]
        helps = "".join(mfenv(*command, "--help").out for command in commands)
        for option in re.findall(r"`(--[a-z-]+)", section.partition("\n## ")[0]):
            assert option in helps, (commands, option)
