"""uv, started with a configuration's arguments and environment, looks where pip looks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from mfenvd.resolve.index.configuration import IndexConfiguration
from tests.resolve.index.conftest import Configure, ServeIndex
from tests.support.wheels import wheel


def _uv(config: IndexConfiguration, requirement: str, tmp_path: Path) -> str:
    done = subprocess.run(
        [
            *(find_uv_bin(), "pip", "compile", "-", "--no-config", "--no-header", "--quiet", "--format", "pylock.toml"),
            *("--python-version", "3.11", "--no-python-downloads", "--cache-dir", str(tmp_path / "uv")),
            *config.uv_arguments(),
        ],
        input=requirement,
        env=config.uv_environ({"PATH": os.environ["PATH"], "UV_INDEX_URL": "http://wrong.invalid/simple"}),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_private_indexes_links_and_an_index_without_the_package(
    serve: ServeIndex, configure: Configure, tmp_path: Path
) -> None:
    first, second, linked = serve(credentials=("u1", "p/1")), serve(credentials=("u 2", "p,2")), serve()
    first.add(wheel("demo", "1.0", requires=["other", "third"]), wheel("other", "1.0"))
    second.add(wheel("other", "2.0"))
    linked.add(wheel("third", "3.0"))
    (tmp_path / "empty" / "simple").mkdir(parents=True)
    config = configure(
        index_url=first.url.replace("://", "://u1:p%2F1@"),
        extra_index_urls=(second.url.replace("://", "://u%202:p%2C2@"), (tmp_path / "empty" / "simple").as_uri()),
        find_links=(linked.links_url, "folder-that-is-not-there"),
    )
    lock = _uv(config, "demo", tmp_path)
    assert f"{first.host}/files/demo-1.0-" in lock
    assert f"{second.host}/files/other-2.0-" in lock
    assert f"{linked.host}/files/third-3.0-" in lock
    assert "p/1" not in lock
    assert "p%2F1" not in lock


def test_a_page_of_links_behind_credentials(serve: ServeIndex, configure: Configure, tmp_path: Path) -> None:
    linked = serve(credentials=("u", "p,w"))
    linked.add(wheel("demo", "1.0"))
    config = configure(no_index=True, find_links=(linked.links_url.replace("://", "://u:p%2Cw@"),))
    assert "demo-1.0" in _uv(config, "demo", tmp_path)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_indexes_with_the_same_file_both_take_the_same(
    serve: ServeIndex, configure: Configure, tmp_path: Path, order: tuple[int, int]
) -> None:
    indexes = [serve(), serve()]
    for index in indexes:
        index.add(wheel("demo", "1.0"))
    config = configure(index_url=indexes[order[0]].url, extra_index_urls=(indexes[order[1]].url,))
    _uv(config, "demo", tmp_path)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--isolated", "--no-cache-dir", "--quiet", "--no-deps", "demo"),
            *("--dest", str(tmp_path), "--index-url", config.index_url),
            *("--extra-index-url", config.extra_index_urls[0]),
        ],
        env={"PATH": os.defpath, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_CONFIG_FILE": os.devnull},
        check=True,
        timeout=60,
    )
    served = [[asked.path for asked in index.log if asked.path.startswith("/files/")] for index in indexes]
    assert served[order[0]] == []
    assert [path.endswith(".metadata") for path in served[order[1]]] == [True, True, False]
