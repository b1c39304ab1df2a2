"""What counts as a secret in the file."""

import pytest

from kaito.util.secret_names import is_secret_name, secret_field, secret_header, secret_in_url, without_secret

SECRETS = [
    "api-key",
    "api_key",
    "apiKey",
    "API_KEY",
    "apikey",
    "token",
    "hf_token",
    "accessToken",
    "db-password",
    "secret",
    "authorization",
    "credentials",
    "private-key",
    "access-key",
    "X-Auth-Token",
    "Cookie",
    "passwd",
    "jwt",
]
OTHERS = [
    "api-key-file",
    "max-tokens",
    "stop_token_ids",
    "min_tokens",
    "key",
    "keys",
    "monkey",
    "tokenizer",
    "author",
    "top-k",
    "secretary",
    "certificate-authority",
    "password-file",
    "X-Team",
    "-",
    "ü",
]


@pytest.mark.parametrize(
    "name",
    SECRETS,
)
def test_names_of_secrets(name):
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    OTHERS,
)
def test_other_names(name):
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Authorization: x", "Authorization"),
        ("proxy-authorization: x", "proxy-authorization"),
        ("Cookie: a=b", "Cookie"),
        ("X-Api-Key: x", "X-Api-Key"),
        ("Ocp-Apim-Subscription-Key: x", "Ocp-Apim-Subscription-Key"),
        ("X-Amz-Security-Token: x", "X-Amz-Security-Token"),
        ("Private-Token:x", "Private-Token"),
        ("X-Any: Bearer abc", "X-Any"),
        ("X-Any: basic abc", "X-Any"),
        ("X-Team: a", None),
        ("X-Basic: basics", None),
        ("@Authorization: x", None),
        ("no colon token", None),
    ],
)
def test_headers(header, name):
    assert secret_header(header) == name


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://me:pw@host", "a password"),
        ("https://me@host/v1", "a password"),
        ("me:pw@host", "a password"),
        ("https://host?key=x", "the parameter 'key'"),
        ("https://host?a=1&Api-Key=x", "the parameter 'Api-Key'"),
        ("https://host?access_token", "the parameter 'access_token'"),
        ("https://host?api-version=1", None),
        ("https://host/@x?mail=a@b", None),
        ("http://[::1", None),
        ("", None),
    ],
)
def test_urls(url, what):
    assert secret_in_url(url) == what


def test_fields_of_json():
    assert secret_field('{"a": [{"api_key": 1}]}') == "api_key"
    assert secret_field('{"a": {"b": 1}}') is None
    assert secret_field("not JSON api_key") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        *[(text, "api_key…") for text in ("api_key:s3cret", "api_key s3cret", "api_key=s3cret=", "api_key, s3cret")],
        *[
            ("my.password=s3cret", "my.password…"),
            ("my password: s3cret", "my password…"),
            ("x API KEY s", "x API KEY…"),
        ],
        *[(text, text) for text in ("api_key", "password", "two words", "monkey: 3", "=x", "", "é=x", "a" * 99 + "=b")],
        ("- " * 50_000, "- " * 50_000),
    ],
)
def test_a_text_ends_after_the_name_of_a_secret(text, shown):
    assert without_secret(text) == shown
