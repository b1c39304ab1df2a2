"""Mistakes that authors of plugins make: each message says what to change."""

import inspect

import pytest

import kaito as package
from kaito import cluster, toolkit
from kaito.testing import Gate, Say

BACKEND = """
from contextlib import asynccontextmanager
from kaito import hookimpl
from kaito.types import Candidate, Endpoint

class Lab:
    name, needs_workspace = "lab", False
    {discover}
    {open}

@hookimpl
def kaito_backends(): return {backends}
"""
DISCOVER = "async def discover(self, target, reporter): return [Candidate(backend='lab', url='URL')]"
OPEN = """@asynccontextmanager
    async def open(self, candidate, reporter): yield Endpoint(url='URL', shown_url='URL', label='lab')"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backends": "[Lab]"}, "'lab' is a class; return an object of it"),
        ({"backends": "Lab"}, "it must return a list, not the class Lab"),
        ({"backends": "Lab()"}, "it must return a list, not Lab"),
        ({"discover": DISCOVER.removeprefix("async ")}, "discover must be 'async def'"),
        ({"open": OPEN.partition("    ")[2]}, "is @asynccontextmanager missing?"),
        (
            {"discover": "async def discover(self, target, reporter): pass"},
            "must return a list of Candidates, not None",
        ),
        ({"discover": "async def discover(self, target, reporter): return 'URL'"}, "list of Candidates, not str"),
        ({"discover": DISCOVER.replace("'URL'", "None")}, "Candidate.url must be str, not NoneType"),
        ({"discover": DISCOVER.replace("'URL'", "'URL', rank='best'")}, "Candidate.rank must be int | None, not str"),
        ({"discover": "async def discover(self, target, reporter): return []"}, "Endpoint: (unknown)\n"),
        ({"open": OPEN.replace("shown_url='URL'", "shown_url=None")}, "Endpoint.shown_url must be str, not NoneType"),
        ({"open": OPEN.replace("label='lab'", "label='lab', model=7")}, "Endpoint.model must be str | None, not int"),
        (
            {"open": OPEN.replace("label='lab'", "label='lab', headers='x'")},
            "Endpoint.headers must be Mapping, not str",
        ),
        ({"open": OPEN.replace("URL", "127.0.0.1:1")}, "'127.0.0.1:1' is not an http:// or https:// URL"),
    ],
)
def test_a_backend(kaito, plugin, model_server, change, message):
    source = BACKEND.format(**{"discover": DISCOVER, "open": OPEN, "backends": "[Lab()]", **change})
    name = plugin(source.replace("URL", model_server.url))
    outcome = kaito("chat", "--backend", "lab", "--plugin", name, "-m", "x")
    assert outcome.code != 0
    assert message in outcome.err
    assert "bug in kaito" not in outcome.err


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def kaito_reply(reply): pass", "it implements no hook; kaito_reply is not marked with @hookimpl"),
        ("@hookimpl\ndef kaito_formatters(): return 5", "it must return a list, not int"),
        ("@hookimpl\ndef kaito_formatters(): return ['f']", "str has no name; each must be a subclass of Formatter"),
        (
            "class F: pass\n@hookimpl\ndef kaito_formatters(): return [F]",
            "kaito_formatters: TypeError: the class F has no name; each must be a subclass of Formatter",
        ),
        ("@hookimpl\ndef kaito_slash_commands(): return [None]", "NoneType has no name; each must be a SlashCommand"),
        (
            "class B:\n    name = 'auto'\n    def discover(self): pass\n    def open(self): pass\n"
            "@hookimpl\ndef kaito_backends(): return [B()]",
            "backend 'auto' is already offered by kaito itself",
        ),
        (
            "async def go(arguments, shell): pass\n@hookimpl\ndef kaito_slash_commands():\n"
            "    return [SlashCommand(name='go', run=go)]",
            "'go' has a run that is 'async def'",
        ),
        (
            "async def words(typed, shell): return []\ndef go(arguments, shell): pass\n@hookimpl\n"
            "def kaito_slash_commands():\n    return [SlashCommand(name='go', run=go, complete=words)]",
            "'go' has a complete that is 'async def'; it must be a plain function",
        ),
        (
            "class F:\n    name = 'f'\n    async def feed(self, delta): return ''\n    def finish(self, reply): return ''\n"
            "@hookimpl\ndef kaito_formatters(): return [F]",
            "'f' has a feed that is 'async def'",
        ),
        (
            "from kaito import KaitoError\n@hookimpl\ndef kaito_reply(reply): raise KaitoError('No file', 'Make one')",
            "No file; it sees no further answers\n   Make one\n",
        ),
    ],
)
def test_a_hook(chat, plugin, body, message):
    source = f"from kaito import hookimpl\nfrom kaito.types import SlashCommand\n{body}\n"
    outcome = chat("--plugin", plugin(source), "-m", "x")
    assert (outcome.code, outcome.out) == (0, "Assistant: x\n")
    assert message in outcome.err


def test_verbose_shows_where_a_hook_failed(chat, plugin):
    name = plugin("from kaito import hookimpl\n@hookimpl\ndef kaito_reply(reply):\n    1 / 0\n")
    assert f'File "{name}", line 4, in kaito_reply' in chat("--plugin", name, "--verbose", "-m", "x").err
    assert "Traceback" not in chat("--plugin", name, "-m", "x").err


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ('("x",)', "a message must be a kaito.Message, not str"),
        ('({"role": "user", "content": "x"},)', "a message must be a kaito.Message, not dict"),
        ("5", "'int' object is not iterable"),
        ("(request.messages[0].replace(content=None),)", "the content of a message must be text, not NoneType"),
        ("(request.messages[0].replace(images=('x',)),)", "an image must be a kaito.Image, not str"),
        ("(request.messages[0].replace(tool_calls=({},)),)", "a call of a tool must be a kaito.ToolCall, not dict"),
    ],
)
def test_a_request_of_other_things(chat, plugin, model_server, messages, message):
    source = (
        "from kaito import hookimpl\n@hookimpl\n"
        f"def kaito_request(request): return request.replace(messages={messages})\n"
    )
    outcome = chat("--plugin", plugin(source), "-m", "x")
    assert outcome.code == 1
    assert f"failed in kaito_request; the message was not sent: TypeError: {message}\n" in outcome.err
    assert model_server.chats == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("attach('cat.png')", "an image must be a kaito.Image, not str"),
        ("replace([Message('user', 5), Message('assistant', 'y')])", "the content of a message must be text, not int"),
        ("replace([Message('user', 'x', images=('y',)), Message('assistant', 'y')])", "an image must be a kaito.Image"),
        ("replace([Message('user', 'x'), Message('assistant', '', tool_calls=({},))])", "must be a kaito.ToolCall"),
    ],
)
def test_a_slash_command_that_passes_other_things(chat, plugin, call, message):
    source = (
        "from kaito import Message, SlashCommand, hookimpl\n"
        f"def go(arguments, shell): shell.{call}\n"
        "@hookimpl\ndef kaito_slash_commands(): return [SlashCommand(name='go', run=go)]\n"
    )
    outcome = chat("--plugin", plugin(source), "--keep-going", stdin="one\n/go\ntwo\n")
    assert (outcome.code, outcome.out) == (1, "Assistant: one\nAssistant: two\n")
    assert "failed in /go: TypeError: " in outcome.err
    assert message in outcome.err


COMMAND = """
import asyncio
from kaito import Command, KaitoError, NotFoundError, hookimpl

RUN

@hookimpl
def kaito_commands(): return [Command(name="go", summary="Go", run=run, MORE)]
"""


@pytest.mark.parametrize(
    ("run", "more", "code", "message"),
    [
        ("async def run(context): pass", "", 2, "'go' has a run that is 'async def'; call context.wait(coroutine)"),
        ("def run(context): return 'done'", "", 1, "returned 'done' from go, which is not an exit code"),
        ("def run(context): return 256", "", 1, "returned 256 from go, which is not an exit code"),
        ("def run(context): return -1", "", 1, "returned -1 from go, which is not an exit code"),
        ("def run(context): context.connect()", "", 1, "the subcommand 'go' needs connects=True to use connect()"),
        ("def run(context): context.cluster()", "", 1, "the subcommand 'go' needs cluster=True to use cluster()"),
        ("def run(context): context.wait(5)", "", 1, "wait takes a coroutine, not int"),
        ("def run(context): pass", "outputs='json'", 2, "'go' has outputs that are not a tuple of"),
        ("def run(context): context.write_object(float('nan'))", "outputs=('json',)", 1, "not JSON compliant"),
    ],
)
def test_a_subcommand(kaito, plugin, run, more, code, message):
    name = plugin(COMMAND.replace("RUN", run).replace("MORE", more))
    outcome = kaito("go", "--plugin", name, *(["-o", "json"] if code == 1 and more else []))
    assert outcome.code == code
    assert message in outcome.err
    assert "is loaded already" not in outcome.err
    assert "bug in kaito" not in outcome.err


def test_a_task_group_of_errors_is_the_first_of_them(kaito, plugin):
    run = """
async def fail(error): raise error
async def work():
    async with asyncio.TaskGroup() as tasks:
        for number in range(3): tasks.create_task(fail(NotFoundError(f"No {number}")))
def run(context): context.wait(work())
"""
    outcome = kaito("go", "--plugin", plugin(COMMAND.replace("RUN", run).replace("MORE", "")))
    assert (outcome.code, outcome.err) == (3, "❌ Error: No 0\n")


def test_a_subcommand_s_hooks_see_the_flags_of_their_plugin(kaito, plugin, model_server):
    run = """
def run(context): context.write(context.wait(ask(context)) + context.option("mine"))
async def ask(context):
    async with context.connect() as model: return (await model.ask("a word")).content
@hookimpl
def kaito_add_options(options): options.add("--hide", default="word", help="Hide")
@hookimpl
def kaito_request(request, settings):
    return request.replace(messages=tuple(
        m.replace(content=m.content.replace(settings.option("hide"), settings.option("mine"))) for m in request.messages
    ))
"""
    more = "connects=True, options=lambda options: options.add('--mine', default='***', help='Mine')"
    name = plugin(COMMAND.replace("RUN", run).replace("MORE", more))
    outcome = kaito("go", "--plugin", name, "--endpoint", model_server.url)
    assert (outcome.code, outcome.out) == (0, "a ******")


def test_a_file_argument_is_completed(kaito, plugin):
    more = "options=lambda options: options.add_argument('FILE', help='A file')"
    name = plugin(COMMAND.replace("RUN", "def run(context): pass").replace("MORE", more))
    assert kaito("__complete", "go", "--plugin", name, "").out == ":0\n"
    help_text = kaito("go", "--plugin", name, "--help").out
    assert "Examples:" not in help_text
    assert "\n      FILE " in help_text
    assert kaito("go", "--plugin", name, "a", "b").err.startswith("❌ Error: Unexpected argument 'b'\n   See")


def test_an_error_without_a_workspace_names_no_endpoint(kaito, plugin):
    discover = "async def discover(self, target, reporter): raise KaitoError('The lab is closed')"
    source = "from kaito import KaitoError\n" + BACKEND.format(discover=discover, open=OPEN, backends="[Lab()]")
    outcome = kaito("chat", "--plugin", plugin(source), "-m", "x")
    assert (outcome.code, outcome.err) == (1, "❌ Error: The lab is closed\n")


def test_a_gate_holds_an_answer_that_is_not_streamed(kaito, model_server):
    gate = Gate()
    model_server.enqueue(Say(chunks=["a", gate, "b"]))
    gate.open()
    outcome = kaito("chat", "--endpoint", model_server.url, "--no-stream", "-m", "x")
    assert outcome.out == "Assistant: ab\n"


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for module in (package, package.types, toolkit, cluster) for name in module.__all__],
)
def test_help_can_show_each_public_name(module, name):
    value = getattr(module, name)
    is_error = isinstance(value, type) and issubclass(value, Exception)
    if callable(value) and not is_error and value is not package.hookimpl:
        assert inspect.signature(value)
