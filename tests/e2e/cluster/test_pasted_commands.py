"""The commands of errors, pasted as they are: each is about the same workspace in the same cluster."""

import json
import re
import shlex
from pathlib import Path

import pytest

from kaito.testing import Status, run_kaito

#: Where the terminal is not told which cluster: what is pasted has to say it.
ELSEWHERE = {"HOME": "/nowhere", "KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None}


@pytest.fixture
def given(namespace, tmp_path):
    """Flags of a cluster and a namespace, in a file whose name has a blank, and whose context is another one."""
    file = tmp_path / "my config"
    text = Path(namespace.kubeconfig("admin")).read_text()
    file.write_text(re.sub(r"current-context: .*", "current-context: other", text))
    return ["-n", namespace.name, "--context", "test", "--kubeconfig", str(file)]


def pasted(text):
    """Return the arguments of the command of kaito in a text."""
    [command] = re.findall(r"(?:Use 'kubectl|:) kaito (.*?)(?:' to check status)?$", text, re.MULTILINE)
    return shlex.split(command)


def test_the_status_of_a_workspace_that_is_not_ready(namespace, given):
    namespace.workspace("my-workspace", ready=False)
    outcome = run_kaito("chat", "--workspace-name", "my-workspace", *given, "-m", "x", env=ELSEWHERE)
    assert outcome.code == 3
    arguments = pasted(outcome.err)
    assert arguments == ["status", "--workspace-name", "my-workspace", *given]
    shown = run_kaito(*arguments, "-o", "json", env=ELSEWHERE)
    assert json.loads(shown.out)["name"] == "my-workspace"


def test_the_port_to_a_workspace(namespace, given):
    namespace.workspace()
    outcome = run_kaito("get-endpoint", "--workspace-name", "my-llama", *given, env=ELSEWHERE)
    assert outcome.code == 0
    assert pasted(outcome.err) == ["forward", "--workspace-name", "my-llama", *given]


def test_the_list_of_workspaces(namespace, given):
    outcome = run_kaito("chat", "--workspace-name", "nope", *given, "-m", "x", env=ELSEWHERE)
    assert outcome.code == 3
    # The namespace is that of the error: the list is of all namespaces.
    assert pasted(outcome.err) == ["status", "-A", *given[2:]]
    assert run_kaito(*pasted(outcome.err), env=ELSEWHERE).code == 0


def test_nothing_is_added_that_was_not_given(namespace):
    namespace.workspace("my-workspace", ready=False)
    environment = {"KUBECONFIG": str(namespace.kubeconfig("admin"))}
    outcome = run_kaito("chat", "--workspace-name", "my-workspace", "-m", "x", env=environment)
    assert pasted(outcome.err) == ["status", "--workspace-name", "my-workspace"]


def test_the_log_of_a_server_that_failed(namespace, given, model_server):
    namespace.workspace(port=model_server.port)
    model_server.enqueue(Status(500, {"error": {"message": "boom"}}), Status(400, {"error": {"message": "bad"}}))
    command = ["chat", "--workspace-name", "my-llama", *given, "-m", "x", "-o", "json"]
    outcome = run_kaito(*command, env=ELSEWHERE)
    assert json.loads(outcome.out)["error"]["hints"] == [
        f"The server's log may say more: kubectl logs my-llama-0 {shlex.join(given)}"
    ]
    outcome = run_kaito(*command, env=ELSEWHERE)
    assert json.loads(outcome.out)["error"]["hints"] == ["Change the message, or the flags"]


def test_a_permission_to_check(namespace, given):
    namespace.workspace()
    given[-1] = str(namespace.kubeconfig("viewer"))
    command = ["chat", "--backend", "api-proxy", "--workspace-name", "my-llama", *given, "-m", "x"]
    [line] = [line for line in run_kaito(*command, env=ELSEWHERE).err.splitlines() if "To check:" in line]
    flags = shlex.join(["-n", namespace.name, "--context", "test", "--kubeconfig", given[-1]])
    assert line == f"   To check: kubectl auth can-i get services --subresource=proxy {flags}"
