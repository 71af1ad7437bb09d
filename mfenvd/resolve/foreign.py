"""What a request takes from elsewhere than where its user's own configuration looks.

As long as a project is not trusted, its files must not decide whose packages end up in environments, nor which address
is told what the user's shell knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

from packaging.requirements import InvalidRequirement, Requirement

from mfenvd.condarc.configuration import CondaConfiguration, home_of, read_conda_configuration
from mfenvd.condarc.credentials import split_credentials
from mfenvd.domain.codes import Code
from mfenvd.domain.finding import Finding, Severity
from mfenvd.domain.redact import shown_url, without_channel_credentials, without_credentials
from mfenvd.domain.request import Indexes, Kind, PypiPart, Request
from mfenvd.domain.resolver import Context
from mfenvd.domain.surroundings import Surroundings
from mfenvd.resolve.index.configuration import IndexConfiguration, configuration
from mfenvd.resolve.index.urls import is_loopback

_SHORTEST_SECRET = 4
"""What is shorter may stand in an address by chance."""


def foreign_places(requests: Iterable[Request], context: Context) -> tuple[str, ...]:
    """Channels, indexes and addresses of packages that only the project names, as they may be shown.

    A channel is the user's when conda's configuration has it, an index when pip's or uv's has it, outside of the
    project's folders; where these name none, what conda and pip look at by default is.
    """
    found = (
        place
        for request in requests
        for place in (
            *map(without_channel_credentials, _channels(request, context)),
            *map(shown_url, _addresses(request, context)),
        )
    )
    return tuple(dict.fromkeys(found))


def secret_withheld(request: Request, context: Context) -> Finding | None:
    """MFE515, where a project that is not trusted would have a secret of the user's shell sent to a foreign address."""
    if context.trusted:
        return None
    for url in (*_channels(request, context), *_addresses(request, context)):
        names = () if is_loopback(url) or url.startswith("file:") else tuple(_secrets_in(url, context.surroundings))
        if names:
            return _withheld(names[0], shown_url(_without_secret(url, context.surroundings.environ[names[0]])))
    return None


def _channels(request: Request, context: Context) -> Iterator[str]:
    if request.kind is Kind.PYPI or not request.conda.channels:
        return
    environ = context.surroundings.environ
    conda = read_conda_configuration(environ, home_of(environ), Path(context.surroundings.cwd))
    placed = {place for channel in _own_channels(conda) for place in conda.names.placed(channel)}
    others = [channel for channel in request.conda.channels if split_credentials(channel)[0] not in placed]
    # Where a well-known name is takes a while to load, and is asked only for what is not there by the same name.
    urls = {url for channel in _own_channels(conda) for url in conda.urls(channel)} if others else set()
    yield from (channel for channel in others if not urls.issuperset(conda.urls(channel)))


def _own_channels(conda: CondaConfiguration) -> tuple[str, ...]:
    return (*conda.channels, *conda.names.custom, *conda.names.several, *conda.mirrors)


def _addresses(request: Request, context: Context) -> Iterator[str]:
    """Indexes, pages of links and direct references."""
    if request.kind is Kind.CONDA:
        return
    root = Path(context.root)
    own = configuration(Indexes(), context.surroundings, root, of_project=False)
    asked = configuration(request.pypi.indexes, context.surroundings, root)
    known = {_bare(place) for place in _places(own)}
    yield from (place for place in _places(asked) if _bare(place) not in known)
    for url in _references(request.pypi):
        if not any(_bare(url).startswith(f"{place}/") for place in known):
            yield url


def _places(indexes: IndexConfiguration) -> tuple[str, ...]:
    return (*indexes.index_urls, *indexes.find_links)


def _bare(place: str) -> str:
    return without_credentials(place).rstrip("/")


def _references(part: PypiPart) -> Iterator[str]:
    for text in (*part.requirements, *part.constraints):
        try:
            url = Requirement(text).url
        except InvalidRequirement:
            continue
        if url:
            yield url


def _secrets_in(url: str, surroundings: Surroundings) -> Iterator[str]:
    """The variables of the shell whose values stand in `url`."""
    for name, value in surroundings.environ.items():
        if len(value) < _SHORTEST_SECRET or not surroundings.is_secret(name):
            continue
        if value in url or quote(value, safe="") in url:
            yield name


def _without_secret(url: str, value: str) -> str:
    return url.replace(value, "****").replace(quote(value, safe=""), "****")


def _withheld(name: str, place: str) -> Finding:
    return Finding(
        Code.SECRET_WITHHELD,
        Severity.ERROR,
        f"{place} would be told the value of {name}. Your own configuration does not name this address, and this "
        "project is not trusted.",
        fix="Run `mfenv trust` in the project, once you trust it.",
        data={"place": place, "variable": name},
    )
