from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.util.decoding import DecodeError, check_values, convert, decode_json


class Port(msgspec.Struct):
    port: int
    name: str = ""


class Service(msgspec.Struct):
    name: str
    ports: list[Port] = []
    labels: dict[str, str] = {}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"name": 1}', "name: expected str, got int"),
        ('{"name": "a", "ports": [{"port": 1}, {"port": "x"}]}', "ports[1].port: expected int, got str"),
        ('{"name": "a", "ports": [{}]}', "ports[0].port: it is missing"),
        ("{}", "name: it is missing"),
        ("[]", "expected object, got array"),
        ("{", "it is not JSON"),
        ("", "it is not JSON"),
        ('{"name": "\\ud800"}', "it is not JSON"),
        (b'{"name": "\xff"}', "it is not UTF-8"),
        (b'{"name": "a", "ports": [{"port": "\xff"}]}', "it is not UTF-8"),
        (b"\xff", "it is not UTF-8"),
        ('{"other": ' + "[" * 100_000 + "]" * 100_000 + "}", "it is nested too deeply"),
        ('{"name": "a", "ports": [{"port": 1' + "0" * 5000 + "}]}", "ports[0].port: integer value out of range"),
        ('{"name": "a", "ports": [{"port": 1e999}]}', "ports[0].port: number out of range"),
    ],
)
def test_a_failure_names_the_field_and_the_reason(data, message):
    with pytest.raises(DecodeError) as caught:
        decode_json(data, Service)
    assert str(caught.value) == message


def test_null_counts_as_absent_and_unknown_fields_are_ignored():
    data = '{"name": "a", "labels": null, "ports": [null, {"port": 80, "name": null, "x": [1]}], "z": {"y": null}}'
    assert decode_json(data, Service) == Service(name="a", ports=[Port(port=80)])


def test_a_message_never_quotes_the_data():
    class Level(msgspec.Struct):
        level: msgspec.UnsetType | Any = None
        password: int = 0

    with pytest.raises(DecodeError) as caught:
        decode_json('{"password": "hunter2"}', Level)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_converted_value_is_checked_as_decoded_json_is():
    assert convert({"name": "a", "ports": [{"port": 1, "name": None}]}, Service).ports[0].name == ""
    with pytest.raises(DecodeError, match=r"labels\[\.\.\.\]: expected str, got int"):
        convert({"name": "a", "labels": {"x": 1}}, Service)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(DecodeError, match="too deeply"):
        convert(deep, Service)


@given(st.binary() | st.text())
def test_no_other_exception_comes_out(data):
    with suppress(DecodeError):
        decode_json(data, Service)


@pytest.mark.parametrize("unit", ["{}", "[]", "0", '""', "null"])
@pytest.mark.parametrize("encode", [str, str.encode])
def test_very_many_tiny_values_are_refused(unit, encode):
    data = encode('{"name":"a","x":[' + ",".join([unit] * 1_000_000) + "]}")
    with pytest.raises(DecodeError, match="it has too many values"):
        decode_json(data, Service)
    assert decode_json(data, Service, dense=True).name == "a"


@pytest.mark.parametrize("encode", [str, str.encode])
def test_a_text_may_have_any_number_of_commas(encode):
    name = '1,2,\\",' * 300_000
    assert decode_json(encode(f'{{"name":"{name}"}}'), Service).name == name.replace("\\", "")
    check_values(encode('"' + '\\"' * 200_000 + "," * 200_000))  # an open quote


def test_nulls_in_very_large_data_are_an_error():
    data = '{"name":"a","labels":null,"x":"' + "x" * 2 * 1024 * 1024 + '"}'
    with pytest.raises(DecodeError, match="labels: expected object, got null"):
        decode_json(data, Service)
