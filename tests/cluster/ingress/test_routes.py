"""What Ingresses, Services and HTTPRoutes say of the ways to a Service."""

import pytest

from kaito.cluster.ingress.gateways import parents, read_http_route, selects_backend
from kaito.cluster.ingress.ingresses import read_ingress, read_load_balancer
from kaito.cluster.ingress.resolv import cluster_domain
from kaito.cluster.ingress.routes import Destination, Route, Unusable, base_path, choose_port, matches
from kaito.cluster.services import http_port

HERE = Destination(service="my-llama", port=80, port_name="http", pools=frozenset({"my-llama-inferencepool"}))
BACKEND = {"service": {"name": "my-llama", "port": {"number": 80}}}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def urls(reading):
    """Return each way's URL, and why the others are none."""
    return [one.url(one.host or one.addresses[0]) if isinstance(one, Route) else one.reason for one in reading]


def only(reading):
    [route] = reading
    assert isinstance(route, Route)
    return route


# Paths, hosts and ports


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("", ""),
        ("/", ""),
        ("/llama", "/llama"),
        ("/llama/", "/llama"),
        ("/llama(/|$)(.*)", "/llama"),
        ("/llama/(.*)", "/llama"),
        ("/*", ""),
        ("/models/llama.2/*", "/models/llama.2"),
        ("/v1", ""),
        ("/v1/", ""),
        ("/v1/chat/completions", ""),
        ("/llama/v1", "/llama"),
        ("/chat/completions", ""),
        ("/v1alpha", "/v1alpha"),
    ],
)
def test_what_stands_before_the_server_s_paths(path, base):
    assert base_path(path, exact=False) == base


@pytest.mark.parametrize(("path", "base"), [("/", None), ("/llama", None), ("/llama/v1/chat/completions", "/llama")])
def test_an_exact_path_is_of_use_if_it_is_the_chat_s(path, base):
    assert base_path(path, exact=True) == base


@pytest.mark.parametrize(
    ("pattern", "host", "deep", "expected"),
    [
        ("a.example.com", "A.example.com", False, True),
        ("a.example.com", "b.example.com", False, False),
        ("*.example.com", "a.example.com", False, True),
        ("*.example.com", "b.a.example.com", False, False),
        ("*.example.com", "b.a.example.com", True, True),
        ("*.example.com", "example.com", True, False),
        ("*.example.com", "badexample.com", True, False),
    ],
)
def test_hosts(pattern, host, deep, expected):
    assert matches(pattern, host, deep=deep) is expected


def test_ports():
    assert choose_port(443, ()) == 443
    assert choose_port(443, (80, 443)) == 443
    assert choose_port(443, (8443,)) == 8443
    assert http_port({}) == (80, "http")
    assert http_port({"spec": {"ports": [{"port": 6379, "name": "ray"}, {"port": 80, "name": "web"}]}}) == (80, "web")
    assert http_port({"spec": {"ports": [{"port": 8000}]}}) == (8000, "")


def test_an_ipv6_address():
    route = Route(source="x", secure=False, host=None, port=8080, path="/a", addresses=("2001:db8::1",))
    assert route.url("2001:db8::1") == "http://[2001:db8::1]:8080/a"


# Ingress


def ingress(*rules, tls=(), status=ADDRESS, **spec):
    return {
        "metadata": {"name": "i", "namespace": "ns"},
        "spec": {"rules": list(rules), "tls": list(tls), **spec},
        "status": status,
    }


def rule(host=None, path="/", kind="Prefix", backend=BACKEND):
    where = {"host": host} if host else {}
    return {**where, "http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}}


def test_an_ingress_with_a_host():
    [route] = read_ingress(ingress(rule("llama.example.com")), HERE)
    assert route == Route(
        source="Ingress 'i'", secure=False, host="llama.example.com", port=80, addresses=("192.0.2.1",)
    )


@pytest.mark.parametrize(
    ("tls", "url"),
    [
        ([{"hosts": ["llama.example.com"]}], "https://llama.example.com/a"),
        ([{"hosts": ["*.example.com"]}], "https://llama.example.com/a"),
        ([{"secretName": "for-all"}], "https://llama.example.com/a"),
        ([{"hosts": ["other.example.com"]}], "http://llama.example.com/a"),
    ],
)
def test_tls_of_an_ingress(tls, url):
    assert urls(read_ingress(ingress(rule("llama.example.com", "/a"), tls=tls), HERE)) == [url]


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ([], ["http://192.0.2.1"]),
        ([{"hosts": ["a.example.com", "b.example.com"]}], ["https://a.example.com", "https://b.example.com"]),
        ([{"hosts": ["*.example.com"]}], ["http://192.0.2.1"]),
        ([{"secretName": "for-all"}], ["https://192.0.2.1"]),
    ],
)
def test_an_ingress_for_any_host(tls, expected):
    assert urls(read_ingress(ingress(rule(), tls=tls), HERE)) == expected
    assert urls(read_ingress(ingress(tls=tls, defaultBackend=BACKEND), HERE)) == expected


@pytest.mark.parametrize(
    "backend",
    [
        {"service": {"name": "other", "port": {"number": 80}}},
        {"service": {"name": "my-llama", "port": {"number": 6379}}},
        {"service": {"name": "my-llama", "port": {"name": "ray"}}},
        {"resource": {"kind": "Bucket", "name": "my-llama"}},
    ],
)
def test_what_leads_elsewhere(backend):
    assert read_ingress(ingress(rule("a.example.com", backend=backend), defaultBackend=backend), HERE) == []


def test_a_port_by_its_name():
    backend = {"service": {"name": "my-llama", "port": {"name": "http"}}}
    assert len(read_ingress(ingress(rule("a.example.com", backend=backend)), HERE)) == 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (
            ingress(rule("*.example.com")),
            "its host '*.example.com' stands for many; give the URL of one with --endpoint",
        ),
        (ingress(rule("a.example.com", "/x", "Exact")), "it is for the path '/x' alone"),
        (ingress(rule(), status={}), "it has no address yet"),
        (ingress(rule(), status={"loadBalancer": {}}), "it has no address yet"),
    ],
)
def test_an_ingress_that_cannot_be_used(item, reason):
    assert read_ingress(item, HERE) == [Unusable("Ingress 'i'", reason)]


def test_an_ingress_whose_address_only_dns_may_know():
    route = only(read_ingress(ingress(rule("a.example.com"), status={}), HERE))
    assert (route.host, route.addresses) == ("a.example.com", ())


def test_the_ports_of_an_ingress():
    open_ports = [{"port": 8080, "protocol": "TCP"}, {"port": 80, "protocol": "TCP", "error": "NotOpen"}]
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example.com", "ports": open_ports}]}}
    route = only(read_ingress(ingress(rule("a.example.com"), status=status), HERE))
    assert (route.port, route.addresses) == (8080, ("lb.example.com",))


# LoadBalancer


def service(kind="LoadBalancer", status=ADDRESS, **port):
    spec = {"type": kind, "ports": [{"port": 80, "name": "http", **port}]}
    return {"metadata": {"name": "my-llama", "namespace": "ns"}, "spec": spec, "status": status}


def test_a_load_balancer():
    assert urls(read_load_balancer(service(), HERE)) == ["http://192.0.2.1"]
    assert urls(read_load_balancer(service(appProtocol="HTTPS"), HERE)) == ["https://192.0.2.1:80"]
    assert urls(read_load_balancer(service(status={"loadBalancer": {}}), HERE)) == ["it has no address yet"]
    assert read_load_balancer(service("ClusterIP"), HERE) == []


# Gateway API


def http_route(*rules, hosts=(), parent=None, status=None):
    return {
        "metadata": {"name": "r", "namespace": "ns"},
        "spec": {"parentRefs": [parent or {"name": "gw"}], "hostnames": list(hosts), "rules": list(rules)},
        "status": status or {},
    }


def to(name="my-llama", port=80, **more):
    return {"name": name, "port": port, **more}


def gateway(*listeners, addresses=("192.0.2.7",)):
    return {
        "metadata": {"name": "gw", "namespace": "ns"},
        "spec": {"listeners": list(listeners)},
        "status": {"addresses": [{"type": "IPAddress", "value": address} for address in addresses]},
    }


HTTP = {"name": "web", "port": 80, "protocol": "HTTP"}
HTTPS = {"name": "secure", "port": 443, "protocol": "HTTPS"}
TO_HERE = {"backendRefs": [to()]}


def ways(item, *listeners, **more):
    return urls(read_http_route(item, {("ns", "gw"): gateway(*listeners or (HTTP,), **more)}, HERE))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (to(), True),
        (to(namespace="ns"), True),
        (to(namespace="other"), False),
        (to("other"), False),
        (to(port=6379), False),
        (to(weight=0), False),
        ({"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "my-llama-inferencepool"}, True),
        ({"group": "inference.networking.x-k8s.io", "kind": "InferencePool", "name": "my-llama-inferencepool"}, True),
        ({"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "other-inferencepool"}, False),
        ({"group": "example.com", "kind": "InferencePool", "name": "my-llama-inferencepool"}, False),
    ],
)
def test_where_a_route_leads(reference, expected):
    item = http_route({"backendRefs": [reference]})
    assert selects_backend(item, HERE) is expected
    assert bool(ways(item)) is expected


def test_the_gateways_of_a_route():
    item = http_route(TO_HERE, parent={"name": "gw", "namespace": "infra", "sectionName": "web"})
    item["spec"]["parentRefs"] += [{"name": "gw"}, {"kind": "Service", "group": "", "name": "mesh"}]
    assert [key for key, _ in parents(item)] == [("infra", "gw"), ("ns", "gw")]


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ({"name": "gw"}, ["http://192.0.2.7", "https://192.0.2.7"]),
        ({"name": "gw", "sectionName": "secure"}, ["https://192.0.2.7"]),
        ({"name": "gw", "port": 80}, ["http://192.0.2.7"]),
        ({"name": "gw", "port": 8080}, ["the Gateway has no listener for it"]),
    ],
)
def test_listeners(parent, expected):
    tcp = {"name": "raw", "port": 5000, "protocol": "TCP"}
    assert ways(http_route(TO_HERE, parent=parent), HTTP, HTTPS, tcp) == expected


@pytest.mark.parametrize(
    ("hosts", "listened", "expected"),
    [
        ([], None, ["http://192.0.2.7"]),
        ([], "a.example.com", ["http://a.example.com"]),
        (["a.example.com", "b.example.com"], None, ["http://a.example.com", "http://b.example.com"]),
        (["a.example.com", "a.example.org"], "*.example.com", ["http://a.example.com"]),
        (["*.example.com"], "a.example.com", ["http://a.example.com"]),
        (["a.example.org"], "*.example.com", ["the Gateway has no listener for it"]),
        (["*.example.com"], None, ["its host '*.example.com' stands for many; give the URL of one with --endpoint"]),
    ],
)
def test_hosts_of_routes_and_listeners(hosts, listened, expected):
    assert ways(http_route(TO_HERE, hosts=hosts), {**HTTP, "hostname": listened}) == expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"path": {"type": "PathPrefix", "value": "/llama"}}, "http://192.0.2.7/llama"),
        ({"path": {"type": "PathPrefix", "value": "/v1"}}, "http://192.0.2.7"),
        ({"path": {"type": "RegularExpression", "value": "/llama/.*"}}, "http://192.0.2.7/llama"),
        ({"path": {"type": "Exact", "value": "/x"}}, "it is for the path '/x' alone"),
        ({"method": "POST"}, "it is for requests of a certain kind alone"),
        ({"queryParams": [{"name": "a", "value": "b"}]}, "it is for requests of a certain kind alone"),
        (
            {"headers": [{"type": "RegularExpression", "name": "a", "value": ".*"}]},
            "it is for requests of a certain kind alone",
        ),
    ],
)
def test_matches(match, expected):
    assert ways(http_route({**TO_HERE, "matches": [match]})) == [expected]


def test_headers_that_a_route_wants_are_sent():
    item = http_route({**TO_HERE, "matches": [{"headers": [{"name": "x-model", "value": "llama"}]}]})
    route = only(read_http_route(item, {("ns", "gw"): gateway(HTTP)}, HERE))
    assert route.headers == {"x-model": "llama"}


def test_routes_that_cannot_be_used():
    half = {"backendRefs": [to(), to("other")]}
    assert ways(http_route(half)) == ["only a part of its requests is led there"]
    redirect = {**TO_HERE, "filters": [{"type": "RequestRedirect"}]}
    assert ways(http_route(redirect)) == ["it redirects"]
    assert ways(http_route(TO_HERE), addresses=()) == ["the Gateway has no address yet"]
    unread = {("ns", "gw"): "its Gateway 'gw' cannot be read: no"}
    assert urls(read_http_route(http_route(TO_HERE), unread, HERE)) == ["its Gateway 'gw' cannot be read: no"]


def test_a_route_that_the_gateway_does_not_take():
    condition = {"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": ""}
    status = {"parents": [{"parentRef": {"name": "gw"}, "conditions": [condition]}]}
    assert ways(http_route(TO_HERE, status=status)) == ["Gateway 'gw' does not take it: NotAllowedByListeners"]
    # What another Gateway says is none of its concern.
    status["parents"][0]["parentRef"] = {"name": "gw", "namespace": "other"}
    assert ways(http_route(TO_HERE, status=status)) == ["http://192.0.2.7"]


# The cluster's domain


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
def test_the_cluster_s_domain(tmp_path, text, domain):
    file = tmp_path / "resolv.conf"
    file.write_text(text)
    assert cluster_domain(file) == domain


def test_no_resolv_conf(tmp_path):
    assert cluster_domain(tmp_path / "none") == "cluster.local"
