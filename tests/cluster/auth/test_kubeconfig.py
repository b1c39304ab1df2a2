"""Which kubeconfig and which context: kubectl's precedence, and what is wrong said clearly."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.auth.kubeconfig import context_names, load_context
from kaito.errors import ClusterError, UsageError
from kaito.types import Target


def environment(*paths: Path, **more: str) -> dict[str, str]:
    return {"KUBECONFIG": os.pathsep.join(map(str, paths)), **more}


def test_the_flag_wins_over_the_environment(kubeconfig):
    flagged, other = kubeconfig("a", server="https://a:1"), kubeconfig("b", server="https://b:1")
    context = load_context(str(flagged), None, environment(other))
    assert context is not None
    assert context.cluster["server"] == "https://a:1"


def test_of_several_files_the_first_to_say_something_is_believed(kubeconfig, tmp_path):
    first = kubeconfig("first", server="https://first:1", current=None)
    second = kubeconfig("second", server="https://second:1", current="here", context_name="there")
    third = kubeconfig("third", server="https://third:1", current="there", context_name="there")
    environ = environment(tmp_path / "missing", first, second, third)
    context = load_context(None, None, environ)
    assert context is not None
    assert (context.name, context.cluster["server"]) == ("here", "https://first:1")
    there = load_context(None, "there", environ)
    assert there is not None
    assert there.cluster["server"] == "https://second:1"
    assert context_names(None, environ) == ["here", "there"]


def test_the_usual_place(kubeconfig, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    kubeconfig(".kube/config", server="https://home:1")
    context = load_context(None, None, {})
    assert context is not None
    assert context.cluster["server"] == "https://home:1"


def test_relative_paths_start_at_the_file_they_stand_in(kubeconfig, tmp_path):
    path = kubeconfig("sub/config", user={"tokenFile": "token"}, cluster={"certificate-authority": "ca.crt"})
    context = load_context(str(path), None, {})
    assert context is not None
    assert context.cluster_folder == context.user_folder == tmp_path / "sub"


@pytest.mark.parametrize(
    ("flag", "context", "expected"),
    [("team", "own", "team"), (None, "own", "own"), (None, None, "default")],
)
def test_the_namespace(kubeconfig, reporter, flag, context, expected):
    path = kubeconfig(context={"namespace": context} if context else {})
    target = Target(workspace="w", namespace=flag, kubeconfig=str(path))
    assert find_cluster_config(target, {}, reporter).namespace == expected


def test_an_unknown_context_names_those_there_are(kubeconfig):
    with pytest.raises(UsageError) as caught:
        load_context(str(kubeconfig()), "nope", {})
    assert caught.value.lines() == ["❌ Error: --context: there is no context 'nope'", "   There are: here"]


def test_no_current_context(kubeconfig):
    with pytest.raises(UsageError, match="no current context"):
        load_context(str(kubeconfig(current=None)), None, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (": : :", "is not valid YAML (line 1)"),
        ("[1, 2]", "has no lists"),
        ("clusters: x", "has no lists"),
        ("clusters: [{cluster: {}}]", "an entry of its clusters has no name"),
        ("\0", "is not valid YAML"),
    ],
)
def test_a_file_that_is_not_valid(tmp_path, text, expected):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_context(str(path), None, {})
    assert expected in caught.value.message
    assert str(path) in caught.value.message


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UsageError, match="Is a directory"):
        load_context(None, None, environment(tmp_path))


def test_a_secret_in_a_broken_file_is_not_quoted(tmp_path):
    path = tmp_path / "config"
    path.write_text("users:\n- name: x\n  user: {token: sesame\n")
    with pytest.raises(UsageError) as caught:
        load_context(str(path), None, {})
    assert "sesame" not in "".join(caught.value.lines())


def test_no_cluster_at_all(tmp_path, reporter, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ClusterError) as caught:
        find_cluster_config(Target(workspace="w"), {}, reporter)
    assert caught.value.exit_code == 4
    assert caught.value.message == "There is no cluster to talk to"
    assert "--backend local" in caught.value.hints[-1]


def test_a_context_without_a_kubeconfig(tmp_path, reporter, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="--context: there is no context 'x'"):
        find_cluster_config(Target(workspace="w", context="x"), {}, reporter)


@pytest.mark.parametrize("server", ["", "ftp://x", "https://", "https://host:port", "localhost:8080"])
def test_a_server_that_is_no_url(kubeconfig, reporter, server):
    with pytest.raises(UsageError):
        find_cluster_config(Target(kubeconfig=str(kubeconfig(server=server))), {}, reporter)


def test_the_proxy_of_the_kubeconfig_and_of_the_environment(kubeconfig, reporter, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://env:3128")
    plain = find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://far:443"))), {}, reporter)
    assert str(plain.proxy) == "http://env:3128"
    named = kubeconfig(server="https://far:443", cluster={"proxy-url": "http://own:81"})
    assert str(find_cluster_config(Target(kubeconfig=str(named)), {}, reporter).proxy) == "http://own:81"
    loopback = find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://127.0.0.1:1"))), {}, reporter)
    assert loopback.proxy is None


@pytest.mark.parametrize(
    ("exceptions", "proxied"), [("10.0.0.0/8", False), ("192.168.0.0/16,10.96.0.1/32", False), ("11.0.0.0/8", True)]
)
def test_networks_that_no_proxy_leads_to(kubeconfig, reporter, monkeypatch, exceptions, proxied):
    monkeypatch.setenv("HTTPS_PROXY", "http://env:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    access = find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://10.96.0.1:443"))), {}, reporter)
    assert (access.proxy is not None) == proxied


def test_all_proxy_is_not_for_the_api_server(kubeconfig, reporter, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://env:1080")
    assert find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://far:443"))), {}, reporter).proxy is None


@pytest.mark.parametrize("user", [{"exec": "x"}, {"auth-provider": ["x"]}])
def test_a_user_s_entry_that_is_not_valid(kubeconfig, user):
    with pytest.raises(UsageError, match="is not valid"):
        load_context(str(kubeconfig(user=user)), None, {})


def test_a_proxy_that_is_not_supported_is_named_without_its_password(kubeconfig, reporter):
    path = kubeconfig(cluster={"proxy-url": "socks5://jo:sesame@h:1"})
    with pytest.raises(UsageError) as caught:
        find_cluster_config(Target(kubeconfig=str(path)), {}, reporter)
    assert "socks5" in caught.value.message
    assert "sesame" not in "".join(caught.value.lines())


def test_acting_as_another(kubeconfig, reporter):
    path = kubeconfig(user={"as": "jo", "as-groups": ["a", "b"], "as-user-extra": {"scope": ["x"]}})
    headers = find_cluster_config(Target(kubeconfig=str(path)), {}, reporter).impersonation()
    assert headers == [
        ("Impersonate-User", "jo"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scope", "x"),
    ]


def test_in_a_pod(tmp_path, reporter, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("kaito.cluster.auth.cluster_config.SERVICE_ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("t0ken")
    (tmp_path / "ca.crt").write_text("x")
    (tmp_path / "namespace").write_text("team\n")
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}
    access = find_cluster_config(Target(workspace="w"), environ, reporter)
    assert (str(access.server), access.namespace) == ("https://[fd00::1]", "team")


def test_a_pod_without_a_service_account(tmp_path, reporter, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("kaito.cluster.auth.cluster_config.SERVICE_ACCOUNT", tmp_path)
    environ = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    with pytest.raises(ClusterError, match="no service account"):
        find_cluster_config(Target(workspace="w"), environ, reporter)
