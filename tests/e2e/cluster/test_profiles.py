"""Profiles that name a cluster, and kubectl's own order without one."""

import pytest


@pytest.fixture
def write_config(clean_environment):
    """Return a function that writes the configuration file."""
    folder = clean_environment / ".config/kaito"
    folder.mkdir(parents=True)
    return (folder / "config.toml").write_text


def test_a_profile_names_the_cluster_the_namespace_and_the_workspace(kaito, control_plane, namespace, write_config):
    namespace.workspace("my-llama")
    namespace.workspace("my-phi", preset="phi-4", ready=False)
    elsewhere = control_plane.kubeconfig("viewer")
    write_config(f"""
        [defaults]
        kubeconfig = "{elsewhere}"
        [profiles.work]
        namespace = "{namespace.name}"
        workspace-name = "my-llama"
    """)
    outcome = kaito("status", "--profile", "work")
    assert (outcome.code, outcome.err) == (0, "")
    # The list does not become that of one workspace.
    assert "my-llama" in outcome.out
    assert "my-phi" in outcome.out
    # What the command line names is used in its place.
    assert kaito("--profile", "work", "status", "--workspace-name", "my-phi").code == 3
    assert "my-phi" in kaito("status", "--profile", "work", "-A").out
    assert "not found" not in kaito("status", "--profile", "work", "-n", "default").err
    # A variable comes before the profile.
    outcome = kaito("get-endpoint", "--profile", "work", env={"KAITO_WORKSPACE_NAME": "my-phi"})
    assert "my-phi" in outcome.out + outcome.err
    # Completion asks the same cluster.
    names = kaito("__complete", "chat", "--profile", "work", "--workspace-name", "my-p").out
    assert names.startswith("my-phi\t")
    # A default never names the workspace that is deployed.
    outcome = kaito("deploy", "--profile", "work", "--model", "phi-4", "--dry-run=server")
    assert outcome.code == 2
    assert "NAME is missing" in outcome.err


def test_kubectl_s_order_holds_without_a_configuration(kaito, namespace, write_config):
    namespace.workspace("my-llama")
    viewer = namespace.kubeconfig("viewer")
    write_config("[defaults]\ntemperature = 0.1\n[profiles.other]\nnamespace = 'default'")
    for env in ({}, {"KAITO_NO_CONFIG": "1"}):
        outcome = kaito("status", env={"KUBECONFIG": str(viewer), **env})
        assert "my-llama" in outcome.out
    assert "my-llama" not in kaito("status", "--profile", "other", env={"KUBECONFIG": str(viewer)}).out


def test_a_key_of_an_endpoint_is_not_for_a_workspace(kaito, namespace, write_config, tmp_path):
    namespace.workspace("my-llama")
    # Whoever uses the key would fail to read it.
    write_config(f"[defaults]\nendpoint = 'http://localhost:1'\napi-key-file = '{tmp_path}/missing'")
    arguments = ["get-endpoint", "--kubeconfig", str(namespace.kubeconfig("viewer")), "--workspace-name", "my-llama"]
    assert kaito(*arguments).code == 0
    write_config(f"[defaults]\napi-key-file = '{tmp_path}/missing'")
    assert "cannot read" in kaito(*arguments).err
