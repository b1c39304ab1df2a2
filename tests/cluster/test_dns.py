"""The cluster's domain in resolv.conf."""

import pytest

from kaito.cluster.dns import cluster_domain


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("search ns.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n", "cluster.local"),
        (
            "nameserver 10.0.0.10\nsearch ns.svc.k8s.example.com svc.k8s.example.com k8s.example.com\n",
            "k8s.example.com",
        ),
        ("search svc.corp. corp.\n", "corp"),
        ("search example.com\n", "cluster.local"),
        ("search\n\n# svc.x\n", "cluster.local"),
    ],
)
def test_domain_in_the_search_list(tmp_path, text, domain):
    file = tmp_path / "resolv.conf"
    file.write_text(text)
    assert cluster_domain(file) == domain


def test_no_resolv_conf(tmp_path):
    assert cluster_domain(tmp_path / "none") == "cluster.local"
