"""conda's configuration as micromamba 2 puts it together, which is what Metaflow asks.

A list (`channels`, `default_channels`) is that of all sources joined, the strongest first; any other value is that of
the strongest source. Variables are stronger than files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from mfenvd.condarc.channels import ChannelNames
from mfenvd.condarc.credentials import (
    Credential,
    credential_files,
    nearest_credential,
    split_credentials,
    stored_credentials,
)
from mfenvd.condarc.document import read_document, variables_of
from mfenvd.condarc.places import configuration_places, files_at, root_prefix
from mfenvd.condarc.settings import SettingReader
from mfenvd.domain.finding import Finding
from mfenvd.domain.request import ChannelPriority

DEFAULT_CHANNELS = ("conda-forge",)
"""What Metaflow hands to micromamba where nothing is configured."""

_NO_DEFAULTS = "nodefaults"


class CondaConfiguration(msgspec.Struct, frozen=True):
    """What conda's configuration says of channels and of the way to them.

    Attributes:
        configured: Channels that are configured, names or URLs (without credentials) in order of priority.
        channel_priority: How a solver weighs them.
        names: What channel names mean.
        mirrors: URLs to fetch from instead, by channel URL or name as written (`mirrored_channels`), without
            credentials.
        proxies: By scheme or `scheme://host`; their URLs may hold credentials.
        verify: Whether servers must prove who they are (`ssl_verify`).
        ca_bundle: File or folder of certificates to trust; None means the system's.
        credentials: For channels. They belong in no key, no output and no file.
        files: Absolute paths of the files and folders that were read or would be, were they there.
        findings: What is wrong with them.
    """

    configured: tuple[str, ...] = ()
    channel_priority: ChannelPriority = ChannelPriority.FLEXIBLE
    names: ChannelNames = ChannelNames()
    mirrors: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    proxies: dict[str, str] = msgspec.field(default_factory=dict)
    verify: bool = True
    ca_bundle: str | None = None
    credentials: tuple[Credential, ...] = ()
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """Where packages come from when nobody names a channel, in order of priority."""
        return self.configured or DEFAULT_CHANNELS

    def channels_for(self, named: tuple[str, ...]) -> tuple[str, ...]:
        """Where packages come from when a source names channels: from these first, then from the configured ones.

        `nodefaults` among `named` leaves out the configured ones, as it does for conda and micromamba.
        """
        kept = [channel for channel in named if channel != _NO_DEFAULTS]
        further = self.configured if len(kept) == len(named) else ()
        return tuple(dict.fromkeys((*kept, *further))) or DEFAULT_CHANNELS

    def urls(self, channel: str) -> tuple[str, ...]:
        """Where `channel` (a name, a URL, a path) is, in order of priority: without credentials, and no `/` at the end.

        Loads rattler for a name that the configuration does not place.
        """
        return self.names.urls(split_credentials(channel)[0])

    def requested(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        """`channels` as a request carries them: a name stays one unless the configuration says where it is.

        What a request asks for so depends on where its channels are, and a change of that is a change of it.
        Credentials that are written in a URL stay there.
        """
        found = (url for channel in channels for url in self.names.placed(channel))
        return tuple(dict.fromkeys(found))

    def credential(self, url: str) -> Credential | None:
        """What to send to `url` (a channel's, without credentials), None for nothing."""
        return nearest_credential(url, self.credentials)


def read_conda_configuration(variables: Mapping[str, str], home: Path, folder: Path) -> CondaConfiguration:
    """The configuration that conda tools started in `folder` would have.

    Args:
        variables: Of the shell.
        home: The user's folder.
        folder: Absolute; relative channels (`./channel`) begin here.
    """
    places = configuration_places(variables, home)
    files = [file for place in places for file in files_at(place)]
    documents = (read_document(file, variables) for file in files)
    reader = SettingReader(variables, [document for document in documents if document is not None])
    channels = map(reader.bare, reader.joined("channels"))
    configured = tuple(dict.fromkeys(channel for channel in channels if channel != _NO_DEFAULTS))
    verify, bundle = reader.verification()
    names = _names(reader, folder, home, _local(variables, home))
    mirrored = reader.lists("mirrored_channels")
    mirrors = {reader.bare(name): tuple(map(reader.bare, urls)) for name, urls in mirrored.items()}
    secrets = credential_files(variables, home)
    return CondaConfiguration(
        configured=configured,
        channel_priority=reader.priority(),
        names=names,
        mirrors=mirrors,
        proxies=reader.proxies(),
        verify=verify,
        ca_bundle=bundle,
        credentials=(*reader.credentials, *stored_credentials(secrets)),
        files=tuple(dict.fromkeys(map(str, (*places, *files, *secrets.values())))),
        findings=reader.said(),
    )


def used_variables(variables: Mapping[str, str], home: Path) -> frozenset[str]:
    """Names of the variables that the configuration files use; arguments as for `read_conda_configuration`."""
    files = (file for place in configuration_places(variables, home) for file in files_at(place))
    return frozenset(name for file in files for name in variables_of(file))


def home_of(variables: Mapping[str, str]) -> Path:
    """The folder of the user whose shell has `variables`."""
    return Path(variables.get("HOME") or variables.get("USERPROFILE") or Path.home())


def _names(reader: SettingReader, folder: Path, home: Path, local: tuple[str, ...]) -> ChannelNames:
    """Where the configuration places names of channels."""
    alias = reader.text("channel_alias")
    several = reader.lists("custom_multichannels")
    return ChannelNames(
        alias=reader.bare(alias) if alias else None,
        defaults=tuple(map(reader.bare, reader.joined("default_channels"))),
        custom={name: reader.bare(url) for name, url in reader.texts("custom_channels").items()},
        several={name: tuple(map(reader.bare, urls)) for name, urls in several.items()},
        local=local,
        folder=str(folder),
        home=str(home),
    )


def _local(variables: Mapping[str, str], home: Path) -> tuple[str, ...]:
    """Where conda-build may have left packages."""
    active = variables.get("CONDA_PREFIX")
    folders = [*([Path(active)] if active else []), root_prefix(variables, home), home]
    return tuple(dict.fromkeys(path.as_uri() for f in folders if (path := f.absolute() / "conda-bld").is_dir()))
