"""Flags that `kaito status` rejects before it connects."""

import subprocess
import sys

import pytest

from kaito.testing import child_environment

NAMED = ["--workspace-name", "x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "xml"], "--output: 'xml' is not one of plain, wide, json, yaml"),
        (["--wait"], "--wait: requires --workspace-name"),
        (["--show-conditions"], "--show-conditions: requires --workspace-name"),
        (["--show-worker-nodes"], "--show-worker-nodes: requires --workspace-name"),
        (["-A", *NAMED], "--all-namespaces: cannot be used with --workspace-name"),
        (["--watch", "--wait=5s", *NAMED], "--wait: cannot be used with --watch"),
        (["--wait=nan", *NAMED], "--wait: 'nan' is not a duration"),
        (["--workspace-name", "a/b"], "--workspace-name: 'a/b' is not a name"),
        (["--workspace", "x"], "Unknown flag '--workspace'"),
        (["my-llama"], "Unexpected argument 'my-llama'"),
        (["--context", "x"], "--context: Context 'x' not found"),
    ],
)
def test_invalid_flags(kaito, arguments, message):
    outcome = kaito("status", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"❌ Error: {message}")


def test_no_cluster_is_configured(kaito):
    outcome = kaito("status")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err.startswith("❌ Error: No cluster is configured\n")


@pytest.mark.parametrize("command", ["status", "get-endpoint"])
def test_help_and_usage_errors_import_no_network_code(command):
    for arguments in (["--help"], ["-o", "xml"]):
        source = (
            "import sys\nfrom kaito.cli import main\n"
            f"sys.argv[1:] = {[command, *arguments]!r}\nmain()\n"
            "assert not {'aiohttp', 'asyncio', 'kubernetes', 'yaml'} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", source], env=child_environment(), capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
