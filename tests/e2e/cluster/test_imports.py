"""Only what applies objects imports the Kubernetes client, which costs more CPU than the rest of a start."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request

import pytest

from kaito.testing import child_environment


@pytest.fixture
def flags(namespace, server):
    """Return the flags that name a workspace that serves."""
    namespace.workspace("my-llama", port=server.port)
    return ("--kubeconfig", str(namespace.kubeconfig("admin")), "--workspace-name", "my-llama")


#: Runs kaito, and writes the names of all modules that were imported to a file.
PROGRAM = """
import atexit, sys
report = sys.argv.pop(1)
atexit.register(lambda: open(report, "w").write(" ".join(sys.modules)))
from kaito.cli import main
sys.exit(main())
"""


@pytest.fixture
def start(tmp_path):
    """Return a function that starts kaito. When it has ended, check that it imported aiohttp and not kubernetes."""
    report = tmp_path / "modules"

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, str(report), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=child_environment({}),
        )

    yield start
    packages = {name.partition(".")[0] for name in report.read_text().split()}
    assert "aiohttp" in packages
    assert "kubernetes" not in packages


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["status"], "my-llama"),
        (["get-endpoint"], "http://my-llama."),
        (["chat", "--backend", "port-forward", "-m", "hello"], "Assistant: hello"),
        (["chat", "--backend", "auto", "-m", "hello"], "Assistant: hello"),
    ],
)
def test_command(start, flags, command, output):
    with start(*command, *flags) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert output in out


def test_models(start, flags):
    with start("models", *flags[:2]) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, "my-llama" in out) == (0, True), err


def test_completion(start, flags):
    option, kubeconfig, *_ = flags
    with start("__complete", "chat", option, kubeconfig, "--workspace-name", "") as process:
        out, _ = process.communicate(timeout=60)
    assert out.startswith("my-llama\t")


def test_forward(start, flags):
    with start("forward", "--port", "0", "--backend", "port-forward", *flags) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1]
            with urllib.request.urlopen(f"{url}/v1/models", timeout=30) as response:
                assert response.status == 200
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
        finally:
            process.kill()
