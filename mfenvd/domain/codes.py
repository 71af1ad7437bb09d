"""Every finding's code, with the meaning that heads its section in docs/findings.md.

1xx reading flows, 2xx requirement files and configuration, 3xx resolving, 4xx targets, 5xx indexes, channels and
network, 6xx leaving it where Metaflow looks, 7xx the store and its mirror, 9xx mfenv itself. A code is never used
again for something else.
"""

from __future__ import annotations

from enum import Enum

from typing_extensions import Self


class Code(str, Enum):
    """A stable code and what it stands for."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    def __str__(self) -> str:
        return str(self.value)

    UNKNOWN_VALUE = "MFE101", "A value cannot be known without running the flow"
    UNKNOWN_DECORATOR = "MFE102", "A decorator cannot be known without running the flow"
    SYNTAX_ERROR = "MFE103", "The file is not valid Python"
    UNREADABLE_FILE = "MFE104", "The file cannot be read"
    NAMED_ENVIRONMENT = "MFE105", "A named environment is not defined here"
    CONDITIONAL_REMOTE = "MFE106", "A step is remote only under a condition"
    MIXED_IN_CORE = "MFE107", "A step mixes @conda and @pypi packages"
    BAD_ARGUMENT = "MFE108", "A decorator's argument has the wrong type or form"
    UNKNOWN_BASE = "MFE109", "A base class cannot be read"
    MUTATOR = "MFE110", "A mutator may change the environment"
    NOT_SHARED_FOR_ARCH = "MFE111", "A named environment is not available for an architecture"
    NAMED_AT_RUN_TIME = "MFE112", "Which named environment is meant is known when the step runs"
    BAD_ALIAS = "MFE113", "A named environment's name is not one that Metaflow reads"
    TWICE_IN_CORE = "MFE114", "A decorator is there twice"

    BAD_REQUIREMENT = "MFE201", "A requirement is not valid"
    UNSUPPORTED_OPTION = "MFE202", "An option in a requirements file is not supported"
    MISSING_FILE = "MFE203", "A file that is referred to does not exist"
    BAD_SETTING = "MFE204", "The configuration has an unknown key or a bad value"
    LOCK_GAP = "MFE205", "A lock file has no wheel for a target"
    UNKNOWN_VARIABLE = "MFE206", "A requirements file uses an environment variable that is not set"
    LOCAL_IN_FILE = "MFE207", "A requirements file names a local project"
    INCLUDE_LOOP = "MFE208", "Requirements files include each other"
    HASH_LEFT_OUT = "MFE209", "Some requirements have no hash although others do"
    UNNAMED_URL = "MFE210", "A URL does not say which package it is"
    DYNAMIC_DEPENDENCIES = "MFE211", "A project's dependencies are not written where they can be read"
    STALE_LOCK = "MFE212", "A lock file is older than the project's dependencies"
    UNKNOWN_GROUP = "MFE213", "A dependency group or an extra does not exist"
    MALFORMED_FILE = "MFE214", "The file is not valid TOML or YAML"
    UNSUPPORTED_FORMAT = "MFE215", "This kind of requirements file is not read"
    SETTINGS_UNUSED = "MFE219", "A configuration file is not used"
    CONDARC_UNREADABLE = "MFE220", "conda's configuration cannot be read"
    BAD_CONDA_SETTING = "MFE221", "conda's configuration has a value that cannot be used"
    BAD_MATCH_SPEC = "MFE222", "A conda package is not written as conda reads it"
    EXACT_PYTHON = "MFE223", "A short version of Python is exact to conda"
    CUDA_ASSUMED = "MFE224", "The target's CUDA driver is assumed"
    METAFLOW_WITHOUT_CUDA = "MFE225", "Metaflow itself would resolve without CUDA"

    NON_WHEEL_ACROSS_ARCHS = "MFE301", "A package that is not a wheel cannot cross architectures"
    WHEEL_GAP = "MFE302", "No wheel fits the target"
    GLIBC_MISMATCH = "MFE303", "Every wheel needs a newer GLIBC than the target has"
    GLIBC_HELD_BACK = "MFE304", "The target's GLIBC holds a package back"
    NO_SUCH_VERSION = "MFE305", "The version does not exist"
    NO_SUCH_PACKAGE = "MFE306", "The package does not exist"
    CONFLICT = "MFE307", "Requirements contradict each other"
    DRIFT = "MFE308", "Versions differ between architectures"
    METAFLOW_PICKS_TOO_NEW = "MFE309", "Metaflow itself would pick a wheel that the target cannot load"
    BUILD_NEEDS_TRUST = "MFE310", "Building a package needs a trusted project"
    BUILD_FAILED = "MFE311", "A package could not be built"
    PYTHON_EXCLUDED = "MFE312", "The package does not support the target's Python"
    YANKED = "MFE313", "A version that was withdrawn is used"
    HASH_MISMATCH = "MFE314", "A required hash matches no file"
    KIND_NOT_SUPPORTED = "MFE315", "This kind of environment is not resolved yet"
    BAD_ADDRESS = "MFE316", "A requirement's address does not give a wheel of the package"

    CUDA_MISSING = "MFE320", "A package needs a GPU that the target does not have"
    NOT_FOR_ARCH = "MFE321", "A conda package does not exist for the target's architecture"
    NO_SUCH_PYTHON = "MFE322", "The channels do not have the Python that is asked for"
    MACOS_MISMATCH = "MFE323", "A package needs a newer macOS than the target has"
    SOLVE_TOOK_TOO_LONG = "MFE324", "The conda solver found no answer in time"

    NON_WHEEL_IN_MIXED = "MFE330", "A PyPI package of a mixed environment is not a wheel"
    ON_BOTH_SIDES = "MFE331", "Conda and PyPI both bring a package"
    CONDA_EXCLUDES_WHEEL = "MFE332", "A conda package excludes what wheels need"
    EXTRAS_UNKNOWN = "MFE333", "What an extra of a conda package needs is not known"
    CONDA_LOCK_FAILED = "MFE334", "conda-lock gives no answer"

    GLIBC_ASSUMED = "MFE401", "The target's GLIBC is assumed"
    UNKNOWN_IMAGE = "MFE402", "The image's GLIBC is not known"
    PYTHON_ASSUMED = "MFE403", "The project's Python is assumed"
    LOWEST_GLIBC = "MFE404", "Steps that share an environment run on different GLIBC versions"
    NO_GLIBC = "MFE405", "The image has no GLIBC"
    LOWEST_CUDA = "MFE406", "Steps that share an environment run with different CUDA drivers"

    INDEX_UNREACHABLE = "MFE501", "An index does not answer"
    INDEX_REFUSES = "MFE502", "An index refuses the credentials"
    INDEX_UNREADABLE = "MFE503", "An index answers with something that is not an index page"
    INDEX_IGNORED = "MFE504", "An index is passed over, as what it sends could be forged"

    CHANNEL_UNREACHABLE = "MFE510", "A conda channel does not answer"
    CHANNEL_REFUSES = "MFE511", "A conda channel refuses the credentials"
    CHANNEL_UNREADABLE = "MFE512", "A conda channel answers with something that is no package list"
    NO_SUCH_CHANNEL = "MFE513", "There is no such conda channel"
    CHANNEL_PRIORITY = "MFE514", "Strict channel priority keeps a package out"
    SECRET_WITHHELD = "MFE515", "An address would be told a secret of yours"

    LOADED_DIFFERS = "MFE601", "Loading the flow shows other values than reading it"
    NOT_LOADED = "MFE602", "A flow file could not be loaded"
    METAFLOW_MISSING = "MFE603", "The project's Python has no Metaflow"
    INTERPRETER_UNKNOWN = "MFE604", "The Python that starts the flows is not known"
    LAUNCH_REFUSED = "MFE605", "Metaflow refuses to start a flow"
    MICROMAMBA_MISSING = "MFE606", "Metaflow would not find micromamba"
    MANIFEST = "MFE607", "A flow's manifest cannot be read or written"
    OTHER_PACKAGES = "MFE608", "A flow's manifest holds other packages than a resolve finds now"
    NOT_IN_DATASTORE = "MFE609", "Packages are not in the datastore yet"
    NOT_FOR_METAFLOW = "MFE610", "Metaflow's manifest cannot say how a package is made"
    BASE_UNRESOLVED = "MFE611", "The Python that wheels are put into cannot be resolved"
    EXTENSION_NOT_WARMED = "MFE612", "metaflow-netflixext does not say what it calls an environment"
    EXTENSION_UNKNOWN = "MFE613", "A version of metaflow-netflixext that mfenv does not know"
    FOREIGN_SOURCE = "MFE614", "Packages come from where your own configuration does not look"
    INTERPRETER_NOT_STARTED = "MFE615", "The project's own Python is not started before the project is trusted"
    SHARED_HERE_ONLY = "MFE619", "A shared environment is not in the team's bucket yet"

    NOT_LINKED = "MFE651", "An environment's conda packages cannot be linked"
    WHEELS_NOT_INSTALLED = "MFE652", "An environment's wheels cannot be installed"
    PYTHON_DOES_NOT_RUN = "MFE653", "An environment's Python does not run"
    ENVIRONMENTS_UNWRITABLE = "MFE654", "Environments cannot be written"
    UNFINISHED_ENVIRONMENT = "MFE655", "An environment was left unfinished"
    MADE_ELSEWHERE = "MFE656", "Another program is at work on an environment"

    NOT_DOWNLOADED = "MFE701", "A package's file cannot be downloaded"
    WRONG_CONTENT = "MFE702", "A downloaded file is not the one that was resolved"
    STORE_UNWRITABLE = "MFE703", "The store cannot be written"

    BUCKET_UNREACHABLE = "MFE710", "A bucket does not answer"
    BUCKET_REFUSES = "MFE711", "A bucket refuses the credentials"
    BUCKET_READ_ONLY = "MFE712", "A bucket may only be read"
    BUCKET_UNUSABLE = "MFE713", "A bucket cannot be used"

    INTERNAL_ERROR = "MFE901", "mfenv failed"
    WORKER_DIED = "MFE902", "A worker process ended early"
    TOOL_MISSING = "MFE903", "A tool that mfenv needs is missing"
    FOLDER_GONE = "MFE904", "A registered folder is not there"
    JOURNAL_DAMAGED = "MFE905", "The daemon's journal was damaged"
    WATCH_LIMIT = "MFE906", "The system's limit for watched folders is reached"
    JOURNAL_UNWRITABLE = "MFE907", "The daemon's journal cannot be written"
    CANCELLED = "MFE908", "A resolve was cancelled"
    FILES_UNUSABLE = "MFE909", "mfenv cannot use its files"


UNDECIDED = frozenset(
    {
        Code.UNKNOWN_VALUE, Code.UNKNOWN_DECORATOR, Code.UNREADABLE_FILE, Code.UNKNOWN_BASE, Code.KIND_NOT_SUPPORTED,
        Code.INDEX_UNREACHABLE, Code.INDEX_REFUSES, Code.INDEX_UNREADABLE, Code.INTERNAL_ERROR, Code.WORKER_DIED,
        Code.TOOL_MISSING, Code.CANCELLED, Code.BUILD_NEEDS_TRUST, Code.SECRET_WITHHELD, Code.SOLVE_TOOK_TOO_LONG,
        Code.CHANNEL_UNREACHABLE, Code.CHANNEL_REFUSES, Code.CHANNEL_UNREADABLE, Code.CONDA_LOCK_FAILED,
        Code.FILES_UNUSABLE,
    }
)  # fmt: skip
"""Codes that say nothing about whether the environment works: `mfenv check` could not tell."""
