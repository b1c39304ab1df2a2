"""Routes of Ingresses, LoadBalancers and HTTPRoutes to a Service."""

import pytest

from kaito.cluster.ingress.gateways import GatewayContext, parent_gateways, parse_http_route, routes_to
from kaito.cluster.ingress.ingresses import parse_ingress, parse_load_balancer
from kaito.cluster.ingress.route_kinds import Gateway, HttpRoute, Ingress, ReferenceGrant
from kaito.cluster.ingress.routes import Destination, Route, UnusableRoute, base_path, choose_port, host_matches
from kaito.cluster.kinds import Metadata, Service, ServicePort, ServiceSpec
from kaito.cluster.services import http_port
from kaito.util.decoding import convert

DESTINATION = Destination(
    service="my-llama", namespace="ns", port=80, port_name="http", pools=frozenset({"my-llama-inferencepool"})
)
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
    assert http_port(None) == ServicePort(port=80, name="http", target_port=5000)
    ports = (ServicePort(port=6379, name="ray"), ServicePort(port=80, name="web"))
    named = Service(metadata=Metadata(name="s"), spec=ServiceSpec(ports=ports))
    assert http_port(named) == ports[1]
    other = Service(metadata=Metadata(name="s"), spec=ServiceSpec(ports=(ServicePort(port=8000),)))
    assert http_port(other).port == 8000


def test_url_of_an_ipv6_address():
    route = Route(source="x", secure=False, host=None, port=8080, path="/a", addresses=("2001:db8::1",))
    assert route.url("2001:db8::1") == "http://[2001:db8::1]:8080/a"


# Ingress


def ingress(*rules, tls=(), status=ADDRESS, **spec):
    spec = {"rules": list(rules), "tls": list(tls), **spec}
    return convert({"metadata": {"name": "i", "namespace": "ns"}, "spec": spec, "status": status}, Ingress)


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
    return convert({"metadata": {"name": "my-llama", "namespace": "ns"}, "spec": spec, "status": status}, Service)


def test_a_load_balancer():
    assert urls(parse_load_balancer(service(), DESTINATION)) == ["http://192.0.2.1"]
    assert urls(parse_load_balancer(service(appProtocol="HTTPS"), DESTINATION)) == ["https://192.0.2.1:80"]
    assert urls(parse_load_balancer(service(status={"loadBalancer": {}}), DESTINATION)) == ["it has no address yet"]
    assert parse_load_balancer(service("ClusterIP"), DESTINATION) == []


# Gateway API


def http_route(*rules, hosts=(), parents=({"name": "gw"},), namespace="ns", status=None):
    spec = {"parentRefs": list(parents), "hostnames": list(hosts), "rules": list(rules)}
    return convert({"metadata": {"name": "r", "namespace": namespace}, "spec": spec, "status": status or {}}, HttpRoute)


def to(name="my-llama", port=80, **more):
    return {"name": name, "port": port, **more}


def gateway(*listeners, addresses=("192.0.2.7",)):
    status = {"addresses": [{"type": "IPAddress", "value": address} for address in addresses]}
    spec = {"listeners": list(listeners)}
    return convert({"metadata": {"name": "gw", "namespace": "ns"}, "spec": spec, "status": status}, Gateway)


def context(gateway, **more):
    return GatewayContext(gateways={("ns", "gw"): gateway}, **more)


HTTP = {"name": "web", "port": 80, "protocol": "HTTP"}
HTTPS = {"name": "secure", "port": 443, "protocol": "HTTPS"}
RULE = {"backendRefs": [to()]}


def http_route_urls(item, *listeners, **more):
    return urls(parse_http_route(item, context(gateway(*listeners or (HTTP,), **more)), DESTINATION))


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
    foreign = {"name": "gw", "namespace": "infra", "sectionName": "web"}
    item = http_route(RULE, parents=[foreign, {"name": "gw"}, {"kind": "Service", "group": "", "name": "mesh"}])
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
    assert http_route_urls(http_route(RULE, parents=[parent]), HTTP, HTTPS, tcp) == expected


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
    route = only(parse_http_route(item, context(gateway(HTTP)), DESTINATION))
    assert route.headers == {"x-model": "llama"}


def test_http_routes_that_cannot_be_used():
    half = {"backendRefs": [to(), to("other")]}
    assert http_route_urls(http_route(half)) == ["it sends only a part of its requests to the workspace"]
    redirect = {**RULE, "filters": [{"type": "RequestRedirect"}]}
    assert http_route_urls(http_route(redirect)) == ["it redirects requests"]
    assert http_route_urls(http_route(RULE), addresses=()) == ["the Gateway has no address yet"]
    unread = context("its Gateway 'gw' cannot be read: no")
    assert urls(parse_http_route(http_route(RULE), unread, DESTINATION)) == ["its Gateway 'gw' cannot be read: no"]


def test_an_http_route_that_the_gateway_rejects():
    condition = {"type": "Accepted", "status": "False", "reason": "NotAllowedByListeners", "message": ""}
    status = {"parents": [{"parentRef": {"name": "gw"}, "conditions": [condition]}]}
    assert http_route_urls(http_route(RULE, status=status)) == ["Gateway 'gw' rejects it: NotAllowedByListeners"]
    # The status of another Gateway does not matter.
    status["parents"][0]["parentRef"] = {"name": "gw", "namespace": "other"}
    assert http_route_urls(http_route(RULE, status=status)) == ["http://192.0.2.7"]


# Across namespaces


def grant(namespace="web", kind="HTTPRoute", name=None):
    source = {"group": "gateway.networking.k8s.io", "kind": kind, "namespace": namespace}
    to = {"group": "", "kind": "Service", **({"name": name} if name else {})}
    return convert(
        {"metadata": {"name": "g", "namespace": "ns"}, "spec": {"from": [source], "to": [to]}}, ReferenceGrant
    )


FOREIGN = http_route(
    {"backendRefs": [to(namespace="ns")]}, namespace="web", parents=[{"name": "gw", "namespace": "ns"}]
)
ALL = {"allowedRoutes": {"namespaces": {"from": "All"}}}


@pytest.mark.parametrize(
    ("allowed", "labels", "expected"),
    [
        ({}, None, "the Gateway accepts no HTTPRoutes of namespace 'web'"),
        ({"namespaces": {"from": "Same"}}, None, "the Gateway accepts no HTTPRoutes of namespace 'web'"),
        ({"namespaces": {"from": "None"}}, None, "the Gateway accepts no HTTPRoutes of namespace 'web'"),
        ({"namespaces": {"from": "All"}}, None, "http://192.0.2.7"),
        ({"namespaces": {"from": "All"}, "kinds": [{"kind": "GRPCRoute"}]}, None, "the Gateway accepts no HTTPRoutes"),
        ({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}}, None, "http://192.0.2.7"),
        ({"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}}, {"a": "b"}, "http://192.0.2.7"),
        (
            {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}},
            {"a": "c"},
            "the Gateway accepts no HTTPRoutes of namespace 'web'",
        ),
        (
            {
                "namespaces": {
                    "from": "Selector",
                    "selector": {
                        "matchExpressions": [
                            {"key": "a", "operator": "In", "values": ["b", "c"]},
                            {"key": "d", "operator": "Exists"},
                            {"key": "e", "operator": "DoesNotExist"},
                            {"key": "a", "operator": "NotIn", "values": ["x"]},
                        ]
                    },
                }
            },
            {"a": "c", "d": ""},
            "http://192.0.2.7",
        ),
    ],
)
def test_a_listener_accepts_the_namespaces_that_it_names(allowed, labels, expected):
    listener = {**HTTP, "allowedRoutes": allowed}
    given = context(gateway(listener), namespace_labels={} if labels is None else {"web": labels}, grants=[grant()])
    [shown] = urls(parse_http_route(FOREIGN, given, DESTINATION))
    assert shown.startswith(expected)


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ([grant()], "http://192.0.2.7"),
        ([grant(name="other"), grant(name="my-llama")], "http://192.0.2.7"),
        (None, "http://192.0.2.7"),
        ([], "no ReferenceGrant in namespace 'ns' allows it to use the Service"),
        ([grant("elsewhere")], "no ReferenceGrant in namespace 'ns' allows it to use the Service"),
        ([grant(kind="GRPCRoute")], "no ReferenceGrant in namespace 'ns' allows it to use the Service"),
        ([grant(name="other")], "no ReferenceGrant in namespace 'ns' allows it to use the Service"),
    ],
)
def test_an_http_route_of_another_namespace_needs_a_grant(grants, expected):
    given = context(gateway({**HTTP, **ALL}), grants=grants)
    assert urls(parse_http_route(FOREIGN, given, DESTINATION)) == [expected]


def test_an_http_route_of_another_namespace_without_a_namespace_in_its_backend_leads_elsewhere():
    assert not routes_to(http_route(RULE, namespace="web"), DESTINATION)
