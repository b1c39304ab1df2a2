"""A formatter from the beginning of a session to its end: header, answers, frame, and its failures."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from kaito.testing import Gate, Hang, Say, Status, child_environment, kaito_command

PLUGINS = (Path(__file__).parents[3] / "docs" / "plugins.md").read_text("utf-8")
[CSV] = [source for source in re.findall(r"```python\n(.+?)```", PLUGINS, re.DOTALL) if "class Csv" in source]

PAGE = '''
from kaito import Formatter, hookimpl

class Page(Formatter):
    """A page."""
    name = "page"
    exclusive_stdout = {exclusive}
    def __init__(self, screen, settings):
        self.model = settings.target.model
        {init}
    def begin_session(self):
        {begin}
        return f"<page {{self.model}}>\\n"
    def begin_answer(self, request):
        {begin_answer}
        return f"<q>{{request.messages[-1].content}}</q>"
    def feed(self, delta):
        {feed}
        return delta.content
    def finish(self, reply):
        {finish}
        return "\\n"
    def end_session(self):
        {end}
        return "</page>\\n"

@hookimpl
def kaito_formatters():
    return [Page]
'''
METHODS = ("init", "begin", "begin_answer", "feed", "finish", "end")


@pytest.fixture
def page(plugin):
    """Return the flags of a chat with a formatter whose methods do more."""

    def flags(*, exclusive=True, **extra):
        filled = {name: extra.get(name, "pass") for name in METHODS}
        return ["--plugin", plugin(PAGE.format(exclusive=exclusive, **filled)), "-o", "page", "--model", "test-model"]

    return flags


def started(command):
    """Start a command with pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=child_environment(), stdin=pipe, stdout=pipe, stderr=pipe)


def test_the_csv_formatter_of_the_documentation(chat, plugin, model_server):
    model_server.enqueue(Say('It is "42"'), Status(400), Say("two\nlines\x1b[2J"))
    script = "What?\nhelp\nAgain?\n/nope\nOnce more?\n"
    outcome = chat("--plugin", plugin(CSV), "-o", "csv", "--keep-going", stdin=script)
    assert outcome.out == (
        'line,question,answer,error,tokens\n1,What?,"It is ""42""",,3\n3,Again?,,Bad request (HTTP 400),\n'
        "4,,,Unknown command '/nope',\n"
        '5,Once more?,"two\nlines",,2\n'
    )
    assert outcome.code == 1
    assert chat("--plugin", plugin(CSV), "-o", "csv", stdin="status\n").out == "line,question,answer,error,tokens\n"


def test_nothing_is_written_without_a_connection(kaito, refused_url, page):
    outcome = kaito("chat", "--endpoint", refused_url, *page(), "-m", "x")
    assert (outcome.code, outcome.out) == (4, "")


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        ({"stdin": "one\ntwo\n"}, "<q>one</q>one\n<q>two</q>two\n"),
        ({"stdin": ""}, ""),
        ({"stdin": "/set temperature 0\none\nexit\n"}, "<q>one</q>one\n"),
    ],
)
def test_the_frame_of_a_script(chat, page, arguments, out):
    outcome = chat(*page(), **arguments)
    assert (outcome.code, outcome.out) == (0, f"<page test-model>\n{out}</page>\n")


def test_the_frame_of_one_message(chat, page, model_server):
    assert chat(*page(), "-m", "Hi").out == "<page test-model>\n<q>Hi</q>Hi\n</page>\n"
    model_server.enqueue(Status(400))
    outcome = chat(*page(), "-m", "Hi")
    assert (outcome.code, outcome.out) == (1, "<page test-model>\n<q>Hi</q>\n</page>\n")


REDACT = """
from kaito import hookimpl
from kaito.types import Message

@hookimpl
def kaito_request(request):
    if "refuse" in request.messages[-1].content: raise ValueError("no")
    return request.replace(messages=(Message("user", "***\\x1b[2J"),))
"""


def test_the_request_is_the_one_that_is_sent_without_control_sequences(chat, page, plugin):
    outcome = chat(*page(), "--plugin", plugin(REDACT, "redact"), "--keep-going", stdin="secret\nrefuse\n")
    assert outcome.out == "<page test-model>\n<q>***</q>***\n</page>\n"


def test_a_script_that_fails_or_goes_on_after_a_failure_closes_the_frame(chat, page, model_server):
    model_server.enqueue(Say("one"), Status(400))
    outcome = chat(*page(), stdin="a\nb\nc\n")
    assert (outcome.code, outcome.out) == (1, "<page test-model>\n<q>a</q>one\n<q>b</q>\n</page>\n")
    model_server.enqueue(Status(400), Say("two"))
    outcome = chat(*page(), "--keep-going", stdin="b\nc\n")
    assert (outcome.code, outcome.out) == (1, "<page test-model>\n<q>b</q>\n<q>c</q>two\n</page>\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("arguments", [["-m", "Hi"], ["--script", "-"]])
def test_a_signal_closes_the_frame(model_server, page, number, code, arguments):
    gate = Gate()
    model_server.enqueue(Say(chunks=["par", gate, "tial"]))
    command = kaito_command("chat", "--endpoint", model_server.url, *page(), *arguments)
    with started(command) as process:
        process.stdin.write(b"Hi\n")
        process.stdin.close()
        # With `-m`, stdin is material.
        begun = b"<page test-model>\n<q>" + (b"Hi\n\nHi" if "-m" in arguments else b"Hi") + b"</q>par"
        out = b""
        while not out.endswith(b"</q>par"):
            out += process.stdout.read1()
        process.send_signal(number)
        out += process.stdout.read()
        assert (process.stderr.read(), process.wait()) == (b"", code)
    assert out == begun + b"\n</page>\n"


def test_a_change_of_the_format_ends_one_and_begins_the_other(chat, page):
    outcome = chat(*page(exclusive=False), stdin="one\n/format plain\ntwo\n/format page\nthree\n")
    assert outcome.out == (
        "<page test-model>\n<q>one</q>one\n</page>\nAssistant: two\n<page test-model>\n<q>three</q>three\n</page>\n"
    )


@pytest.mark.parametrize(
    ("method", "out"),
    [
        ("init", ""),
        ("begin", ""),
        ("begin_answer", ""),
        ("feed", "<page test-model>\n<q>Hi</q>"),
        ("finish", "<page test-model>\n<q>Hi</q>Hi"),
        ("end", "<page test-model>\n<q>Hi</q>Hi\n"),
    ],
)
@pytest.mark.parametrize("fault", ["raise ValueError('boom')", "return 5", "import sys; sys.exit(3)"])
def test_a_failure_ends_output_that_a_program_reads(chat, page, method, out, fault):
    for arguments in (["-m", "Hi"], ["--script", "-"]):
        outcome = chat(*page(**{method: fault}), *arguments, **({} if "-m" in arguments else {"stdin": "Hi\n"}))
        assert (outcome.code, outcome.out) == (1, out)
        assert re.fullmatch(r"❌ Error: Plugin 'mine' \(.+\) failed in .+\n(   at stdin:1\n)?", outcome.err)


def test_after_a_failure_no_request_is_sent(chat, page, model_server):
    fault = "if 'two' in delta.content: raise ValueError('boom')"
    outcome = chat(*page(feed=fault), "--keep-going", stdin="one\ntwo\nthree\nhelp\n/format json\nfour\n")
    assert outcome.code == 1
    assert outcome.out.startswith("<page test-model>\n<q>one</q>one\n<q>two</q>" + '{"line": 6, "text": "four"')
    assert "failed in feed: ValueError: boom\n   at stdin:2\n" in outcome.err
    assert (
        "❌ Error: Formatter 'page' failed before, and is not used again\n"
        "   Select another one with -o\n   at stdin:3\n"
    ) in outcome.err
    assert [request.last_message for request in model_server.chats] == ["one", "two", "four"]


def test_plain_text_takes_the_place_of_other_output_for_the_rest_of_the_session(chat, page):
    fault = "if 'two' in delta.content: raise ValueError('boom')"
    outcome = chat(*page(exclusive=False, feed=fault), stdin="one\ntwo\nthree\n/format page\nfour\n")
    assert outcome.code == 0
    assert outcome.out == (
        "<page test-model>\n<q>one</q>one\n<q>two</q>\nAssistant: two\nAssistant: three\n"
        "<page test-model>\n<q>four</q>four\n</page>\n"
    )
    assert outcome.err.count("boom") == 1
    assert "\n   Plain text is shown instead\n" in outcome.err


def test_the_reply_hook_sees_an_answer_whose_end_cannot_be_formatted(chat, page, plugin):
    source = "from kaito import hookimpl\n@hookimpl\ndef kaito_reply(reply): open('seen', 'w').write(reply.content)\n"
    seen = Path(plugin(source, "see")).with_name("seen")
    arguments = [*page(finish="raise ValueError('boom')"), "--plugin", plugin(source, "see")]
    assert chat(*arguments, "-m", "Hi", cwd=seen.parent).code == 1
    assert seen.read_text() == "Hi"


def test_ctrl_c_is_not_hidden_by_a_formatter_that_then_fails(model_server, page):
    model_server.enqueue(Hang("partial"))
    command = kaito_command("chat", "--endpoint", model_server.url, *page(finish="raise ValueError('boom')"), "-m", "x")
    with started(command) as process:
        process.stdin.close()
        out = b""
        while b"partial" not in out:
            out += process.stdout.read1()
        process.send_signal(signal.SIGINT)
        assert b"boom" in process.stderr.read()
        assert (process.stdout.read(), process.wait()) == (b"", 130)


def test_a_formatter_sees_the_options_of_its_plugin(chat, page, plugin):
    source = PAGE.format(exclusive=True, **dict.fromkeys(METHODS, "pass"))
    source = source.replace("settings.target.model", 'settings.option("title")').replace("page {", "{") + (
        '@hookimpl\ndef kaito_add_options(options): options.add("--title", help="The title")\n'
    )
    outcome = chat("--plugin", plugin(source), "-o", "page", "--title", "Answers", "-m", "Hi")
    assert outcome.out == "<Answers>\n<q>Hi</q>Hi\n</page>\n"
