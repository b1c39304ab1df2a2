"""`kaito status --watch` and `--wait`, while objects change and the API server restarts."""

import json

from kaito.testing import ModelServer, Status, kaito_command
from tests.controlplane import condition
from tests.e2e.background_process import BackgroundProcess

LOADING = [condition("InferenceReady", False, "Loading", "the model is being loaded")]


def watch(namespace, *arguments, somebody="admin"):
    return BackgroundProcess("status", "--kubeconfig", str(namespace.kubeconfig(somebody)), *arguments)


def test_a_block_for_each_change(namespace):
    workspace = namespace.workspace(ready=False)
    with watch(namespace, "--workspace-name", "my-llama", "--watch") as process:
        process.wait_for("Ready:          no")
        workspace.patch_status(conditions=LOADING)
        process.wait_for("Loading: the model is being loaded")
        workspace.set_ready(True)
        process.wait_for("Ready:          yes")
        workspace.delete()
        process.wait_for("Ready:          no: deleted")
        assert process.interrupt() == 130
        assert process.err == []
        blocks = "\n".join(process.out).split("\n\n")
    assert all(block.startswith("Name:") for block in blocks)
    assert len(blocks) >= 4


def test_rows_of_changed_workspaces(namespace):
    workspace = namespace.workspace("a", ready=False)
    namespace.workspace("b")
    with watch(namespace, "-w") as process:
        process.wait_for("b ")
        workspace.set_ready(True)
        process.wait_for("a      yes")
        namespace.workspace("c")
        process.wait_for("c      yes")
        workspace.delete()
        process.wait_for("deleted")
        assert process.interrupt() == 130
        names = [line.split()[0] for line in process.out]
        assert process.err == []
    assert names[:3] == ["NAME", "a", "b"]
    assert names.count("NAME") == names.count("b") == 1


def test_a_workspace_in_an_empty_namespace(namespace):
    with watch(namespace, "-w") as process:
        process.wait_for("No workspaces found", err=True)
        namespace.workspace("c")
        process.wait_for("c ")
        assert process.out[0].startswith("NAME ")
        assert process.interrupt() == 130


def test_a_json_object_per_line(namespace):
    workspace = namespace.workspace(ready=False)
    with watch(namespace, "--workspace-name", "my-llama", "--watch", "-o", "json") as process:
        process.wait_for('"ready": false')
        workspace.set_ready(True)
        process.wait_for('"ready": true')
        assert process.interrupt() == 130
        assert [json.loads(line)["name"] for line in process.out] == ["my-llama"] * len(process.out)


def test_an_inference_set(namespace):
    replicas = namespace.inference_set("s", {"s-a": None, "s-b": None})
    with watch(namespace, "--workspace-name", "inferenceset/s", "--watch") as process:
        position = process.wait_for("s-b    yes")
        replicas["s-b"].set_ready(False, conditions=LOADING)
        process.wait_for("s-b    no", after=position)
        assert process.interrupt() == 130


def test_a_restarted_api_server(control_plane, namespace):
    workspace = namespace.workspace(ready=False)
    arguments = ("--workspace-name", "my-llama", "--watch")
    with watch(namespace, *arguments) as process, watch(namespace, "-w", somebody="viewer") as table:
        process.wait_for("Ready:          no")
        table.wait_for("my-llama")
        control_plane.stop_api()
        for one in (process, table):
            one.wait_for("Lost the connection to the API server, reconnecting: ", err=True)
        control_plane.start_api()
        for one in (process, table):
            one.wait_for("Reconnected to the API server", err=True)
        workspace.set_ready(True)
        process.wait_for("Ready:          yes")
        table.wait_for("my-llama   yes")
        for one in (process, table):
            assert one.interrupt() == 130
            assert len([line for line in one.err if not line.startswith("retrying in ")]) == 2


def test_wait_until_ready(namespace):
    with ModelServer() as server:
        download = "kaito_model_download_speed_bytes_per_second 1e8\nkaito_model_download_remaining_seconds 60\n"
        server.route("/metrics", Status(200, download, content_type="text/plain"))
        workspace = namespace.workspace(port=server.port, ready=False)
        with watch(namespace, "--workspace-name", "my-llama", "--wait") as process:
            process.wait_for("waiting for the pod to be ready", err=True)
            server.wait_for_requests(1)
            workspace.patch_status(conditions=LOADING)
            process.wait_for("the model is being loaded", err=True)
            workspace.set_ready(True)
            process.wait_for("Ready:          yes")
            assert process.wait_exit() == 0
            assert len(process.err) == 2


def test_interrupt_the_wait(namespace):
    namespace.pending_workspace()
    with watch(namespace, "--workspace-name", "pending", "--wait") as process:
        process.wait_for("Waiting for 'pending'", err=True)
        assert process.interrupt() == 130
        assert process.out == []


def test_the_status_line_on_a_terminal(namespace, terminal):
    with ModelServer() as server:
        download = "kaito_model_download_speed_bytes_per_second 1e8\nkaito_model_download_remaining_seconds 60\n"
        server.route("/metrics", Status(200, download, content_type="text/plain"))
        workspace = namespace.workspace(port=server.port, ready=False)
        arguments = ("status", "--kubeconfig", str(namespace.kubeconfig()), "--workspace-name", "my-llama", "--wait")
        session = terminal(kaito_command(*arguments))
        session.wait_for("100 MB/s, 60s left")
        workspace.set_ready(True)
        session.wait_for("Ready:          yes")
        assert session.wait_exit() == 0
        assert "waiting: " not in session.screen
