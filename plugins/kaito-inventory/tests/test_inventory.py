"""The file: what is accepted, and which fault is named."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kaito_inventory.inventory import InventoryError, read_inventory

from kaito import KaitoError

ENTRY = {"name": "llama", "url": "https://llm.example.com/v1"}


def test_all_fields(write):
    path = write(
        ENTRY
        | {
            "model": "llama-3.1-8b",
            "description": "The team's",
            "api-key-file": "keys/llama",
            "headers": {"X-Team": "search"},
            "header-files": {"X-Api-Key": "/etc/key"},
            "certificate-authority": "ca.pem",
        }
    )
    [entry] = read_inventory(str(path)).entries
    assert (entry.name, entry.model, entry.description) == ("llama", "llama-3.1-8b", "The team's")
    inventory = read_inventory(str(path))
    assert inventory.file(entry.api_key_file) == path.parent / "keys/llama"
    assert str(inventory.file("/etc/key")) == "/etc/key"
    assert entry.headers == {"X-Team": "search"}


def test_an_anchor_repeats_what_entries_share(write):
    path = write(
        text="""
        endpoints:
          - &shared {name: a, url: "http://a", headers: {X-Team: search}}
          - {<<: *shared, name: b}
        """
    )
    assert [entry.headers for entry in read_inventory(str(path)).entries] == [{"X-Team": "search"}] * 2


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"name": None}, "endpoints[0].name: it is missing"),
        ({"name": 1}, "endpoints[0].name: expected str, got int"),
        ({"name": "A_b"}, "endpoints[0].name: expected str matching regex"),
        ({"url": None}, "endpoints[0].url: it is missing"),
        ({"url": "llm.example.com"}, "endpoints[0].url: expected an http:// or https:// URL"),
        ({"url": "ftp://llm.example.com"}, "endpoints[0].url: expected an http:// or https:// URL"),
        ({"url": "http://[::1"}, "endpoints[0].url: expected an http:// or https:// URL"),
        ({"url": "http://a:99999"}, "endpoints[0].url: expected an http:// or https:// URL"),
        ({"url": "http://a b"}, "endpoints[0].url: expected an http:// or https:// URL"),
        ({"url": "http://me:hunter2@a"}, "endpoints[0].url: it must not hold a user or a password"),
        ({"url": "http://a?api_key=hunter2"}, "endpoints[0].url: its query may hold a secret"),
        ({"headers": {"Authorization": "hunter2"}}, "endpoints[0].headers.Authorization: it may be a secret"),
        ({"headers": {"x-api-key": "hunter2"}}, "endpoints[0].headers.x-api-key: it may be a secret"),
        ({"headers": {"X-Team": "hunter2\nX: y"}}, "endpoints[0].headers.X-Team: its value is not printable ASCII"),
        ({"headers": {"X Team": "search"}}, "endpoints[0].headers: a header cannot have this name"),
        ({"header-files": {"": "key"}}, "endpoints[0].header-files: a header cannot have this name"),
        ({"api-key": "hunter2"}, "endpoints[0]: object contains unknown field api-key"),
    ],
)
def test_a_fault_is_named_with_its_field_and_without_its_value(write, entry, fault):
    entry = {name: value for name, value in {**ENTRY, **entry}.items() if value is not None}
    path = write(entry)
    with pytest.raises(InventoryError) as caught:
        read_inventory(str(path))
    assert caught.value.message.startswith(f"The inventory '{path}' cannot be used: {fault}")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "expected object, got null"),
        ("- a", "expected object, got array"),
        ("endpoints: {}", "endpoints: expected array, got object"),
        ("other: []", "object contains unknown field other"),
        ("endpoints: []\nmore: 1", "object contains unknown field more"),
        ("{}", "endpoints: it is missing"),
        ("endpoints: [", "it is not valid YAML (line 2)"),
        ("endpoints: [{name: a, url: 'http://a'}, {name: a, url: 'http://b'}]", "endpoints[1].name: another entry"),
        ("[" * 1000, "it is nested too deeply (line 1)"),
        ("x" * 300_000, "it is larger than 256 KiB"),
    ],
)
def test_a_file_that_is_no_inventory(write, text, fault):
    path = write(text=text)
    with pytest.raises(InventoryError) as caught:
        read_inventory(str(path))
    assert caught.value.message.startswith(f"The inventory '{path}' cannot be used: {fault}")


def test_an_unknown_home_folder():
    with pytest.raises(InventoryError, match="cannot be used: the home folder is unknown"):
        read_inventory("~nobody-here/x")


@pytest.mark.parametrize(
    ("field", "name", "reason"),
    [
        *(
            (field, "~nobody-here/x", "the home folder is unknown")
            for field in ("api-key-file", "certificate-authority")
        ),
        *((field, "a\0b", "") for field in ("api-key-file", "certificate-authority")),
    ],
)
def test_a_file_of_an_entry_that_cannot_exist(write, field, name, reason):
    inventory = read_inventory(str(write(ENTRY | {field: name})))
    [entry] = inventory.entries
    read = inventory.secret_headers if field == "api-key-file" else inventory.trusted
    with pytest.raises(KaitoError, match=f"Endpoint 'llama' of the inventory: .*{reason}"):
        read(entry)


def test_a_file_that_everybody_can_write(write):
    path = write(ENTRY)
    path.chmod(0o666)
    with pytest.raises(InventoryError, match="every user can write it; 'chmod o-w"):
        read_inventory(str(path))
    path.chmod(0o664)
    assert read_inventory(str(path)).names() == "llama"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["http://a?b=1", "http://é"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "url", "headers"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    st.binary(max_size=200)
    | st.lists(VALUES, max_size=3).map(lambda each: yaml.safe_dump({"endpoints": each}).encode())
)
def test_any_file_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        inventory = read_inventory(str(path))
    except InventoryError:
        pass
    else:
        assert all(entry.url.startswith(("http://", "https://")) for entry in inventory.entries)
