"""`kaito inventory`."""

from __future__ import annotations

import json


def test_the_list(kaito, write_default, secret):
    write_default(
        {"name": "llama", "url": "https://a/v1?version=1", "model": "m", "description": "The team's"},
        {"name": "phi", "url": "http://b", "api-key-file": secret("phi.key")},
        {"name": "old", "url": "http://c", "api-key-file": "missing.key"},
    )
    outcome = kaito("inventory", "-o", "json")
    assert (outcome.code, outcome.err) == (0, "")
    llama, phi, old = json.loads(outcome.out)
    assert llama == {
        "name": "llama",
        "url": "https://a/v1",
        "model": "m",
        "key": False,
        "problem": None,
        "description": "The team's",
    }
    assert (phi["key"], phi["problem"]) == (True, None)
    assert old["problem"].endswith("missing.key': No such file or directory")
    lines = kaito("inventory").out.splitlines()
    assert lines[0].split() == ["NAME", "URL", "MODEL", "KEY", "PROBLEM", "DESCRIPTION"]
    assert lines[1].split()[:5] == ["llama", "https://a/v1", "m", "no", "-"]


def test_another_file(kaito, write):
    file = write()
    outcome = kaito("inventory", "--inventory", str(file))
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == f"The inventory '{file}' has no endpoints\n"
    assert kaito("inventory", "--inventory", str(file), "-o", "json").out == "[]\n"
    assert kaito("inventory", "--inventory", "/missing").code == 2


def test_none(kaito):
    outcome = kaito("inventory")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("❌ Error: There is no inventory: ")


def test_kaito_lists_it(kaito):
    assert "Commands of plugins:\n  inventory\n" in kaito("--help").out
