"""The precedence of kubeconfigs and contexts, and the messages about invalid ones."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from kaito.cluster.auth.cluster_config import find_cluster_config
from kaito.cluster.auth.kubeconfig import context_names, context_namespaces, load_context
from kaito.cluster.auth.kubeconfig_types import EnvironmentVariable, User
from kaito.errors import ClusterError, UsageError
from kaito.types import Target
from tests.controlplane.certificates import Authority


def environment(*paths: Path, **more: str) -> dict[str, str]:
    return {"KUBECONFIG": os.pathsep.join(map(str, paths)), **more}


def test_flag_wins_over_the_environment(kubeconfig):
    flagged, other = kubeconfig("a", server="https://a:1"), kubeconfig("b", server="https://b:1")
    context = load_context(str(flagged), None, environment(other))
    assert context is not None
    assert context.cluster.server == "https://a:1"


def test_first_file_that_defines_a_value_wins(kubeconfig, tmp_path):
    first = kubeconfig("first", server="https://first:1", current=None)
    second = kubeconfig("second", server="https://second:1", current="here", context_name="there")
    third = kubeconfig("third", server="https://third:1", current="there", context_name="there")
    environ = environment(tmp_path / "missing", first, second, third)
    context = load_context(None, None, environ)
    assert context is not None
    assert (context.name, context.cluster.server) == ("here", "https://first:1")
    there = load_context(None, "there", environ)
    assert there is not None
    assert there.cluster.server == "https://second:1"
    assert context_names(None, environ) == ["here", "there"]


def test_default_location(kubeconfig, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    kubeconfig(".kube/config", server="https://home:1")
    context = load_context(None, None, {})
    assert context is not None
    assert context.cluster.server == "https://home:1"


def test_relative_paths_start_at_the_folder_of_their_file(kubeconfig, tmp_path):
    path = kubeconfig("sub/config", user={"tokenFile": "token"}, cluster={"certificate-authority": "ca.crt"})
    context = load_context(str(path), None, {})
    assert context is not None
    assert context.cluster_place.folder == context.user_place.folder == tmp_path / "sub"


@pytest.mark.parametrize(
    ("flag", "context", "expected"),
    [("team", "own", "team"), (None, "own", "own"), (None, None, "default")],
)
def test_namespace_precedence(kubeconfig, reporter, flag, context, expected):
    path = kubeconfig(context={"namespace": context} if context else {})
    target = Target(workspace="w", namespace=flag, kubeconfig=str(path))
    assert find_cluster_config(target, {}, reporter).namespace == expected


def test_unknown_context_error_lists_the_contexts(kubeconfig):
    with pytest.raises(UsageError) as caught:
        load_context(str(kubeconfig()), "nope", {})
    assert caught.value.lines() == ["❌ Error: --context: Context 'nope' not found", "   Contexts: here"]


def test_no_current_context(kubeconfig):
    with pytest.raises(UsageError, match="no current context"):
        load_context(str(kubeconfig(current=None)), None, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (": : :", "is not valid YAML (line 1)"),
        ("[1, 2]", "is not valid: expected object, got array"),
        ("clusters: x", "is not valid: clusters: expected array, got str"),
        ("clusters: [{name: 5}]", "is not valid: clusters[0].name: expected str, got int"),
        ("clusters: [{name: c, cluster: hello}]", "is not valid: cluster 'c': expected object, got str"),
        ("users: [{name: dev, user: {token: 5}}]", "is not valid: user 'dev': token: expected str, got int"),
        ("\0", "is not valid YAML"),
        ("users: [{name: a}, {name: a}]", "is not valid: 'a' appears twice in users"),
    ],
)
def test_invalid_file(tmp_path, text, expected):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_context(str(path), None, {})
    assert expected in caught.value.message
    assert str(path) in caught.value.message


def test_unreadable_file(tmp_path):
    with pytest.raises(UsageError, match="Is a directory"):
        load_context(None, None, environment(tmp_path))


@pytest.mark.parametrize("user", ["{token: sesame", "{token: {sesame: 1}}", "[sesame]"])
def test_secret_in_an_invalid_file_is_not_quoted(tmp_path, user):
    path = tmp_path / "config"
    path.write_text(f"users:\n- name: x\n  user: {user}\n")
    with pytest.raises(UsageError) as caught:
        load_context(str(path), None, {})
    assert "sesame" not in "".join(caught.value.lines())


def test_no_cluster_is_configured(tmp_path, reporter, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ClusterError) as caught:
        find_cluster_config(Target(workspace="w"), {}, reporter)
    assert caught.value.exit_code == 4
    assert caught.value.message == "No cluster is configured"
    assert caught.value.hints[-1].startswith("There is no kubeconfig at ")


def test_context_without_a_kubeconfig(tmp_path, reporter, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="--context: Context 'x' not found"):
        find_cluster_config(Target(workspace="w", context="x"), {}, reporter)


@pytest.mark.parametrize("server", ["", "ftp://x", "https://", "https://host:port", "localhost:8080"])
def test_server_that_is_not_a_url(kubeconfig, reporter, server):
    with pytest.raises(UsageError):
        find_cluster_config(Target(kubeconfig=str(kubeconfig(server=server))), {}, reporter)


def test_proxy_of_the_kubeconfig_wins_over_the_environment(kubeconfig, reporter, monkeypatch):
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
def test_no_proxy_with_networks(kubeconfig, reporter, monkeypatch, exceptions, proxied):
    monkeypatch.setenv("HTTPS_PROXY", "http://env:3128")
    monkeypatch.setenv("NO_PROXY", exceptions)
    config = find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://10.96.0.1:443"))), {}, reporter)
    assert (config.proxy is not None) == proxied


def test_all_proxy_is_ignored(kubeconfig, reporter, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://env:1080")
    assert find_cluster_config(Target(kubeconfig=str(kubeconfig(server="https://far:443"))), {}, reporter).proxy is None


@pytest.mark.parametrize("user", [{"exec": "x"}, {"auth-provider": ["x"]}])
def test_invalid_user(kubeconfig, user):
    with pytest.raises(UsageError, match="is not valid"):
        load_context(str(kubeconfig(user=user)), None, {})


def test_unsupported_proxy_is_reported_without_its_password(kubeconfig, reporter):
    path = kubeconfig(cluster={"proxy-url": "gopher://jo:sesame@h:1"})
    with pytest.raises(UsageError) as caught:
        find_cluster_config(Target(kubeconfig=str(path)), {}, reporter)
    assert "proxy-url: it names a proxy of the kind 'gopher'" in caught.value.message
    assert "sesame" not in "".join(caught.value.lines())


def test_impersonation(kubeconfig, reporter):
    extra = {"scope": ["x"], "example.com/ä": ["y"]}
    path = kubeconfig(user={"as": "jo", "as-groups": ["a", "b"], "as-uid": "7", "as-user-extra": extra})
    headers = find_cluster_config(Target(kubeconfig=str(path)), {}, reporter).impersonation()
    assert headers == [
        ("Impersonate-User", "jo"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scope", "x"),
        ("Impersonate-Extra-example.com%2F%C3%A4", "y"),
    ]


@pytest.fixture
def service_account(tmp_path, monkeypatch):
    """Return the folder of a pod's service account. There is no kubeconfig."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("kaito.cluster.auth.service_account.FOLDER", tmp_path)
    authority = Authority("ca").certificate.decode()
    for name, content in {"token": "t0ken", "ca.crt": authority, "namespace": "team\n"}.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def pod_environment(host="10.0.0.1", port="443"):
    return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("10.0.0.1", "443", "https://10.0.0.1"),
        ("fd00::1", "443", "https://[fd00::1]"),
        ("fd00::1", "6443", "https://[fd00::1]:6443"),
        ("kubernetes.default.svc", "6443", "https://kubernetes.default.svc:6443"),
    ],
)
def test_service_account(service_account, reporter, host, port, url):
    config = find_cluster_config(Target(workspace="w"), pod_environment(host, port), reporter)
    assert (str(config.server), config.namespace, config.proxy) == (url, "team", None)
    assert asyncio.run(config.credentials.get()).authorization == "Bearer t0ken"


@pytest.mark.parametrize("port", ["", "tcp://10.0.0.1:443", "99999"])
def test_invalid_address_of_the_api_server(service_account, reporter, port):
    with pytest.raises(ClusterError):
        find_cluster_config(Target(workspace="w"), pod_environment(port=port), reporter)


@pytest.mark.parametrize("name", ["token", "ca.crt"])
@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), ("", "it is empty")])
def test_incomplete_service_account(service_account, reporter, name, content, reason):
    if content is None:
        (service_account / name).unlink()
    else:
        (service_account / name).write_text(content)
    with pytest.raises(ClusterError) as caught:
        find_cluster_config(Target(workspace="w"), pod_environment(), reporter)
    assert caught.value.message == f"This pod has no usable service account: {service_account / name}: {reason}"


def test_values_have_the_types_that_kubectl_reads(tmp_path):
    path = tmp_path / "config"
    path.write_text(
        """
        current-context: a
        clusters: [{name: c, cluster: {server: "https://h", insecure-skip-tls-verify: yes, extensions: [{name: x}]}}]
        users: [{name: u, user: {exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never,
              env: [{name: VERSION, value: 2024-05-01}, {name: NONE, value: null}], args: null}}}]
        contexts: [{name: a, context: {cluster: c, user: u, namespace: 2024-01-01}}, {name: b, context: null}]
        preferences: {}
        """
    )
    context = load_context(str(path), None, {})
    assert context is not None
    assert context.cluster.insecure_skip_tls_verify is True
    assert context.user.exec is not None
    assert context.user.exec.env == [
        EnvironmentVariable(name="VERSION", value="2024-05-01"),
        EnvironmentVariable(name="NONE"),
    ]
    assert context_namespaces(str(path), {}) == ["2024-01-01"]


@pytest.mark.parametrize("context", [{"cluster": "other"}, {"cluster": None}])
def test_context_without_a_server(kubeconfig, context):
    with pytest.raises(UsageError, match="which has no server"):
        load_context(str(kubeconfig(context=context)), None, {})


def test_user_that_is_not_defined_has_no_credentials(kubeconfig):
    context = load_context(str(kubeconfig(user={"token": "t"}, context={"user": "other"})), None, {})
    assert context is not None
    assert context.user == User()
