"""Which targets of requests are sent on."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.forward.request_targets import Target, safe_target


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("/", Target("/")),
        ("/v1/models", Target("/v1/models")),
        ("/v1/models?a=%2F..&b=../x", Target("/v1/models?a=%2F..&b=../x")),
        ("/v1/models/org%2Fname.v1..2", Target("/v1/models/org%2Fname.v1..2")),
        ("/v1/.well-known/...", Target("/v1/.well-known/...")),
        ("/v1/100%25", Target("/v1/100%25")),
        ("/v1/%E4%BD%A0%F0%9F%A4%96", Target("/v1/%E4%BD%A0%F0%9F%A4%96")),
        ("http://x:1/v1/models?a=b", Target("/v1/models?a=b", "x:1")),
        ("http://x", Target("/", "x")),
    ],
)
def test_targets_that_are_sent_on(raw, target):
    assert safe_target(raw) == target


@pytest.mark.parametrize(
    "raw",
    [
        *("*", "", "v1", "ftp://x/v1", "//x/v1", "http://x//y", "http://[/", "localhost:80"),
        *("/v1/../x", "/v1/./x", "/..", "/v1/..", "/v1/..?a", "/v1/..;a=b/x", "/v1/..;/x", "/.%2e/x", "/%2E%2e/x"),
        *("/v1/%252e%252e/x", "/v1/%25252E%25252e/x", "/%" + "25" * 30 + "2e./x", "/v1/..%2fx", "/v1%2f..%252Fx"),
        *("/v1\\..\\x", "/v1/..\\x", "/v1/%5c..%5Cx", "/v1/%255C..%255cx", "/%5c%5cevil/x", "/\\evil", "/%2F%2Fevil"),
        *("/v1/%2e%2e%20/x", "/v1/%20../x", "/v1/\uff0e\uff0e/x", "/v1/%EF%BC%8E%EF%BC%8E/x", "/v1/%E2%80%A5/x"),
        *("/v1/..%EF%BC%8Fx", "/v1/..%E2%88%95x", "/v1/%c0%ae%c0%ae/x", "/v1/%u002e%u002e/x", "/v1/%25u002e./x"),
        *("/v1/%00", "/v1/x%00.json", "/v1/%2500", "/v1/%252500", "/v1/x?a=%00", "/v1/x?a=%2500", "/v1/%0d%0aX:1"),
        *("/v1/%", "/v1/%2", "/v1/%zz", "/v1/x#/../y", "/v1/\xe9", "/v1/a b", "/v1/\udce9", "/v1/%ff", "/v1/\x00"),
    ],
)
def test_targets_that_are_refused(raw):
    assert safe_target(raw) is None


def encoded(text, depth, choose):
    """Encode a text `depth` times; each time, each of its characters or not."""
    for _ in range(depth):
        text = "".join(
            f"%{ord(each):02{choose.choice('xX')}}" if each == "%" or choose.random() < 0.7 else each for each in text
        )
    return text


@given(
    before=st.sampled_from(["", "v1", "v1/models"]),
    slash=st.sampled_from(["/", "\\"]),
    dots=st.sampled_from([".", "..", "..;x"]),
    after=st.sampled_from(["", "x", "api/v1/secrets"]),
    depth=st.integers(0, 8),
    seed=st.integers(),
)
def test_a_dot_segment_in_any_encoding_is_refused(before, slash, dots, after, depth, seed):
    inner = encoded(f"{slash}{dots}{slash if after else ''}{after}", depth, random.Random(seed))
    assert safe_target(f"/{before}{inner}" if before else f"/x{inner}") is None


@given(depth=st.integers(0, 8), seed=st.integers(), query=st.booleans())
def test_a_null_in_any_encoding_is_refused(depth, seed, query):
    null = encoded("%00", min(depth, 4), random.Random(seed)) if query else encoded("%00", depth, random.Random(seed))
    assert safe_target(f"/v1/x{'?a=' if query else ''}{null}") is None


@given(st.text(max_size=60))
def test_any_text_is_judged(text):
    target = safe_target(f"/{text}")
    assert target is None or target.path == f"/{text}"
