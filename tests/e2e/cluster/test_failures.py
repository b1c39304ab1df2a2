"""Errors between a user and a workspace: each has its message and exit code, and no traceback."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kaito.cluster.api_errors import api_error
from kaito.testing import run_kaito
from tests.controlplane import VARIABLE, Assets, ControlPlane, condition


@pytest.fixture
def workspace(namespace, server):
    return namespace.workspace("my-llama", port=server.port)


COMMANDS = {
    "chat": ("chat", "-m", "hi"),
    "status": ("status",),
    "get-endpoint": ("get-endpoint",),
    "forward": ("forward", "--port", "0"),
}


@pytest.fixture(params=COMMANDS)
def command(request):
    return (*COMMANDS[request.param], "--workspace-name", "my-llama")


def failing(*arguments: str, **more):
    outcome = run_kaito(*arguments, **more)
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert sum(line.startswith("❌") for line in outcome.err.splitlines()) == 1
    return outcome


@pytest.mark.parametrize(
    ("user", "code", "message"),
    [
        ("nobody", 5, "User 'nobody' may not"),
        ("nobody-token", 5, "User 'nobody' may not"),
        ("anonymous", 5, "The request had no credentials, and the API server refuses it from anonymous users"),
        ("badtoken", 5, "The API server rejected your credentials (HTTP 401)"),
        ("expired", 5, "Your client certificate for the cluster expired on"),
        ("wrongca", 4, "The API server's certificate is not trusted"),
        ("down", 4, "cannot be reached: Connection refused"),
    ],
)
def test_credentials(namespace, workspace, command, user, code, message):
    outcome = failing(*command, "--kubeconfig", str(namespace.kubeconfig(user)))
    assert outcome.code == code
    assert message in outcome.err


def test_a_path_without_objects_is_explained_like_an_object(namespace):
    deploy = ("deploy", "my-phi", "--model", "phi-4")
    path = namespace.kubeconfig("anonymous")
    outcome = failing(*deploy, "--kubeconfig", str(path))
    assert outcome.code == 5
    assert outcome.err == (
        "❌ Error: The request had no credentials, and the API server refuses it from anonymous users\n"
        "   Permission needed: get /apis/kaito.sh\n"
        "   Log in to the cluster, or check the user in the kubeconfig: "
        f"kubectl config view --minify --kubeconfig {path}\n"
    )
    body = {"message": 'forbidden: User "jo" cannot get path "/apis/kaito.sh"'}
    assert api_error(403, {}, json.dumps(body).encode(), " --context c").lines() == [
        "❌ Error: User 'jo' may not get the path /apis/kaito.sh of the API server",
        "   This requires a role of the cluster with verb 'get' on '/apis/kaito.sh' in nonResourceURLs",
        "   To check: kubectl auth can-i get /apis/kaito.sh --context c",
    ]


def test_unknown_workspace(namespace, workspace, command):
    arguments = [word if word != "my-llama" else "my-lama" for word in command]
    outcome = failing(*arguments, "--kubeconfig", str(namespace.kubeconfig("admin")))
    assert outcome.code == 3
    assert outcome.err == (
        f"❌ Error: Workspace 'my-lama' not found in namespace '{namespace.name}'\n"
        "   Did you mean 'my-llama'?\n"
        f"   To list all workspaces: kaito status -A --kubeconfig {namespace.kubeconfig('admin')}\n"
    )
    arguments = [word if word != "my-llama" else "unlike" for word in command]
    outcome = failing(*arguments, "--kubeconfig", str(namespace.kubeconfig("admin")))
    assert "   Available: my-llama\n   To list all workspaces: kaito status -A" in outcome.err


def test_inference_sets_are_suggested_as_they_are_typed(namespace, workspace, command):
    namespace.inference_set("phi-set")
    admin = ["--kubeconfig", str(namespace.kubeconfig("admin"))]
    for name, hint in (
        ("nope", "Available: my-llama, inferenceset/phi-set"),
        ("phi-set", "Did you mean 'inferenceset/phi-set'?"),
        ("inferenceset/my-llama", "Did you mean 'my-llama'?"),
    ):
        outcome = failing(*(word if word != "my-llama" else name for word in command), *admin)
        assert outcome.code == 3
        assert f"   {hint}\n   To list all workspaces: kaito status -A" in outcome.err


def test_workspace_in_another_namespace(namespace, workspace, command):
    outcome = failing(*command, "--kubeconfig", str(namespace.kubeconfig("admin")), "-n", "default")
    assert outcome.code == 3
    assert f"Found in: {namespace.name} (use -n {namespace.name})\n" in outcome.err


def test_unknown_namespace(namespace, workspace, command):
    outcome = failing(*command, "--kubeconfig", str(namespace.kubeconfig("admin")), "-n", "defualt")
    assert outcome.code == 3
    assert "Namespace 'defualt' does not exist; did you mean 'default'?" in outcome.err


def test_unknown_context(namespace, command):
    outcome = failing(*command, "--kubeconfig", str(namespace.kubeconfig("admin")), "--context", "prod")
    assert outcome.code == 2
    assert outcome.err.startswith("❌ Error: --context: Context 'prod' not found\n   Contexts: ")


def test_no_cluster_is_configured(command, tmp_path):
    outcome = failing(*command, env={"HOME": str(tmp_path), "KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None})
    assert outcome.code == 4
    assert "No cluster is configured" in outcome.err
    assert "--endpoint URL" in outcome.err


def test_invalid_kubeconfig(command, tmp_path):
    (tmp_path / "config").write_text("}")
    outcome = failing(*command, env={"KUBECONFIG": str(tmp_path / "config")})
    assert outcome.code == 2
    assert outcome.err == f"❌ Error: The kubeconfig {tmp_path / 'config'} is not valid YAML (line 1)\n"


def test_tuning_workspace(namespace):
    name = namespace.tuning_workspace().name
    for arguments in COMMANDS.values():
        if arguments != ("status",):
            kubeconfig = str(namespace.kubeconfig("admin"))
            outcome = failing(*arguments, "--workspace-name", name, "--kubeconfig", kubeconfig)
            assert outcome.code == 3
            assert "is a tuning workspace, which does not serve a model" in outcome.err


def test_message_of_a_condition_cannot_fake_an_error(namespace):
    message = "no nodes\n❌ Error: your key leaked\nType your password:"
    namespace.workspace("my-llama", ready=False, conditions=[condition("ResourceReady", False, "r", message)])
    outcome = failing(*COMMANDS["chat"], "--workspace-name", "my-llama", "--kubeconfig", str(namespace.kubeconfig()))
    assert outcome.code == 3
    assert not [line for line in outcome.err.splitlines() if line.startswith(("Type", "❌"))][1:]


def test_missing_workspace_name(tmp_path):
    outcome = failing("chat", "-m", "hi", env={"HOME": str(tmp_path)})
    assert outcome.code == 2
    assert outcome.err.startswith("❌ Error: --workspace-name is required\n")


@pytest.mark.usefixtures("control_plane")  # skips without the control plane's programs
def test_kaito_is_not_installed():
    with ControlPlane(Assets(Path(os.environ[VARIABLE]).absolute()), without=("kaito.sh",)) as plane:
        for arguments in COMMANDS.values():
            kubeconfig = str(plane.kubeconfig("admin"))
            outcome = failing(*arguments, "--workspace-name", "my-llama", "--kubeconfig", kubeconfig)
            assert outcome.code == 3
            assert outcome.err.startswith("❌ Error: KAITO is not installed in this cluster\n")
