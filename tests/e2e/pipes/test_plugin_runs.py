"""Plugins in a running process: what they add, and how their failures are reported."""

import json
import re

import pytest

from kaito.testing import Say
from tests.e2e.pipes.formatter import FORMATTER


def test_a_formatter_gets_sanitized_text(chat, plugin, model_server):
    model_server.enqueue(Say("safe\x1b[31m"))
    source = FORMATTER.format(
        init="pass", feed="return repr(delta.content)", finish="return '|' + repr(reply.content) + '\\n'"
    )
    outcome = chat("--plugin", plugin(source), "-o", "odd", "-m", "x")
    assert (outcome.code, outcome.out, outcome.err) == (0, "'safe'|'safe'\n", "")


@pytest.mark.parametrize(
    ("broken", "out"),
    [
        ({"init": "raise ValueError('boom')"}, "Assistant: one two\n"),
        ({"feed": "raise ValueError('boom')"}, "Assistant: one two\n"),
        ({"finish": "raise ValueError('boom')"}, "one two\nAssistant: one two\n"),
    ],
)
def test_a_failing_formatter_is_named_and_replaced_by_plain(chat, plugin, model_server, broken, out):
    model_server.enqueue(Say("one two"))
    source = FORMATTER.format(**{"init": "pass", "feed": "return delta.content", "finish": "return '\\n'", **broken})
    name = plugin(source)
    outcome = chat("--plugin", name, "-o", "odd", "-m", "x")
    assert (outcome.code, outcome.out) == (0, out)
    assert f"Plugin 'mine' ({name}) failed in" in outcome.err
    assert "ValueError: boom" in outcome.err


REDACT = """
from kaito import hookimpl

@hookimpl
def kaito_add_options(command, options):
    options.add("--redact", metavar="WORD", help="Hide a word")
    options.add("--shout", switch=True, help="Shout")
    options.add("--times", parse=int, default=1, help="How often")

@hookimpl
def kaito_request(request, settings):
    word = settings.option("redact")
    messages = [type(m)(m.role, m.content.replace(word, "***") * settings.option("times")) for m in request.messages]
    return request.replace(messages=tuple(messages))

@hookimpl
def kaito_reply(request, reply, settings):
    import sys
    print("seen:", request.messages[-1].content, reply.content, settings.option("shout"), file=sys.stderr)
"""


def test_a_plugin_adds_flags_and_sees_requests_and_replies(chat, plugin, model_server):
    outcome = chat("--plugin", plugin(REDACT), "--redact", "secret", "--shout", stdin="my secret\nagain\n")
    assert outcome.code == 0
    assert outcome.out == "Assistant: my ***\nAssistant: again\n"
    assert outcome.err == "seen: my *** my *** True\nseen: again again True\n"
    assert [message["content"] for message in model_server.chats[-1].messages] == ["my ***", "my ***", "again"]


def test_plugin_flags_are_in_the_help_and_validated(chat, kaito, plugin):
    name = plugin(REDACT)
    outcome = kaito("chat", "--plugin", name, "--help")
    assert f"Flags of plugin 'mine' ({name}):\n      --redact WORD" in outcome.out
    outcome = chat("--plugin", name, "--times", "x", "-m", "y")
    assert outcome.code == 2
    assert "--times: 'x': invalid literal" in outcome.err


@pytest.mark.parametrize("flag", ["--temperature", "temperature", "--bad flag", "-x"])
def test_a_plugin_with_an_invalid_flag_is_skipped(chat, plugin, flag):
    source = f"from kaito import hookimpl\n@hookimpl\ndef kaito_add_options(options): options.add({flag!r}, help='x')\n"
    outcome = chat("--plugin", plugin(source), "-m", "x")
    assert (outcome.code, outcome.out) == (0, "Assistant: x\n")
    assert ": kaito_add_options: ValueError:" in outcome.err


def test_no_request_is_sent_when_a_request_hook_fails(chat, plugin, model_server):
    source = "from kaito import hookimpl\n@hookimpl\ndef kaito_request(request): raise ValueError('boom')\n"
    outcome = chat("--plugin", plugin(source), "-m", "x")
    assert outcome.code == 1
    assert "the message was not sent: ValueError: boom" in outcome.err
    assert model_server.chats == []


COMMANDS = '''
from kaito import hookimpl
from kaito.errors import KaitoError
from kaito.types import SlashCommand

def shout(arguments, shell):
    """Send a message in capitals."""
    shell.ask(arguments.upper())

def fail(arguments, shell):
    raise ValueError("boom")

def refuse(arguments, shell):
    raise KaitoError("Not today", "Try tomorrow")

def look(arguments, shell):
    shell.write(f"{len(shell.conversation)} messages\\x1b[2J\\n")
    shell.notice("looked")

@hookimpl
def kaito_slash_commands(settings):
    return [
        SlashCommand(name="shout", run=shout, arguments="TEXT"),
        SlashCommand(name="fail", run=fail),
        SlashCommand(name="refuse", run=refuse),
        SlashCommand(name="look", run=look, summary="Look"),
        SlashCommand(name="write-it", run=look, touches_files=True),
    ]
'''


def test_plugin_commands(chat, plugin):
    outcome = chat(
        "--plugin", plugin(COMMANDS), "--keep-going", stdin="/shout hi there\n/look\n/FAIL\n/refuse\n/help\n"
    )
    assert outcome.out.startswith("Assistant: HI THERE\n2 messages\n")
    assert re.search(r"^  /shout TEXT +Send a message in capitals\.$", outcome.out, re.MULTILINE)
    assert "looked\n" in outcome.err
    assert "failed in /fail: ValueError: boom\n   at stdin:3\n" in outcome.err
    assert "❌ Error: Not today\n   Try tomorrow\n   at stdin:4\n" in outcome.err
    assert outcome.code == 1


def test_plugin_commands_that_touch_files_are_rejected_from_a_pipe(chat, plugin, tmp_path):
    name = plugin(COMMANDS)
    outcome = chat("--plugin", name, stdin="/write-it\n")
    assert outcome.code == 2
    assert "/write-it works at a prompt and in --script FILE, not from a pipe" in outcome.err
    script = tmp_path / "script"
    script.write_text("/write-it\n")
    assert chat("--plugin", name, "--script", str(script)).out == "0 messages\n"


BACKEND = """
from contextlib import asynccontextmanager
from kaito import hookimpl
from kaito.errors import ForbiddenError, KaitoError
from kaito.types import Candidate, Endpoint

class FakeBackend:
    def __init__(self, name, rank, discover=None, opened=None, url="URL"):
        self.name, self.rank, self.needs_workspace, self.url = name, rank, True, url
        self._discover, self._opened = discover, opened
    async def discover(self, target, reporter):
        if self._discover: raise self._discover
        return [Candidate(backend=self.name, url="http://" + self.name, rank=self.rank)]
    @asynccontextmanager
    async def open(self, candidate, reporter):
        reporter.status("opening")
        if self._opened: raise self._opened
        yield Endpoint(url=self.url, shown_url=self.url + "/chat/completions", label=candidate.backend, preset="a-preset")

@hookimpl
def kaito_backends():
    return [BACKENDS]
"""


def backend_plugin(plugin, url, *backends):
    return plugin(BACKEND.replace("URL", url).replace("BACKENDS", ", ".join(backends)))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("[5]", "failed in discover: TypeError: 5 is not a Candidate"),
        ("[Candidate(backend='other', url='x', rank=1)]", "is not a Candidate of backend odd"),
        ("[Candidate(backend='odd', url='x', rank='first')]", "Candidate.rank must be int | None, not str"),
        ("sys.exit(3)", "failed in discover: SystemExit: 3"),
        ("[Candidate(backend='odd', url='x', rank=1, detail=5)]", "failed in open: TypeError: 5 is not an Endpoint"),
        (
            "[Candidate(backend='odd', url='x', rank=1, detail=Endpoint(url='http://[', shown_url='x', label='x'))]",
            "failed in the endpoint that it opened: ValueError",
        ),
        (
            "[Candidate(backend='odd', url='x', rank=1, detail=Endpoint(url='URL', shown_url='URL', label='leave'))]",
            "failed in closing its endpoint: ValueError: cannot leave",
        ),
    ],
)
def test_a_faulty_backend_is_named(kaito, plugin, model_server, source, message):
    name = plugin(
        "import sys\nfrom contextlib import asynccontextmanager\nfrom kaito import hookimpl\n"
        "from kaito.types import Candidate, Endpoint\n"
        "class Odd:\n"
        "    name, needs_workspace = 'odd', False\n"
        f"    async def discover(self, target, reporter): return {source.replace('URL', model_server.url)}\n"
        "    @asynccontextmanager\n"
        "    async def open(self, candidate, reporter):\n"
        "        yield candidate.detail\n"
        "        if getattr(candidate.detail, 'label', '') == 'leave': raise ValueError('cannot leave')\n"
        "@hookimpl\n"
        "def kaito_backends(): return [Odd()]\n"
    )
    outcome = kaito("chat", "--plugin", name, "--backend", "odd", "-m", "x")
    assert outcome.code == 1
    assert f"❌ Error: Plugin 'mine' ({name}) " in outcome.err
    assert message in outcome.err
    assert "bug in kaito" not in outcome.err


@pytest.mark.parametrize("value", ["b'bytes'", "5", "['x']", "sys.exit(3)"])
def test_a_formatter_that_does_not_return_text_is_named(chat, plugin, model_server, value):
    model_server.enqueue(Say("one"))
    source = "import sys\n" + FORMATTER.format(init="pass", feed=f"return {value}", finish="return '|\\n'")
    outcome = chat("--plugin", plugin(source), "-o", "odd", "-m", "x")
    assert (outcome.code, outcome.out) == (0, "Assistant: one\n")
    assert "failed in feed" in outcome.err


def test_the_reply_hook_runs_after_the_answer_is_shown(chat, plugin):
    source = (
        "import os\nfrom kaito import hookimpl\n@hookimpl\n"
        "def kaito_reply(reply):\n    os.write(1, f'seen {reply.content}\\n'.encode())\n"
    )
    assert chat("--plugin", plugin(source), stdin="a\nb\n").out == "Assistant: a\nseen a\nAssistant: b\nseen b\n"
    outcome = chat("--plugin", plugin(source), "-o", "json", "-m", "a")
    assert outcome.out.splitlines()[1] == "seen a"


def test_a_plugin_given_twice_is_loaded_once(chat, plugin, model_server):
    name = plugin(REDACT)
    outcome = chat("--plugin", name, "--plugin", name, "--redact", "secret", "-m", "my secret")
    assert model_server.chats[0].last_message == "my ***"
    assert "is loaded already" in outcome.err


def test_auto_uses_the_best_endpoint_that_opens(kaito, plugin, model_server):
    name = backend_plugin(
        plugin,
        model_server.url,
        "FakeBackend('third', 30)",
        "FakeBackend('second', 20)",
        "FakeBackend('first', 10, opened=KaitoError('no route'))",
        "FakeBackend('broken', 1, discover=ValueError('boom'))",
        "FakeBackend('by-name', None)",
    )
    arguments = ["chat", "--workspace-name", "w", "--plugin", name]
    outcome = kaito(*arguments, "--verbose", stdin="hi\nstatus\n")
    assert outcome.code == 0
    assert "  Workspace: second\n" in outcome.out
    for message in (
        f"broken: failed: Plugin 'mine' ({name}) failed in discover: ValueError: boom (",
        "first: cannot be opened: no route (",
        f"second: opened {model_server.url} (",
    ):
        assert message in outcome.err
    assert "Workspace: by-name" in kaito(*arguments, "--backend", "by-name", stdin="status\n").out


def test_auto_falls_back_when_a_connection_is_refused(kaito, plugin, model_server, refused_url):
    backends = (f"FakeBackend('first', 10, url='{refused_url}')", "FakeBackend('second', 20)")
    arguments = ["chat", "--workspace-name", "w", "--plugin", backend_plugin(plugin, model_server.url, *backends)]
    outcome = kaito(*arguments, "--verbose", stdin="status\n")
    assert outcome.code == 0
    assert "  Workspace: second\n" in outcome.out
    assert "first: no response: 127.0.0.1:" in outcome.err


def test_auto_does_not_fall_back_when_an_api_key_is_required(kaito, plugin, model_server):
    model_server.api_key = "sesame"
    backends = ("FakeBackend('first', 10)", "FakeBackend('second', 20)")
    outcome = kaito(
        "chat", "--workspace-name", "w", "--plugin", backend_plugin(plugin, model_server.url, *backends), "-m", "x"
    )
    assert outcome.code == 5
    assert "requires an API key" in outcome.err


def test_the_connection_error_lists_what_was_tried(kaito, plugin):
    name = backend_plugin(
        plugin,
        "x",
        "FakeBackend('a', 1, opened=KaitoError('no route'))",
        "FakeBackend('b', 2, discover=KaitoError('no pod'))",
        "FakeBackend('c', None)",
    )
    outcome = kaito("chat", "--workspace-name", "w", "-n", "ns", "--plugin", name, "-m", "x")
    assert outcome.code == 4
    assert outcome.err.startswith(
        "❌ Error: Unable to connect to workspace endpoint\n"
        "   Endpoint: http://w.ns.svc.cluster.local/chat/completions\n"
        "   Please check if the workspace is running and accessible\n"
    )
    lines = outcome.err.splitlines()
    assert lines.index("   b: no pod") < lines.index("   a: no route")
    assert "   c: http://c is used only with --backend c" in lines
    assert any(line.endswith("port-forward, api-proxy: No cluster is configured") for line in lines)


def test_the_error_of_a_selected_backend_is_shown_alone(kaito, plugin):
    name = backend_plugin(plugin, "x", "FakeBackend('a', 1, opened=KaitoError('no route', 'Dig one'))")
    outcome = kaito("chat", "--workspace-name", "w", "--plugin", name, "--backend", "a", "-m", "x")
    assert (outcome.code, outcome.err) == (1, "❌ Error: no route\n   Dig one\n")
    outcome = kaito("chat", "--plugin", name, "--backend", "a", "-m", "x")
    assert (outcome.code, "--workspace-name is required" in outcome.err) == (2, True)


def test_a_preset_is_shown_as_the_model_and_not_sent(kaito, plugin, model_server):
    model_server.list_models = False
    name = backend_plugin(plugin, model_server.url, "FakeBackend('a', 1)")
    outcome = kaito("chat", "--workspace-name", "w", "--plugin", name, stdin="status\nhi\n")
    assert "  Model: a-preset\n" in outcome.out
    assert "model" not in model_server.chats[0].body


# kaito plugins


def test_the_list_of_plugins_shows_faults(kaito, plugin):
    good, bad = plugin(COMMANDS, "good"), plugin("raise ValueError('boom')", "bad")
    outcome = kaito("plugins", "--plugin", good, "--plugin", bad)
    assert outcome.code == 0
    assert outcome.err == f"Plugin 'bad' ({bad}) was not loaded: ValueError: boom\n"
    rows = [line.split(maxsplit=3) for line in outcome.out.splitlines()]
    assert rows[0] == ["NAME", "DISTRIBUTION", "VERSION", "PROVIDES"]
    assert rows[1][:2] == ["url", "kaito"]
    assert [row[0] for row in rows if row[1:2] == [good]] == ["good"]
    assert "command shout, command fail, command refuse, command look, command write-it" in outcome.out
    assert "skipped\n" in outcome.out
    assert "! ValueError: boom\n" in outcome.out


def test_the_list_of_plugins_as_json(kaito, plugin):
    outcome = kaito("plugins", "-o", "json", "--plugin", plugin(REDACT))
    listed = json.loads(outcome.out)
    assert listed[0]["provides"] == ["backend url"]
    [mine] = [plugin for plugin in listed if plugin["name"] == "mine"]
    assert mine == {
        "name": "mine",
        "distribution": plugin(REDACT),
        "version": "",
        "provides": ["hook kaito_request", "hook kaito_reply", "flag --redact", "flag --shout", "flag --times"],
        "faults": [],
        "loaded": True,
    }


def test_the_list_of_plugins_rejects_other_formats(kaito):
    assert "--output: 'xml' is not one of plain, wide, json" in kaito("plugins", "-o", "xml").err


def test_no_request_is_sent_when_a_plugin_is_missing(chat, model_server):
    outcome = chat("--plugin", "./redact.py", "-m", "a secret")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "❌ Error: --plugin: file './redact.py' not found\n"
    assert not model_server.requests


INVENTORY = """
from contextlib import asynccontextmanager
from kaito import hookimpl
from kaito.types import Candidate, Endpoint

class Inventory:
    name, needs_workspace = "inventory", False
    async def discover(self, target, reporter):
        return [Candidate(backend=self.name, url="URL", rank=RANK)]
    @asynccontextmanager
    async def open(self, candidate, reporter):
        yield Endpoint(url="URL", shown_url="URL", label="from the inventory")

@hookimpl
def kaito_backends():
    return [Inventory()]
"""


def test_a_backend_that_needs_no_workspace_takes_part_in_auto(kaito, plugin, model_server):
    name = plugin(INVENTORY.replace("URL", model_server.url).replace("RANK", "25"))
    for workspace in ([], ["--workspace-name", "w"]):
        outcome = kaito("chat", "--plugin", name, *workspace, "-m", "hi")
        assert (outcome.code, outcome.out) == (0, "Assistant: hi\n")


def test_without_a_workspace_one_that_must_be_named_is_only_suggested(kaito, plugin, model_server):
    name = plugin(INVENTORY.replace("URL", model_server.url).replace("RANK", "None"))
    outcome = kaito("chat", "--plugin", name, "-m", "hi")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "❌ Error: --workspace-name is required\n   Without a cluster, use --endpoint URL or --backend inventory\n"
    )
    assert model_server.requests == []
