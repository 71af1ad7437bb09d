"""`[tool.uv]` of a pyproject.toml as far as it concerns every package (uv's settings reference, uv 0.13)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from mfenvd.domain.finding import Location, Severity
from mfenvd.flows.requirement_formats import findings
from mfenvd.flows.requirement_formats.findings import Unusable
from mfenvd.flows.requirement_formats.model import Choice, Draft, FileRequirement
from mfenvd.flows.requirement_formats.option_effects import is_url
from mfenvd.flows.requirement_formats.requirement_text import Entry, canonical
from mfenvd.flows.requirement_formats.toml_reader import TomlReader

UV = ("tool", "uv")


def apply_uv_settings(reader: TomlReader, folder: Path, choice: Choice, draft: Draft, pinned: Collection[str]) -> None:
    """Puts indexes, constraints and pre-releases into `draft`.

    Args:
        reader: The project's pyproject.toml.
        folder: Where it is: relative folders of wheels start there.
        choice: Its `environ` may hold credentials for named indexes.
        draft: Of the project.
        pinned: Names of the indexes that some package is taken from; an explicit index serves nobody else.
    """
    _Indexes(reader, folder, choice, draft).apply(pinned)
    for text, place in reader.strings(*UV, "constraint-dependencies"):
        try:
            found = canonical(Entry(text, place, (folder,)))
            draft.constraints.append(FileRequirement(found.text, place))
        except Unusable as unusable:
            draft.findings.append(unusable.finding)
    for _, place in reader.strings(*UV, "override-dependencies")[:1]:
        text = "`override-dependencies` has no effect: Metaflow resolves with pip, which knows no overrides."
        draft.findings.append(findings.unsupported_option(text, place, None, Severity.WARNING))
    draft.pre = reader.string(*UV, "prerelease") == "allow"


class _Indexes:
    """Indexes in uv's two spellings: `[[tool.uv.index]]`, and pip's options as settings."""

    def __init__(self, reader: TomlReader, folder: Path, choice: Choice, draft: Draft) -> None:
        self._reader = reader
        self._folder = folder
        self._choice = choice
        self._draft = draft

    def apply(self, pinned: Collection[str]) -> None:
        draft = self._draft
        draft.index_url = next(iter(self._urls("index-url")), None)
        draft.extra_index_urls += self._urls("extra-index-url")
        draft.find_links += self._urls("find-links")
        draft.no_index = self._reader.table(*UV).get("no-index") is True
        for number, index in enumerate(self._reader.items(*UV, "index")):
            place = self._reader.location(*UV, "index", number, "url")
            if isinstance(index, Mapping) and isinstance(index.get("url"), str):
                self._add(index, pinned, place)
            else:
                self._reader.wrong((*UV, "index", number), "a table with a `url`")

    def _add(self, index: Mapping[str, object], pinned: Collection[str], place: Location) -> None:
        name, url = str(index.get("name") or ""), self._absolute(str(index["url"]))
        if (index.get("explicit") is True and name not in pinned) or not is_url(url, self._draft, place):
            return
        url = self._with_credentials(url, name)
        if index.get("format") == "flat":
            self._draft.find_links.append(url)
        elif index.get("default") is True:
            self._draft.index_url = url
        else:
            self._draft.extra_index_urls.append(url)

    def _urls(self, setting: str) -> list[str]:
        found = ((self._absolute(url), place) for url, place in self._reader.strings(*UV, setting))
        return [url for url, place in found if is_url(url, self._draft, place)]

    def _absolute(self, url: str) -> str:
        """A folder of wheels may be relative to the file."""
        return url if "://" in url else str(self._folder / url.removeprefix("file:"))

    def _with_credentials(self, url: str, name: str) -> str:
        """`url` with what `UV_INDEX_NAME_USERNAME` and `UV_INDEX_NAME_PASSWORD` hold."""
        prefix = f"UV_INDEX_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"
        names = (f"{prefix}_USERNAME", f"{prefix}_PASSWORD")
        held = {key: self._choice.environ[key] for key in names if self._choice.environ.get(key)}
        if not name or not held:
            return url
        self._draft.variables.update(held)
        parts = urlsplit(url)
        userinfo = ":".join(quote(held.get(key, ""), safe="") for key in names)
        return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc.rpartition('@')[2]}"))
