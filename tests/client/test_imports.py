from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"textual", "boto3", "packaging", "rattler", "watchfiles", "diskcache", "lxml", "requests", "yaml", "uv"}


def loaded_by(*modules: str) -> set[str]:
    code = f"import sys, {', '.join(modules)}; print('\\n'.join(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ended.stdout.split())


@pytest.mark.parametrize("module", ["mfenvd.client.connection", "mfenvd.client.start", "mfenvd.client.stream"])
def test_the_client_pulls_in_nothing_heavy(module: str) -> None:
    loaded = loaded_by("mfenvd.client", "mfenvd.client.view", "mfenvd.client.shell", module)
    assert not {name.partition(".")[0] for name in loaded} & HEAVY
    rooms = {name for name in loaded if name.startswith("mfenvd.")}
    assert not {name for name in rooms if name.split(".")[1] in {"flows", "resolve", "engine", "daemon", "cli"}}


def test_the_waiting_client_does_without_asyncio() -> None:
    loaded = loaded_by("mfenvd.client.connection", "mfenvd.client.view", "mfenvd.client.start")
    assert not {"aiohttp", "asyncio"} & loaded
