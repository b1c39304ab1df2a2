"""The subcommand, its output, and its errors."""

import json

from kaito.testing import Say


def test_it_asks(kaito, model_server):
    model_server.enqueue(Say("one"), Say("two"))
    outcome = kaito("{{ cookiecutter.name }}", "--endpoint", model_server.url, "--times", "2", "-o", "json")
    assert outcome.code == 0
    assert [row["answer"] for row in json.loads(outcome.out)] == ["one", "two"]


def test_an_invalid_value(kaito):
    outcome = kaito("{{ cookiecutter.name }}", "--times", "often")
    assert outcome.code == 2
    assert outcome.err.startswith("❌ Error: --times: 'often'")


def test_the_help(kaito):
    assert "kaito {{ cookiecutter.name }} --endpoint" in kaito("{{ cookiecutter.name }}", "--help").out
