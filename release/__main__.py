"""`python -m release`: builds what a release consists of.

    python -m release distributions             # dist/: a wheel and an sdist of each distribution
    python -m release single-file --all         # dist/: kaito-VERSION-PLATFORM, for each platform
    python -m release krew                      # dist/: an archive of each single file, and kaito.yaml for krew

`build` is needed for all of them, `shiv` for the second; `tox run -e dist` installs and tests them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import kaito
from release import distributions, krew, single_file


def _build(arguments: argparse.Namespace) -> None:
    distributions.build(arguments.to)


def _build_single_file(arguments: argparse.Namespace) -> None:
    platform = single_file.this_platform()
    chosen = arguments.platform or (list(single_file.PLATFORMS) if arguments.all else [platform] if platform else [])
    if not chosen:
        raise distributions.BuildError("Nothing is built for this platform; name one with --platform")
    for each in chosen:
        single_file.build(each, arguments.to)


def _write_manifest(arguments: argparse.Namespace) -> None:
    programs = {name: arguments.to / f"kaito-{kaito.__version__}-{name}" for name in single_file.PLATFORMS}
    built = {name: program for name, program in programs.items() if program.exists()}
    archives = {name: krew.pack(program, name, arguments.to) for name, program in built.items()}
    (arguments.to / "kaito.yaml").write_text(krew.manifest(archives), "utf-8")


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release", description="Build what a release consists of.")
    commands = parser.add_subparsers(required=True)
    for name, run, text in (
        ("distributions", _build, "a wheel and an sdist of each distribution"),
        ("single-file", _build_single_file, "kaito as one executable file, for this platform"),
        ("krew", _write_manifest, "archives of the single files in the folder, and the manifest for krew"),
    ):
        command = commands.add_parser(name, help=text, description=f"Build {text}.")
        command.add_argument("--to", type=Path, default=Path("dist"), metavar="FOLDER", help="where (default dist)")
        command.set_defaults(run=run)
        if run is _build_single_file:
            command.add_argument("--all", action="store_true", help="for each platform")
            command.add_argument("--platform", action="append", choices=single_file.PLATFORMS, help="for this one")
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except distributions.BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
