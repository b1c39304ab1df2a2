"""What is built once for all tests: the distributions, and the single-file program."""

from __future__ import annotations

import os
import subprocess
import sys
import venv

import pytest

from release import distributions, single_file

#: Seconds. What is installed or unpacked is large, and machines are busy.
TIMEOUT = 600


@pytest.fixture(scope="session")
def dist(tmp_path_factory):
    """The folder of the distributions."""
    folder = tmp_path_factory.mktemp("dist")
    distributions.build(folder)
    return folder


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The single-file program for this platform."""
    platform = single_file.this_platform()
    if platform is None:
        pytest.skip("there is no single file for this platform")
    return single_file.build(platform, tmp_path_factory.mktemp("program"))


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(home):
    """The environment of a new user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAITO_", "XDG_", "PYTHON"))}
    return kept | {"HOME": str(home), "NO_COLOR": "1"}


@pytest.fixture
def run(environment):
    """Run a program as that user, in the home folder."""

    def run(*command, **more):
        return subprocess.run(
            [*map(str, command)],
            env=environment | more,
            cwd=environment["HOME"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT,
        )

    return run


@pytest.fixture
def new_environment(tmp_path):
    """An empty environment of Python; returns its folder of programs."""
    folder = tmp_path / "environment"
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if sys.platform == "win32" else "bin")
