"""Addresses of redirects in messages."""

import pytest

from kaito.cluster.api_errors import api_error
from kaito.net.redirects import shown_location


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://user:secret@host/login?token=secret#secret", "https://host/login"),
        ("/login?next=/x", "/login"),
        ("", "another address"),
        ("//secret@host", "//host"),
        ("https://[bad", "an address that is not valid"),
        ("https://host/\x1b[31mred\r\nX: y", "https://host/redX: y"),
        ("https://host/" + "a" * 7_000_000, "https://host/" + "a" * 287),
    ],
)
def test_no_secret_and_no_control_sequence_is_shown(location, shown):
    assert shown_location(location) == shown
    assert "secret" not in api_error(302, {"Location": location}, b"").message
