"""The line below the banner that says where the chat is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.console.location_line import location_line
from kaito.console.width import width
from kaito.types import Endpoint, Location
from kaito.util.sanitize import UNSAFE

PLACE = [("context", "kind-dev"), ("namespace", "team-a"), ("backend", "port-forward")]
EKS = [("context", "arn:aws:eks:eu-west-1:123456789012:cluster/production"), *PLACE[1:]]


@pytest.mark.parametrize(
    ("place", "columns", "line"),
    [
        (PLACE, 79, "(context kind-dev, namespace team-a, backend port-forward)"),
        (PLACE, 39, "(kind-dev, team-a, port-forward)"),
        (EKS, 79, "(context arn:aws:eks:eu-we…12:cluster/production, namespace team-a, backend port-forward)"),
        (EKS, 39, "(arn:aws:ek…duction, team-a, port-forward)"),
        ([("host", "localhost:8080"), ("backend", "url")], 39, "(host localhost:8080, backend url)"),
        ([("host", "a\x1b[2Jb\nc")], 39, "(host ab c)"),
        ([], 39, ""),
    ],
)
def test_the_line_names_what_exists_and_fits(place, columns, line):
    shown = location_line(place, columns)
    assert width(shown) <= columns
    if len(line) <= columns:
        assert shown == line
    else:  # a long context loses its middle
        assert shown.startswith(line[:8])
        assert "…" in shown
        assert shown.endswith(("backend port-forward)", "team-a, port-forward)"))


@given(
    st.lists(st.tuples(st.sampled_from(["context", "namespace", "host"]), st.text()), max_size=4), st.integers(20, 90)
)
def test_it_always_fits(place, columns):
    line = location_line(place, columns)
    assert width(line) <= columns
    assert not UNSAFE.search(line)


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (Location(), {"host": "lab:8000"}),
        (Location(host="the lab"), {"host": "the lab"}),
        (Location(namespace="a", context="kind"), {"context": "kind", "namespace": "a"}),
        (Location(namespace="a", server="x"), {"context": "in-cluster", "namespace": "a"}),
        (Location(context="kind"), {"context": "kind"}),
    ],
)
def test_the_place_of_an_endpoint(location, place):
    endpoint = Endpoint(url="http://x", shown_url="http://me:secret@lab:8000/v1", label="x", location=location)
    assert dict(endpoint.place) == place
