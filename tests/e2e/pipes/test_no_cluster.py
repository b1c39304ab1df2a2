"""Without a kubeconfig, the cause is the first line of the error, whatever the command."""

import pytest


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
        "   To chat without a cluster: kaito chat --endpoint URL\n"
    )


def test_a_kubeconfig_that_does_not_exist(kaito, tmp_path):
    environment = {"KUBECONFIG": str(tmp_path / "nowhere"), "KUBERNETES_SERVICE_HOST": None}
    first, second, _ = kaito("chat", "--workspace-name", "w", "-m", "x", env=environment).err.splitlines()
    assert first == "❌ Error: No cluster is configured"
    assert second.startswith(f"   There is no kubeconfig at {tmp_path / 'nowhere'},")
