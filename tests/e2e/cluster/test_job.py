"""The Job in `deploy/`: the API server accepts it, and its container's command works."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster.in_pod import run_in_pod
from tests.e2e.cluster.manifests import apply, read


@pytest.fixture
def items():
    return read("job.yaml")


def container_of(items):
    [container] = items["Job"]["spec"]["template"]["spec"]["containers"]
    return container


def test_api_server_accepts_all_objects(control_plane, namespace, items):
    binding = items["RoleBinding"]
    binding["subjects"][0]["namespace"] = namespace.name
    for item in items.values():
        apply(control_plane.client, item, namespace.name)
    job = control_plane.client.get("batch/v1", "Job", "kaito-questions", namespace.name)
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == items["ServiceAccount"]["metadata"]["name"]


def test_objects_refer_to_each_other(items):
    pod = items["Job"]["spec"]["template"]["spec"]
    [volume] = pod["volumes"]
    assert volume["configMap"]["name"] == items["ConfigMap"]["metadata"]["name"]
    assert pod["serviceAccountName"] == items["RoleBinding"]["subjects"][0]["name"]
    assert items["RoleBinding"]["roleRef"]["name"] == items["Role"]["metadata"]["name"]
    assert items["Role"]["rules"] == read("rbac/cluster-dns.yaml")["Role"]["rules"]


def test_container_is_read_only_and_not_root(items):
    pod, container = items["Job"]["spec"]["template"]["spec"], container_of(items)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"name": "KAITO_HISTORY", "value": "off"} in container["env"]


def test_command_answers_the_questions(control_plane, namespace, server, items, tmp_path):
    namespace.workspace(port=server.port)
    account = items["ServiceAccount"]["metadata"]["name"]
    items["RoleBinding"]["subjects"][0]["namespace"] = namespace.name
    for kind in ("Role", "RoleBinding"):
        apply(control_plane.client, items[kind], namespace.name)
    container = container_of(items)
    script = tmp_path / "script"
    account_folder, home = tmp_path / "account", tmp_path / "home"
    for folder in (script, account_folder, home):
        folder.mkdir()
    for name, text in items["ConfigMap"]["data"].items():
        (script / name).write_text(text)
    [mount] = container["volumeMounts"]
    arguments = [argument.replace(mount["mountPath"], str(script)) for argument in container["args"]]
    env = {entry["name"]: entry["value"] for entry in container["env"]}
    home.chmod(0o500)
    done = run_in_pod(
        control_plane,
        account_folder,
        arguments,
        namespace=namespace.name,
        account=account,
        service="my-llama",
        port=server.port,
        env={**env, "HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    questions = [line for line in items["ConfigMap"]["data"]["questions.txt"].splitlines() if line != "clear"]
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == questions
    assert [len(request.messages) for request in server.chats] == [1, 3, 1]
    assert "not known" not in done.stderr
    assert list(home.iterdir()) == []


def test_workspace_that_is_not_ready_fails_the_job(control_plane, namespace, items, tmp_path):
    namespace.workspace(ready=False)
    items["RoleBinding"]["subjects"][0]["namespace"] = namespace.name
    for kind in ("Role", "RoleBinding"):
        apply(control_plane.client, items[kind], namespace.name)
    (tmp_path / "questions.txt").write_text("hello\n")
    arguments = [argument.replace("/script", str(tmp_path)) for argument in container_of(items)["args"]]
    done = run_in_pod(
        control_plane,
        tmp_path,
        arguments,
        namespace=namespace.name,
        account=items["ServiceAccount"]["metadata"]["name"],
        service="my-llama",
        port=1,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "Workspace 'my-llama' is not ready for inference" in done.stderr
