"""The choice of the best endpoint for other programs."""

import pytest

from kaito.cli.get_endpoint import EndpointList
from kaito.errors import ConnectError, KaitoError, NotFoundError
from kaito.types import Candidate

SERVICE = "http://w.ns.svc.cluster.local"
INSIDE = Candidate(backend="dns", url=SERVICE, rank=10, shared=True)
SECURE = Candidate(backend="ingress", url="https://w.example/v1/", rank=20, shared=True, external=True)
TUNNEL = Candidate(backend="tunnel", url="pod w-0", rank=30)
CLEAR = Candidate(backend="ingress", url="http://192.0.2.1", shared=True, external=True)
UNSURE = Candidate(backend="ingress", url="https://u.example", shared=True, external=True)
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
        ([], False, SERVICE, "inside the cluster only"),
    ],
)
def test_best_and_warnings(candidates, external, best, warning):
    endpoints = EndpointList(candidates, [], SERVICE)
    assert endpoints.best(external=external) == best
    warnings = "\n".join(endpoints.warnings(best))
    assert warning in warnings if warning else not warnings


@pytest.mark.parametrize("service_url", [SERVICE, None])
def test_no_external_endpoint(service_url):
    failures = [
        ("a", ConnectError("http://x", "no address yet", "and so on")),
        ("b", KaitoError("broken")),
    ]
    with pytest.raises(NotFoundError) as caught:
        EndpointList([TUNNEL, UNSHARED], failures, service_url).best(external=True)
    assert caught.value.hints[:3] == (
        "ingress: https://h.example works for kaito, but not for other programs",
        "a: no address yet; and so on",
        "b: broken",
    )


def test_json_data():
    endpoints = EndpointList([INSIDE, TUNNEL, UNSHARED], [("b", KaitoError("broken"))], SERVICE)
    data = endpoints.as_data(SERVICE, external=False)
    assert [(entry["backend"], entry["shared"], entry["external"], entry["tls"]) for entry in data["ways"]] == [
        ("dns", True, False, False),
        ("tunnel", False, False, False),
        ("ingress", False, True, True),
    ]
    assert data["failures"] == [{"backend": "b", "reason": "broken"}]
    assert [entry["backend"] for entry in endpoints.as_data(SERVICE, external=True)["ways"]] == ["ingress"]
