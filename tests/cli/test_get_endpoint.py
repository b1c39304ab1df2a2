"""The choice of the best endpoint for other programs."""

import pytest

from kaito.errors import ConnectError, KaitoError, NotFoundError
from kaito.subcommands.get_endpoint import EndpointList
from kaito.types import Candidate, Target

TARGET = Target(workspace="my set", kind="inferenceset", namespace="ns", context="prod", kubeconfig="/a b")
SERVICE = "http://w.ns.svc.cluster.local"
INSIDE = Candidate(backend="dns", url=SERVICE, rank=10, shared=True)
SECURE = Candidate(backend="ingress", url="https://w.example/v1/", rank=20, shared=True, external=True)
TUNNEL = Candidate(backend="tunnel", url="pod w-0", rank=30)
CLEAR = Candidate(backend="ingress", url="http://192.0.2.1", shared=True, external=True)
UNSURE = Candidate(backend="ingress", url="https://u.example", shared=True, external=True)
FAILED = Candidate(backend="ingress", url="https://f.example", shared=True, external=True, problem="HTTP 404")
UNSHARED = Candidate(backend="ingress", url="https://h.example", rank=20, external=True)


@pytest.mark.parametrize(
    ("candidates", "external", "best", "warning"),
    [
        ([INSIDE, SECURE], False, SERVICE, None),
        ([INSIDE, SECURE], True, "https://w.example", None),
        ([SECURE, TUNNEL], False, "https://w.example", None),
        ([TUNNEL, CLEAR], False, "http://192.0.2.1", "not encrypted"),
        ([UNSURE], True, "https://u.example", "is not known whether"),
        ([TUNNEL, UNSHARED], False, SERVICE, "inside the cluster only"),
        ([FAILED, SECURE], False, "https://w.example", None),
        ([FAILED, UNSURE], True, "https://u.example", "is not known whether"),
        ([FAILED], False, SERVICE, "   ingress: HTTP 404"),
        ([], False, SERVICE, "inside the cluster only"),
    ],
)
def test_best_and_warnings(candidates, external, best, warning):
    endpoints = EndpointList(TARGET, candidates, [], SERVICE)
    assert endpoints.best(external=external) == best
    warnings = "\n".join(endpoints.warnings(best))
    assert warning in warnings if warning else not warnings


def test_a_url_that_failed_is_printed_with_a_warning_and_never_as_external():
    endpoints = EndpointList(TARGET, [FAILED], [], None)
    assert endpoints.best(external=False) == "https://f.example"
    assert endpoints.warnings("https://f.example") == ["Warning: this URL was tried, and failed: HTTP 404"]
    with pytest.raises(NotFoundError) as caught:
        endpoints.best(external=True)
    assert caught.value.hints[0] == "ingress: HTTP 404"
    entries = EndpointList(TARGET, [FAILED, SECURE], [], SERVICE).as_data("x", external=False)["ways"]
    assert [entry["problem"] for entry in entries] == [None, "HTTP 404"]


def test_why_nothing_else_is_reachable_is_shown():
    warnings = EndpointList(TARGET, [], [("cluster-dns", ConnectError("x", "no such host"))], SERVICE).warnings(SERVICE)
    assert "   cluster-dns: no such host" in warnings


@pytest.mark.parametrize("service_url", [SERVICE, None])
def test_no_external_endpoint(service_url):
    failures = [
        ("a", ConnectError("http://x", "no address yet", "and so on")),
        ("b", KaitoError("broken")),
    ]
    with pytest.raises(NotFoundError) as caught:
        EndpointList(TARGET, [TUNNEL, UNSHARED], failures, service_url).best(external=True)
    assert caught.value.hints[:3] == (
        "ingress: https://h.example works for kaito, but not for other programs",
        "a: no address yet; and so on",
        "b: broken",
    )
    assert caught.value.hints[-1] == (
        "To open a local port: kaito forward "
        "--workspace-name 'inferenceset/my set' -n ns --context prod --kubeconfig '/a b'"
    )


def test_json_data():
    endpoints = EndpointList(TARGET, [INSIDE, TUNNEL, UNSHARED], [("b", KaitoError("broken"))], SERVICE)
    data = endpoints.as_data(SERVICE, external=False)
    assert [(entry["backend"], entry["shared"], entry["external"], entry["tls"]) for entry in data["ways"]] == [
        ("dns", True, False, False),
        ("tunnel", False, False, False),
        ("ingress", False, True, True),
    ]
    assert data["failures"] == [{"backend": "b", "reason": "broken"}]
    assert [entry["backend"] for entry in endpoints.as_data(SERVICE, external=True)["ways"]] == ["ingress"]
