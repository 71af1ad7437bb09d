"""The keys of conda's configuration, each taken from its sources and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfenvd.condarc import findings
from mfenvd.condarc.credentials import Credential, split_credentials
from mfenvd.condarc.document import Document, used_names
from mfenvd.domain.finding import Finding, Location
from mfenvd.domain.redact import without_channel_credentials
from mfenvd.domain.request import ChannelPriority

_TRUE = frozenset({"true", "yes", "on", "1", "<true>"})
_FALSE = frozenset({"false", "no", "off", "0", "<false>"})
_PRIORITIES = {
    "strict": ChannelPriority.STRICT,
    "flexible": ChannelPriority.FLEXIBLE,
    "disabled": ChannelPriority.DISABLED,
    **dict.fromkeys(_TRUE, ChannelPriority.FLEXIBLE),
    **dict.fromkeys(_FALSE, ChannelPriority.DISABLED),
}


class SettingReader:
    """Takes values from variables and documents, and keeps what is wrong with them."""

    def __init__(self, variables: Mapping[str, str], documents: list[Document]) -> None:
        self._variables = variables
        self._documents = documents
        self._said = [finding for document in documents for finding in document.findings]
        self._credentials: list[Credential] = []

    @property
    def credentials(self) -> tuple[Credential, ...]:
        """Those of the URLs that `bare` was given."""
        return tuple(self._credentials)

    def bare(self, url: str) -> str:
        """`url` without its credentials, which are kept apart."""
        found, credential = split_credentials(url)
        if credential is not None:
            self._credentials.append(credential)
        return found

    def said(self) -> tuple[Finding, ...]:
        return tuple(self._said)

    def text(self, key: str) -> str | None:
        """The strongest source's text."""
        variable = self._variable(key)
        if variable is not None:
            return variable
        for value, place in self._values(key):
            if isinstance(value, str) and value:
                self._look_for_variables(key, value, place)
                return value
            self._bad(key, "a text", f"{key}: …", place)
        return None

    def joined(self, key: str) -> list[str]:
        """The lists of all sources."""
        variable = self._variable(key)
        found = _split(variable) if variable is not None else []
        for value, place in self._values(key):
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                for item in value:
                    self._look_for_variables(key, item, place)
                found += value
            else:
                self._bad(key, "a list", f"{key}: [conda-forge]", place)
        return list(dict.fromkeys(item for item in found if item))

    def texts(self, key: str) -> dict[str, str]:
        """The strongest source's mapping of names to texts."""
        for value, place in self._values(key):
            if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
                for item in value.values():
                    self._look_for_variables(key, item, place)
                return value
            self._bad(key, "a mapping of names to URLs", f"{key}: {{name: https://host/path}}", place)
        return {}

    def lists(self, key: str) -> dict[str, list[str]]:
        """The strongest source's mapping of names to lists of texts."""
        for value, place in self._values(key):
            if isinstance(value, dict) and all(_is_texts(item) for item in value.values()):
                for item in (text for texts in value.values() for text in texts):
                    self._look_for_variables(key, item, place)
                return value
            self._bad(key, "a mapping of names to lists", f"{key}: {{name: [https://host/path]}}", place)
        return {}

    def priority(self) -> ChannelPriority:
        key = "channel_priority"
        variable = self._variable(key)
        sources: list[tuple[Any, Location | None]] = [(variable, None)] if variable is not None else []
        for value, place in [*sources, *self._values(key)]:
            found = _PRIORITIES.get(value.lower()) if isinstance(value, str) else None
            if found is not None:
                return found
            self._bad(key, "one of strict, flexible and disabled", f"{key}: flexible", place)
        return ChannelPriority.FLEXIBLE

    def verification(self) -> tuple[bool, str | None]:
        """Whether to verify, and against which certificates."""
        value = self.text("ssl_verify")
        if value is not None and value.lower() in _FALSE:
            return False, None
        if value is not None and value.lower() not in {*_TRUE, "<system>", "truststore", ""}:
            return True, value
        names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
        return True, next((self._variables[name] for name in names if self._variables.get(name)), None)

    def proxies(self) -> dict[str, str]:
        """Those of the variables that all tools know, under those of the configuration."""
        found: dict[str, str] = {}
        for scheme in ("http", "https", "all"):
            for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
                if self._variables.get(name):
                    found.setdefault(scheme, self._variables[name])
        return {**found, **self.texts("proxy_servers")}

    def _variable(self, key: str) -> str | None:
        """Micromamba's variable, then conda's: both have `CONDA_CHANNELS`."""
        prefixes = ("CONDA",) if key == "channels" else ("MAMBA", "CONDA")
        named = (self._variables.get(f"{prefix}_{key.upper()}") for prefix in prefixes)
        return next((value for value in named if value), None)

    def _values(self, key: str) -> list[tuple[Any, Location | None]]:
        return [
            (document.values[key], document.places.get(key))
            for document in self._documents
            if document.values.get(key) is not None
        ]

    def _look_for_variables(self, key: str, value: str, place: Location | None) -> None:
        # A password may well have a `$` in it, and what follows is no name to be told.
        named = used_names(without_channel_credentials(value))
        self._said += [findings.unset_variable(key, name, place) for name in named]

    def _bad(self, key: str, expected: str, example: str, place: Location | None) -> None:
        self._said.append(findings.bad_value(key, expected, example, place))


def _split(text: str) -> list[str]:
    return [item.strip().strip("'\"") for item in text.strip().strip("[]").split(",")]


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
