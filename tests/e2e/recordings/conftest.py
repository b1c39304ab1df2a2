"""A chat on a terminal, and a shell with a `kaito` command."""

import shlex
from pathlib import Path

import pytest

from kaito.testing import kaito_command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder with one Python."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.once)


@pytest.fixture
def chat(start):
    """Return a function that starts a chat; its recording begins with the first line on the screen."""
    return start


@pytest.fixture
def shell(terminal, server, tmp_path_factory):
    """Return a function that starts an interactive shell in which `kaito chat` uses the server, or another endpoint."""

    def shell(*, env=None, endpoint=None, **options):
        folder = tmp_path_factory.mktemp("bin")
        program = folder / "kaito"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(kaito_command())} "$@" --endpoint {endpoint or server.url}\n')
        program.chmod(0o755)
        rc = folder / "rc"
        rc.write_text(f"PATH={shlex.quote(str(folder))}:$PATH PS1='$ '\nunset HISTFILE\n")
        return terminal(["bash", "--noprofile", "--rcfile", str(rc), "-i"], env=env, **options)

    return shell
