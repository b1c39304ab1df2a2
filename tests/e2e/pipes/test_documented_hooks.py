"""The example in each hook's docstring, run; and the order of the hooks, as the diagram of docs/plugins.md has it."""

import inspect
import re
import textwrap

import pytest

from kaito import hookspecs
from tests.documentation import PLUGINS

HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("kaito_")}


def example_of(hook):
    """Return the example of a hook's docstring."""
    [source] = re.findall(r"^Example::\n\n((?:    .*\n?|\n)+)", inspect.getdoc(HOOKS[hook]) or "", re.MULTILINE)
    return textwrap.dedent(source)


@pytest.fixture
def run(kaito, plugin, model_server, tmp_path):
    """Run kaito with the example of a hook."""

    def run(hook, command, *arguments, **options):
        file = plugin(example_of(hook).replace("http://lab:8000", model_server.url))
        return kaito(command, "--plugin", file, *arguments, cwd=tmp_path, **options)

    return run


def test_each_hook_has_an_example():
    for hook in HOOKS:
        assert "@hookimpl" in example_of(hook)


def test_kaito_add_options(run):
    assert re.search(
        r"--team NAME +Whose words to hide \(default all\)", run("kaito_add_options", "chat", "--help").out
    )


def test_kaito_backends(run):
    assert run("kaito_backends", "chat", "--backend", "lab", "-m", "Hi").out == "Assistant: Hi\n"


def test_kaito_formatters(run, model_server):
    outcome = run("kaito_formatters", "chat", "--endpoint", model_server.url, "-o", "loud", "-m", "Hi")
    assert outcome.out == "HI\n"


def test_kaito_slash_commands(run, model_server):
    outcome = run("kaito_slash_commands", "chat", "--endpoint", model_server.url, stdin="/shout Hi\n/help shout\n")
    assert outcome.out.startswith("Assistant: HI\n/shout TEXT")
    assert "Send a message in capitals." in outcome.out


def test_kaito_commands(run):
    assert run("kaito_commands", "hello").out == "hello: world\n"
    assert run("kaito_commands", "hello", "-o", "json").out == '{\n  "hello": "world"\n}\n'


def test_kaito_request(run, model_server):
    outcome = run("kaito_request", "chat", "--endpoint", model_server.url, "-m", "It is confidential")
    assert (outcome.code, model_server.chats) == (1, [])
    assert outcome.err == "❌ Error: The text is confidential\n   Leave it out\n"
    assert run("kaito_request", "chat", "--endpoint", model_server.url, "-m", "Hi").code == 0
    assert model_server.chats[-1].body["user"] == "team-a"


def test_kaito_reply(run, model_server, tmp_path):
    assert run("kaito_reply", "chat", "--endpoint", model_server.url, stdin="Hi\nOne two\n").code == 0
    assert (tmp_path / "tokens.log").read_text() == "test-model complete 1\ntest-model complete 2\n"


def test_the_diagram_has_the_hooks_in_the_order_of_their_calls(kaito, model_server, tmp_path, monkeypatch):
    [diagram] = re.findall(r"```\n(kaito chat .+?)```", PLUGINS, re.DOTALL)
    shown = list(dict.fromkeys(re.findall(r"kaito_\w+", diagram)))
    assert set(shown) == set(HOOKS)
    site, log = tmp_path / "site", tmp_path / "log"
    source = f"from kaito import hookimpl\ndef note(hook):\n    open({str(log)!r}, 'a').write(hook + '\\n')\n"
    for hook in HOOKS:
        source += f"@hookimpl\ndef {hook}():\n    note('{hook}')\n"
    (site / "every-1.0.dist-info").mkdir(parents=True)
    (site / "every.py").write_text(source)
    (site / "every-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: every\nVersion: 1.0\n")
    (site / "every-1.0.dist-info/entry_points.txt").write_text("[kaito]\nevery = every\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    outcome = kaito("chat", "--endpoint", model_server.url, stdin="Hi\n/tokens\nHi\n", plugins="every")
    assert (outcome.code, outcome.err) == (0, "")
    called = log.read_text().split()
    assert list(dict.fromkeys(called)) == shown
    # Each turn, and for /tokens; the others once.
    assert called[len(HOOKS) - 2 :] == ["kaito_request", "kaito_reply", "kaito_request", "kaito_request", "kaito_reply"]
