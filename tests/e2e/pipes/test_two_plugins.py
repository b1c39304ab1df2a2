"""Two programs called `kubectl-kaito`: what docs/go-plugin.md says about them."""

import os
import shlex
import shutil
import subprocess

import pytest

from kaito.testing import kaito_command


@pytest.fixture
def kubectl(tmp_path):
    """Return a function that runs kubectl with this program and another one on the PATH, in an order."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    for folder, line in {"ours": f'exec {shlex.join(kaito_command())} "$@"', "other": 'echo "the other $*"'}.items():
        file = tmp_path / folder / "kubectl-kaito"
        file.parent.mkdir()
        file.write_text(f"#!/bin/sh\n{line}\n")
        file.chmod(0o755)

    def kubectl(order, *arguments):
        path = os.pathsep.join([*(str(tmp_path / folder) for folder in order), "/usr/bin", "/bin"])
        env = {**os.environ, "PATH": path}
        return subprocess.run([program, *arguments], capture_output=True, text=True, env=env, timeout=60)

    return kubectl


def test_kubectl_runs_the_first_one(kubectl):
    assert kubectl(["ours", "other"], "kaito", "--version").stdout.startswith("kaito ")
    assert kubectl(["other", "ours"], "kaito", "--version").stdout == "the other --version\n"


def test_kubectl_warns_about_the_second_one(kubectl):
    outcome = kubectl(["other", "ours"], "plugin", "list")
    assert outcome.returncode == 1
    assert "is overshadowed by a similarly named plugin" in outcome.stdout + outcome.stderr
    assert "overshadowed" not in kubectl(["ours"], "plugin", "list").stdout
