"""YAML as kubectl reads it, and the bounds of what is read."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from contextlib import suppress

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.auth.kubeconfig import load_context
from kaito.errors import UsageError
from kaito.util import yaml_reader
from kaito.util.limits import CONFIG_FILE
from kaito.util.yaml_reader import YamlError, decode_yaml, read_yaml


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request, monkeypatch):
    """Use libyaml's loader, and PyYAML's own, which is there when libyaml is not."""
    monkeypatch.setattr(yaml_reader, "_Loader", getattr(yaml, request.param))


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [x, ~, yes, 1.5]", {"a": 1, "b": ["x", None, True, 1.5]}),
        ("[y, 'y', 2024-01-01, 12:30:45, 0o7, 010, 0x1F, 1_000, 1e3, .5]",
         [True, "y", "2024-01-01", "12:30:45", 7, 8, 31, 1000, 1000.0, 0.5]),
        ("a: null\nb: ~\nc:\nd: x", {"d": "x"}),
        ("1: a\ntrue: b\n1.5: c", {"1": "a", "true": "b", "1.5": "c"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: 1\n---\n}", {"a": 1}),
        ("", None),
    ],
)  # fmt: skip
def test_values(text, expected):
    assert read_yaml(text.encode()) == expected


def nested(levels):
    return "a: " + "[" * levels + "]" * levels


BOMB = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{','.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
ENDLESS = ("[", "{", "{a: ", "- ", "? ", "x, ", "&a ", "!", "*", "a:", "- x\n", "#\n", "\n", "%TAG !a! x\n", "'", "x", "1", "- &a x\n")  # fmt: skip


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    "text",
    [
        "a: \0",
        "a: \x1b[31m",
        "\x7f",
        "\ufffe",
        BOMB,
        "a: &a [*a]",
        nested(1000),
        nested(100_000),
        "? [a]\n: b",
        "<<: 1",
    ],
)
def test_refused(text):
    with pytest.raises(YamlError):
        read_yaml(text.encode())


@pytest.mark.parametrize("part", ENDLESS)
def test_the_largest_files_take_little_time_and_memory(part):
    data = (part * (CONFIG_FILE // len(part))).encode()
    began = time.process_time()
    tracemalloc.start()
    try:
        read_yaml(data)
    except YamlError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8 * CONFIG_FILE
    assert time.process_time() - began < 10  # a second without tracing


def test_a_string_that_aliases_repeat_has_a_limit():
    text = f"a: &a {'x' * 1_000_000}\nb: [{'*a,' * 100}]"
    with pytest.raises(YamlError, match="too many values"):
        read_yaml(text.encode())


VALID = {
    "current-context": "a",
    "clusters": [{"name": "c", "cluster": {"server": "https://h", "certificate-authority-data": "QQ=="}}],
    "users": [
        {
            "name": "u",
            "user": {
                "as": "jo",
                "as-groups": ["g"],
                "as-user-extra": {"k": ["v"]},
                "exec": {
                    "command": "x",
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "interactiveMode": "Never",
                    "args": ["a"],
                    "env": [{"name": "A", "value": "b"}],
                },
            },
        }
    ],
    "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def paths(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(each, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    changed = value.copy()
    changed[path[0]] = replaced(value[path[0]], path[1:], new)
    return changed


@given(st.sampled_from([*paths(VALID)]), JUNK)
def test_a_kubeconfig_with_any_change_is_read_or_refused(tmp_path_factory, path, junk):
    file = tmp_path_factory.getbasetemp() / "mutated"
    file.write_text(json.dumps(replaced(VALID, path, junk)))
    with suppress(UsageError):
        load_context(str(file), None, {})


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "bytes"
    file.write_bytes(data)
    with suppress(UsageError):
        load_context(str(file), None, {})


class Settings(msgspec.Struct):
    """What a reader of YAML may declare."""

    names: tuple[str, ...] = ()


def test_decoded_into_a_type():
    assert decode_yaml(b"names: [a, b]\nother: 1\n", Settings) == Settings(names=("a", "b"))
    assert decode_yaml(b"names: null\n", Settings) == Settings()
    assert decode_yaml(b"{}", Settings) == Settings()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"names: [a, 1]", "names[1]: expected str, got int"),
        (b"names: [", "it is not valid YAML"),
        (b"- a", "expected object, got array"),
        (b"", "expected object, got null"),
        (b"\xff", "it is not UTF-8 text"),
        (b"[" * 1000, "it is nested too deeply (line 1)"),
    ],
)
def test_not_of_the_type(data, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        decode_yaml(data, Settings)
