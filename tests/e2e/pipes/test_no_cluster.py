"""Without a kubeconfig, the cause is the first line of the error, whatever the command."""

import pytest

#: The commands that connect to a model, and so have the flags that need no cluster.
CONNECTS = {"chat", "forward"}
WITHOUT_CLUSTER = ("To chat without a cluster: 'kaito chat {}'", "Without a cluster, use {}")


@pytest.mark.parametrize(
    "command",
    [
        ["chat", "-m", "x"],
        ["chat", "-m", "x", "--backend", "port-forward"],
        ["chat", "-m", "x", "--backend", "api-proxy", "-n", "team"],
        ["get-endpoint"],
        ["forward"],
        ["status"],
    ],
)
def test_the_cause_is_the_first_line(kaito, tmp_path, command):
    environment = {"HOME": str(tmp_path), "KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None}
    outcome = kaito(*command, "--workspace-name", "my-llama", env=environment)
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err == (
        "❌ Error: No cluster is configured\n"
        "   There is no kubeconfig at ~/.kube/config, and this process does not run in a pod\n"
        f"   {WITHOUT_CLUSTER[command[0] in CONNECTS].format('--endpoint URL')}\n"
    )


@pytest.mark.parametrize("command", ["chat", "forward", "status", "models", "get-endpoint"])
def test_backends_that_need_no_cluster_are_named(kaito, plugin, command):
    mine = plugin("""
from kaito import hookimpl

class Mine:
    name, needs_workspace = "mine", False

    def __init__(self, settings):
        self.file = settings.option("file")

    async def discover(self, target, reporter):
        return []

    def open(self, candidate, reporter):
        ...

@hookimpl
def kaito_add_options(command, options):
    if command in ("chat", "forward", "get-endpoint"):
        options.add("--file", metavar="FILE", help="A file")

@hookimpl
def kaito_backends(settings):
    return [Mine(settings)]
""")
    workspace = ["--workspace-name", "w"] if command != "models" else []
    stdin = "x\n" if command == "chat" else ""
    environment = {"KUBECONFIG": "/nowhere", "KUBERNETES_SERVICE_HOST": None}
    outcome = kaito(command, *workspace, "--plugin", mine, env=environment, stdin=stdin)
    first, *_, last = outcome.err.splitlines()
    assert first.startswith("❌ ")
    if command in CONNECTS:
        assert last.endswith("Without a cluster, use --endpoint URL or --backend mine")
    else:
        assert last.endswith("To chat without a cluster: 'kaito chat --endpoint URL' or 'kaito chat --backend mine'")


def test_a_kubeconfig_that_does_not_exist(kaito, tmp_path):
    environment = {"KUBECONFIG": str(tmp_path / "nowhere"), "KUBERNETES_SERVICE_HOST": None}
    first, second, _ = kaito("chat", "--workspace-name", "w", "-m", "x", env=environment).err.splitlines()
    assert first == "❌ Error: No cluster is configured"
    assert second.startswith(f"   There is no kubeconfig at {tmp_path / 'nowhere'},")
