"""Objects are checked against the schema that a cluster publishes."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.subcommands.deploy.schema_check import Fault, faults
from kaito.subcommands.deploy.served_schema import Definition, Schema

SCHEMA = {
    "type": "object",
    "required": ["resource"],
    "properties": {
        "metadata": {"allOf": [{"$ref": "#/components/schemas/meta"}]},
        "resource": {
            "type": "object",
            "properties": {
                "count": {"type": "integer", "minimum": 1, "maximum": 3},
                "kind": {"type": "string", "enum": ["a", "b"], "maxLength": 1},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "strict": {"type": "boolean"},
                "share": {"type": "number"},
            },
        },
        "list": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "template": {"x-kubernetes-preserve-unknown-fields": True},
        "anything": {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
    },
}
META = {"type": "object", "properties": {"name": {"type": "string"}}}
RESOURCE = {"count": 2, "kind": "a", "labels": {"x": "y"}, "strict": True, "share": 0.5}


def definition(schema=SCHEMA, others=None):
    convert = msgspec.convert
    others = {name: convert(one, Schema) for name, one in ({"meta": META} if others is None else others).items()}
    return Definition("v1", convert(schema, Schema), others)


def found(item):
    return [f"{fault.field} {fault.reason}" for fault in faults(item, definition())]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"resource": RESOURCE, "metadata": {"name": "a"}, "list": [{"name": "b"}]}, []),
        ({"resource": {}, "template": {"spec": {"any": [1]}}, "anything": {"a": 1, "b": 2}}, []),
        ({}, ["resource is missing"]),
        ({"resource": {"cuont": 1}}, ["resource.cuont does not exist"]),
        ({"resource": {}, "metadata": {"nmae": "a"}}, ["metadata.nmae does not exist"]),
        ({"resource": {"count": "1"}}, ["resource.count is not of type integer"]),
        ({"resource": {"count": True}}, ["resource.count is not of type integer"]),
        ({"resource": {"count": False}}, ["resource.count is not of type integer"]),
        ({"resource": {"share": False}}, ["resource.share is not of type number"]),
        ({"resource": {"strict": "yes"}}, ["resource.strict is not of type boolean"]),
        ({"resource": {"count": 0}}, ["resource.count is less than 1"]),
        ({"resource": {"count": 4}}, ["resource.count is more than 3"]),
        ({"resource": {"kind": "c"}}, ["resource.kind is not one of a, b"]),
        ({"resource": {"labels": {"x": 1}}}, ["resource.labels.x is not of type string"]),
        ({"resource": {}, "list": []}, ["list has fewer than 1 entries"]),
        ({"resource": {}, "list": [{"name": "a"}, {}, {"nane": 1}]}, [
            "list has more than 2 entries",
            "list[1].name is missing",
            "list[2].name is missing",
            "list[2].nane does not exist",
        ]),
        ({"resource": []}, ["resource is not of type object"]),
    ],
)  # fmt: skip
def test_faults(item, expected):
    assert found(item) == expected


def test_without_a_schema_nothing_is_wrong():
    assert faults({"a": 1}, Definition("v1")) == []


def test_circular_references_end():
    circle = {"allOf": [{"$ref": "#/components/schemas/other"}], "properties": {"a": {"type": "string"}}}
    checked = definition(circle, {"other": {"$ref": "#/components/schemas/other"}})
    assert faults({"a": 1}, checked) == [Fault("a", "is not of type string")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*SCHEMA, "$ref", "x"]), inner),
    max_leaves=20,
)


@given(JSON, JSON)
def test_any_schema_and_any_object_end(schema, item):
    with suppress(msgspec.ValidationError):
        checked = definition(schema, {"x": schema})
        faults({"resource": item}, checked)
