"""Routes of Ingresses, LoadBalancers and HTTPRoutes to a Service."""

import pytest

from kaito.cluster.ingress.gateways import parent_gateways, parse_http_route, routes_to
from kaito.cluster.ingress.ingresses import parse_ingress, parse_load_balancer
from kaito.cluster.ingress.routes import Destination, Route, UnusableRoute, base_path, choose_port, host_matches
from kaito.cluster.services import http_port

DESTINATION = Destination(service="my-llama", port=80, port_name="http", pools=frozenset({"my-llama-inferencepool"}))
BACKEND = {"service": {"name": "my-llama", "port": {"number": 80}}}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


def urls(routes):
    """Return the URL of each route, or why it cannot be used."""
    return [one.url(one.host or one.addresses[0]) if isinstance(one, Route) else one.reason for one in routes]


def only(routes):
    [route] = routes
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
def test_base_path_of_a_prefix_or_pattern(path, base):
    assert base_path(path, exact=False) == base


@pytest.mark.parametrize(("path", "base"), [("/", None), ("/llama", None), ("/llama/v1/chat/completions", "/llama")])
def test_an_exact_path_is_used_only_for_chat_completions(path, base):
    assert base_path(path, exact=True) == base


@pytest.mark.parametrize(
    ("pattern", "host", "multi_label", "expected"),
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
def test_host_matches(pattern, host, multi_label, expected):
    assert host_matches(pattern, host, multi_label=multi_label) is expected


def test_choose_port_and_http_port():
    assert choose_port(443, ()) == 443
    assert choose_port(443, (80, 443)) == 443
    assert choose_port(443, (8443,)) == 8443
    assert http_port({}) == (80, "http")
    assert http_port({"spec": {"ports": [{"port": 6379, "name": "ray"}, {"port": 80, "name": "web"}]}}) == (80, "web")
    assert http_port({"spec": {"ports": [{"port": 8000}]}}) == (8000, "")


def test_url_of_an_ipv6_address():
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
    [route] = parse_ingress(ingress(rule("llama.example.com")), DESTINATION)
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
    assert urls(parse_ingress(ingress(rule("llama.example.com", "/a"), tls=tls), DESTINATION)) == [url]


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
    assert urls(parse_ingress(ingress(rule(), tls=tls), DESTINATION)) == expected
    assert urls(parse_ingress(ingress(tls=tls, defaultBackend=BACKEND), DESTINATION)) == expected


@pytest.mark.parametrize(
    "backend",
    [
        {"service": {"name": "other", "port": {"number": 80}}},
        {"service": {"name": "my-llama", "port": {"number": 6379}}},
        {"service": {"name": "my-llama", "port": {"name": "ray"}}},
        {"resource": {"kind": "Bucket", "name": "my-llama"}},
    ],
)
def test_an_ingress_to_another_service_or_port(backend):
    assert parse_ingress(ingress(rule("a.example.com", backend=backend), defaultBackend=backend), DESTINATION) == []


def test_an_ingress_that_names_the_port():
    backend = {"service": {"name": "my-llama", "port": {"name": "http"}}}
    assert len(parse_ingress(ingress(rule("a.example.com", backend=backend)), DESTINATION)) == 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (
            ingress(rule("*.example.com")),
            "its host '*.example.com' is a wildcard; use --endpoint with the URL of one host",
        ),
        (ingress(rule("a.example.com", "/x", "Exact")), "it matches only the path '/x'"),
        (ingress(rule(), status={}), "it has no address yet"),
        (ingress(rule(), status={"loadBalancer": {}}), "it has no address yet"),
    ],
)
def test_an_ingress_that_cannot_be_used(item, reason):
    assert parse_ingress(item, DESTINATION) == [UnusableRoute("Ingress 'i'", reason)]


def test_an_ingress_with_a_host_and_no_address():
    route = only(parse_ingress(ingress(rule("a.example.com"), status={}), DESTINATION))
    assert (route.host, route.addresses) == ("a.example.com", ())


def test_open_ports_in_the_status_of_an_ingress():
    open_ports = [{"port": 8080, "protocol": "TCP"}, {"port": 80, "protocol": "TCP", "error": "NotOpen"}]
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example.com", "ports": open_ports}]}}
    route = only(parse_ingress(ingress(rule("a.example.com"), status=status), DESTINATION))
    assert (route.port, route.addresses) == (8080, ("lb.example.com",))


# LoadBalancer


def service(kind="LoadBalancer", status=ADDRESS, **port):
    spec = {"type": kind, "ports": [{"port": 80, "name": "http", **port}]}
    return {"metadata": {"name": "my-llama", "namespace": "ns"}, "spec": spec, "status": status}


def test_a_load_balancer():
    assert urls(parse_load_balancer(service(), DESTINATION)) == ["http://192.0.2.1"]
    assert urls(parse_load_balancer(service(appProtocol="HTTPS"), DESTINATION)) == ["https://192.0.2.1:80"]
    assert urls(parse_load_balancer(service(status={"loadBalancer": {}}), DESTINATION)) == ["it has no address yet"]
    assert parse_load_balancer(service("ClusterIP"), DESTINATION) == []


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
RULE = {"backendRefs": [to()]}


def http_route_urls(item, *listeners, **more):
    return urls(parse_http_route(item, {("ns", "gw"): gateway(*listeners or (HTTP,), **more)}, DESTINATION))


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
def test_backends_of_an_http_route(reference, expected):
    item = http_route({"backendRefs": [reference]})
    assert routes_to(item, DESTINATION) is expected
    assert bool(http_route_urls(item)) is expected


def test_parent_gateways():
    item = http_route(RULE, parent={"name": "gw", "namespace": "infra", "sectionName": "web"})
    item["spec"]["parentRefs"] += [{"name": "gw"}, {"kind": "Service", "group": "", "name": "mesh"}]
    assert [key for key, _ in parent_gateways(item)] == [("infra", "gw"), ("ns", "gw")]


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        ({"name": "gw"}, ["http://192.0.2.7", "https://192.0.2.7"]),
        ({"name": "gw", "sectionName": "secure"}, ["https://192.0.2.7"]),
        ({"name": "gw", "port": 80}, ["http://192.0.2.7"]),
        ({"name": "gw", "port": 8080}, ["the Gateway has no matching listener"]),
    ],
)
def test_listeners_of_a_gateway(parent, expected):
    tcp = {"name": "raw", "port": 5000, "protocol": "TCP"}
    assert http_route_urls(http_route(RULE, parent=parent), HTTP, HTTPS, tcp) == expected


@pytest.mark.parametrize(
    ("hosts", "listener_host", "expected"),
    [
        ([], None, ["http://192.0.2.7"]),
        ([], "a.example.com", ["http://a.example.com"]),
        (["a.example.com", "b.example.com"], None, ["http://a.example.com", "http://b.example.com"]),
        (["a.example.com", "a.example.org"], "*.example.com", ["http://a.example.com"]),
        (["*.example.com"], "a.example.com", ["http://a.example.com"]),
        (["a.example.org"], "*.example.com", ["the Gateway has no matching listener"]),
        (["*.example.com"], None, ["its host '*.example.com' is a wildcard; use --endpoint with the URL of one host"]),
    ],
)
def test_hosts_of_http_routes_and_listeners(hosts, listener_host, expected):
    assert http_route_urls(http_route(RULE, hosts=hosts), {**HTTP, "hostname": listener_host}) == expected


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"path": {"type": "PathPrefix", "value": "/llama"}}, "http://192.0.2.7/llama"),
        ({"path": {"type": "PathPrefix", "value": "/v1"}}, "http://192.0.2.7"),
        ({"path": {"type": "RegularExpression", "value": "/llama/.*"}}, "http://192.0.2.7/llama"),
        ({"path": {"type": "Exact", "value": "/x"}}, "it matches only the path '/x'"),
        ({"method": "POST"}, "it matches only certain methods, queries or headers"),
        ({"queryParams": [{"name": "a", "value": "b"}]}, "it matches only certain methods, queries or headers"),
        (
            {"headers": [{"type": "RegularExpression", "name": "a", "value": ".*"}]},
            "it matches only certain methods, queries or headers",
        ),
    ],
)
def test_matches_of_an_http_route(match, expected):
    assert http_route_urls(http_route({**RULE, "matches": [match]})) == [expected]


def test_headers_that_select_an_http_route():
    item = http_route({**RULE, "matches": [{"headers": [{"name": "x-model", "value": "llama"}]}]})
    route = only(parse_http_route(item, {("ns", "gw"): gateway(HTTP)}, DESTINATION))
    assert route.headers == {"x-model": "llama"}


def test_http_routes_that_cannot_be_used():
    half = {"backendRefs": [to(), to("other")]}
    assert http_route_urls(http_route(half)) == ["it sends only a part of its requests to the workspace"]
    redirect = {**RULE, "filters": [{"type": "RequestRedirect"}]}
    assert http_route_urls(http_route(redirect)) == ["it redirects requests"]
    assert http_route_urls(http_route(RULE), addresses=()) == ["the Gateway has no address yet"]
    unread = {("ns", "gw"): "its Gateway 'gw' cannot be read: no"}
    assert urls(parse_http_route(http_route(RULE), unread, DESTINATION)) == ["its Gateway 'gw' cannot be read: no"]


def test_an_http_route_that_the_gateway_rejects():
    condition = {"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": ""}
    status = {"parents": [{"parentRef": {"name": "gw"}, "conditions": [condition]}]}
    assert http_route_urls(http_route(RULE, status=status)) == ["Gateway 'gw' rejects it: NotAllowedByListeners"]
    # The status of another Gateway does not matter.
    status["parents"][0]["parentRef"] = {"name": "gw", "namespace": "other"}
    assert http_route_urls(http_route(RULE, status=status)) == ["http://192.0.2.7"]
