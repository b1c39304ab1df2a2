"""JSON schemas: what matches them, and that no answer can freeze the check."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.util.json_schema import Fault, first_fault, schema_fault

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, -1.0, 0.5]) | st.text(max_size=1)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=1), inner)
)


@given(st.lists(VALUES, max_size=4))
def test_elements_are_equal_as_the_package_finds_them(values):
    from jsonschema import Draft202012Validator

    schema = {"uniqueItems": True}
    assert (first_fault(schema, values) is None) == Draft202012Validator(schema).is_valid(values)


def test_many_elements_and_many_faults_are_checked_in_a_moment():
    started = time.thread_time()
    values = [{"a": number} for number in range(20_000)]
    assert first_fault({"uniqueItems": True}, values) is None
    assert first_fault({"items": {"type": "string"}}, values) is not None
    assert time.thread_time() - started < 10  # a tenth of a second if each element is looked at once


def test_the_place_of_a_fault():
    schema = {"properties": {"a b": {"items": {"const": 1}}}}
    assert first_fault(schema, {"a b": [1, 2]}) == Fault("$['a b'][1]", "1 was expected")


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        (
            {"$ref": "http://127.0.0.1:9/x.json"},
            1,
            "the schema refers to 'http://127.0.0.1:9/x.json', which is not in it",
        ),
        ({"$ref": "#/$defs/x"}, 1, "the schema refers to '/$defs/x', which is not in it"),
        ({"multipleOf": 0.1}, 10**400, "a number is too large to be compared"),
        ({"$ref": "#"}, 1, "it is nested too deeply"),
    ],
)
def test_a_check_that_cannot_be_made_is_a_fault(schema, value, reason):
    assert first_fault(schema, value) == Fault("$", reason)


def test_the_draft_is_that_of_the_schema():
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}
    assert schema_fault(old) is None
    assert first_fault(old, 1) is not None
    assert schema_fault({**old, "$schema": "https://json-schema.org/draft/2020-12/schema"}) is not None
    assert first_fault({"$ref": "https://json-schema.org/draft/2020-12/schema"}, {"type": "object"}) is None
