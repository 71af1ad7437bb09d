"""Facts are JSON, never pickle, and a damaged file of them counts as none."""

import pickle
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfenvd.store.facts import Facts

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(value=JSON)
def test_what_is_put_is_got(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    folder = tmp_path_factory.getbasetemp() / "facts"
    Facts(folder).put("key", value)
    assert Facts(folder).get("key") == value


def test_what_was_never_put_is_not_known(tmp_path: Path) -> None:
    assert Facts(tmp_path).get("key") is None


def test_what_is_not_json_is_not_kept(tmp_path: Path) -> None:
    facts = Facts(tmp_path)
    facts.put("key", object())
    assert facts.get("key") is None


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was loaded",)


def test_a_pickle_in_the_database_is_never_loaded(tmp_path: Path) -> None:
    facts = Facts(tmp_path)
    facts.put("key", "value")
    facts.close()
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("UPDATE Cache SET mode = 4, value = ?", (pickle.dumps(_Bomb()),))
    database.close()
    assert Facts(tmp_path).get("key") is None


def test_a_damaged_database_starts_over(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"this is no database" * 100)
    facts = Facts(tmp_path)
    facts.put("key", 1)
    assert facts.get("key") == 1


def test_without_a_folder_nothing_is_known_and_nothing_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    facts = Facts(tmp_path / "file" / "facts")
    facts.put("key", 1)
    assert facts.get("key") is None
    facts.close()
