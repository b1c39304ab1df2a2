"""The base URL of an endpoint."""

import pytest

from kaito.types import Endpoint


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://host", "http://host"),
        ("http://host/", "http://host"),
        ("http://host/v1", "http://host"),
        ("http://host/v1/", "http://host"),
        ("http://host//v1//", "http://host"),
        ("http://host/prefix/v1", "http://host/prefix"),
        ("http://host/v1?api-key=secret", "http://host"),
        ("http://host/v10", "http://host/v10"),
        ("http://host/a%2Fb/v1", "http://host/a%2Fb"),
    ],
)
def test_the_base_has_no_version_no_query_and_no_trailing_slash(url, base):
    assert Endpoint(url=url, shown_url=url, label="host").base == base
