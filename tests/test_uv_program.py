from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mfenvd.uv_program import find_uv


def test_threads_that_look_for_uv_at_once_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    looking, together = threading.Semaphore(1), threading.Barrier(4)

    def look() -> str:
        assert looking.acquire(blocking=False)
        time.sleep(0.01)  # so that the others come meanwhile
        looking.release()
        return "uv"

    def find() -> str:
        together.wait(10)
        return find_uv()

    monkeypatch.setattr("uv.find_uv_bin", look)
    find_uv.cache_clear()
    try:
        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(find) for _ in range(4)]
            assert [each.result() for each in found] == ["uv"] * 4
    finally:
        find_uv.cache_clear()
