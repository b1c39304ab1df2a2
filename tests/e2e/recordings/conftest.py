"""What the sessions run on: a chat on a terminal, a shell that knows `kaito`, a server that answers as it is told."""

import shlex

import pytest

from kaito.testing import ModelServer, kaito_command


@pytest.fixture
def server():
    with ModelServer(model="llama-2-7b") as server:
        yield server


@pytest.fixture
def chat(terminal, server):
    """Start a chat on a terminal."""

    def chat(*arguments, **options):
        command = kaito_command("chat", "--endpoint", server.url, "--workspace-name", "my-llama", *arguments)
        return terminal(command, **options)

    return chat


@pytest.fixture
def shell(terminal, server, tmp_path_factory):
    """Start an interactive shell in which `kaito chat` finds the server."""

    def shell(*, env=None, **options):
        folder = tmp_path_factory.mktemp("bin")
        program = folder / "kaito"
        program.write_text(f'#!/bin/sh\nexec {shlex.join(kaito_command())} "$@" --endpoint {server.url}\n')
        program.chmod(0o755)
        rc = folder / "rc"
        rc.write_text(f"PATH={shlex.quote(str(folder))}:$PATH PS1='$ '\nunset HISTFILE\n")
        return terminal(["bash", "--noprofile", "--rcfile", str(rc), "-i"], env=env, **options)

    return shell
