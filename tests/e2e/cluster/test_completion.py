"""Completion of names in a cluster."""

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import time

import pytest

from kaito.testing import child_environment

#: Seconds within which a completion that hangs would not end; one that does not takes a fraction of that.
TIME_LIMIT = 50.0


@pytest.fixture
def complete(kaito):
    """Return the suggestions for the last word with their descriptions."""

    def complete(*words, kubeconfig=None):
        outcome = kaito("__complete", *words, env={"KUBECONFIG": kubeconfig and str(kubeconfig)})
        assert (outcome.code, outcome.err) == (0, "")
        *lines, directive = outcome.out.splitlines()
        assert directive in (":4", ":36")
        return dict((*line.split("\t"), "")[:2] for line in lines)

    return complete


def test_workspaces_and_inference_sets(complete, namespace):
    namespace.workspace("my-llama")
    namespace.workspace("my-phi", preset="phi-4", ready=False)
    namespace.tuning_workspace("my-tuning", preset="phi-3")
    namespace.inference_set("phi-set", {"phi-set-a": None}, preset="phi-4")
    viewer = namespace.kubeconfig("viewer")
    everything = {
        "my-llama": "llama-2-7b, ready",
        "my-phi": "phi-4, not ready",
        "my-tuning": "phi-3, tuning",
        "phi-set-a": "phi-4, ready",
        "inferenceset/phi-set": "phi-4, 1 of 1 ready",
    }
    assert complete("chat", "--workspace-name", "", kubeconfig=viewer) == everything
    assert complete("status", "--workspace-name=", kubeconfig=viewer) == everything
    assert complete("chat", "--workspace-name", "inf", kubeconfig=viewer).keys() == {"inferenceset/phi-set"}
    assert complete("forward", "--workspace-name=my-p", kubeconfig=viewer).keys() == {"my-phi"}
    assert complete("chat", "--kubeconfig", str(viewer), "--workspace-name", "my-l").keys() == {"my-llama"}


def test_namespace_and_context_of_the_line(complete, control_plane, namespace):
    namespace.workspace("my-llama")
    elsewhere = control_plane.kubeconfig("viewer")
    assert complete("chat", "--workspace-name", "my-l", kubeconfig=elsewhere) == {}
    for before in (
        ("-n", namespace.name, "chat"),
        ("chat", f"--namespace={namespace.name}"),
        ("chat", f"-n{namespace.name}"),
    ):
        assert complete(*before, "--workspace-name", "my-l", kubeconfig=elsewhere).keys() == {"my-llama"}
    assert complete("chat", "--context", "nonsense", "--workspace-name", "", kubeconfig=elsewhere) == {}


def test_namespaces(complete, control_plane, namespace):
    found = complete("chat", "-n", "", kubeconfig=control_plane.kubeconfig("viewer"))
    assert {namespace.name, "default", "kube-system"} <= found.keys()
    start = namespace.name[:-1]
    assert namespace.name in complete("--namespace", start, kubeconfig=control_plane.kubeconfig("viewer"))


def test_a_user_without_permissions(complete, namespace):
    namespace.workspace("my-llama")
    nobody = namespace.kubeconfig("nobody")
    assert complete("chat", "--namespace", "", kubeconfig=nobody) == {namespace.name: ""}
    assert complete("chat", "--workspace-name", "", kubeconfig=nobody) == {}


@pytest.mark.parametrize("somebody", ["anonymous", "badtoken", "expired", "wrongca", "down"])
def test_a_user_who_cannot_connect(complete, control_plane, somebody):
    kubeconfig = control_plane.kubeconfig(somebody)
    assert complete("chat", "--workspace-name", "", kubeconfig=kubeconfig) == {}
    assert complete("chat", "--namespace", "", kubeconfig=kubeconfig) == {"default": ""}


def config(user, server="https://127.0.0.1:1"):
    return json.dumps(
        {
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me", "namespace": "team"}}],
            "clusters": [{"name": "here", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "me", "user": user}],
        }
    )


def test_a_silent_api_server(complete, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # Without TLS: it is a response that never comes, for which a command waits half a minute.
        (tmp_path / "config").write_text(config({"token": "x"}, f"http://127.0.0.1:{silent.getsockname()[1]}"))
        started = time.monotonic()
        assert complete("chat", "--workspace-name", "", kubeconfig=tmp_path / "config") == {}
        assert complete("chat", "-n", "", kubeconfig=tmp_path / "config") == {"team": ""}
        assert time.monotonic() - started < TIME_LIMIT


def test_an_exec_plugin_that_hangs(complete, tmp_path):
    program = tmp_path / "log-in"
    program.write_text("#!/bin/sh\necho 'To sign in, open a browser' >&2\nexec sleep 600\n")
    program.chmod(0o755)
    exec_plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}
    (tmp_path / "config").write_text(config({"exec": exec_plugin}))
    started = time.monotonic()
    assert complete("chat", "--workspace-name", "", kubeconfig=tmp_path / "config") == {}
    assert time.monotonic() - started < TIME_LIMIT


def test_kubectl_completes_workspaces(namespace, monkeypatch):
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    namespace.workspace("my-llama")
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    done = subprocess.run(
        [program, "__complete", "kaito", "chat", "--workspace-name", ""],
        env=child_environment({"KUBECONFIG": str(namespace.kubeconfig("viewer"))}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["my-llama\tllama-2-7b, ready", ":4"]
