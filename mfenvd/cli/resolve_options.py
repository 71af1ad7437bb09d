"""The options of `mfenv resolve`, those of `metaflow environment resolve` among them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfenvd.cli.completing import complete_alias
from mfenvd.domain.arch import Arch

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--requirements",
        "--requirement",
        "-r",
        "--file",
        "-f",
        "--pyproject",
        "-p",
        metavar="FILE",
        help="requirements.txt, pyproject.toml, environment.yml or another; may repeat.",
    ),
]
Extras = Annotated[
    list[str] | None,
    typer.Option("--extra", metavar="NAME", help="Of the files: an extra (optional dependencies); may repeat."),
]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="NAME", help="Of the files: a dependency group; may repeat.")
]
Packages = Annotated[
    list[str] | None, typer.Argument(metavar="PACKAGE", help="Requirements as pip takes them: 'torch==2.2.2'.")
]
CondaPackages = Annotated[
    list[str] | None,
    typer.Option("--conda-pkg", metavar="PACKAGE", help="A conda package: 'numpy>=1.20', 'numpy=1.20'; may repeat."),
]
Channels = Annotated[
    list[str] | None,
    typer.Option(
        "--channel",
        "-c",
        metavar="CHANNEL",
        help="A conda channel by name, URL or path; may repeat, the first comes first.",
        show_default="conda's configuration, else conda-forge",
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="X.Y[.Z]",
        help="Of the environment; also `3.11.*`.",
        show_default="the files' or the project's",
    ),
]
Archs = Annotated[
    list[Arch] | None,
    typer.Option(
        "--arch",
        metavar="ARCH",
        help="linux-64, linux-aarch64, osx-64, osx-arm64 or win-64; may repeat.",
        show_default="this machine's and the configured ones",
    ),
]
GlibcOption = Annotated[
    str | None,
    typer.Option("--glibc", metavar="X.Y", help="Of the Linux targets.", show_default="as configured"),
]
CudaOption = Annotated[
    str | None,
    typer.Option(
        "--cuda", metavar="X.Y", help="Of the driver, for conda packages that need a GPU.", show_default="as configured"
    ),
]

RefreshFlag = Annotated[
    bool, typer.Option("--refresh", help="Ask the indexes again, and resolve again what the manifest holds.")
]
_SHARED = "With metaflow-netflixext"
ForceFlag = Annotated[
    bool, typer.Option("--force/--no-force", help="Another name for --refresh.", rich_help_panel=_SHARED)
]
Aliases = Annotated[
    list[str] | None,
    typer.Option(
        "--alias", metavar="NAME:TAG", help="What the environment is called from now on; may repeat.",
        rich_help_panel=_SHARED,
    ),
]  # fmt: skip
Using = Annotated[
    str | None,
    typer.Option("--using", metavar="ENV", help="Extend this environment.", rich_help_panel=_SHARED,
                 autocompletion=complete_alias),
]  # fmt: skip
UsingPathspec = Annotated[
    str | None,
    typer.Option("--using-pathspec", metavar="FLOW/RUN/STEP", help="Extend that step's.", rich_help_panel=_SHARED),
]
From = Annotated[
    str | None,
    typer.Option("--from", metavar="ENV", help="Take its requirements, for other archs.", rich_help_panel=_SHARED,
                 autocompletion=complete_alias),
]  # fmt: skip
FromPathspec = Annotated[
    str | None,
    typer.Option("--from-pathspec", metavar="FLOW/RUN/STEP", help="Take that step's.", rich_help_panel=_SHARED),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run/--no-dry-run", help="Resolve, and write nothing down.", rich_help_panel=_SHARED)
]
LocalOnly = Annotated[
    bool,
    typer.Option("--local-only/--non-local", help="Leave the team's bucket alone.", rich_help_panel=_SHARED),
]
SetDefault = Annotated[
    bool | None,
    typer.Option(
        "--set-default/--no-set-default", help="Flows that ask for the same get it.", show_default="yes",
        rich_help_panel=_SHARED,
    ),
]  # fmt: skip
WithoutPins = Annotated[
    # Too long a name for the table of options.
    bool, typer.Option("--skip-metaflow-deps/--no-skip-metaflow-deps", hidden=True)
]
