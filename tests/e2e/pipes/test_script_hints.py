"""What errors advise where nobody is at a prompt: flags, never slash commands; and the models that a server has."""

import json
import re

import pytest

from kaito.testing import Cut, ErrorEvent, Say, Status
from kaito.types import ToolCall
from tests.test_hints import NAMED


def refused(message, status=400):
    return Status(status, {"error": {"message": message}})


#: Each reply makes a turn fail, or ends an answer early.
REPLIES = {
    "a full window": refused("This model's maximum context length is 8 tokens. However, your prompt contains 9 input tokens"),
    "too large": Status(413, "<html><title>413 Request Entity Too Large</title></html>"),
    "no system role": refused("System role not supported"),
    "a refused parameter": refused("Unknown parameter: top_k"),
    "a refused field": refused("Unknown parameter: top_a"),
    "an unknown model": refused("The model `x` does not exist.", 404),
    "a failure": refused("engine died", 500),
    "a cut stream": Cut("hal"),
    "an error in the stream": ErrorEvent("hal", {"message": "out of memory"}),
    "a full window in the stream": ErrorEvent("", {"message": "maximum context length is 8 tokens, you requested 9 tokens"}),
    "an empty answer": Say(""),
    "only reasoning": Say("", reasoning="Hm"),
    "a limit before the answer": Say("", finish_reason="length"),
    "a limit": Say("one tw", finish_reason="length"),
    "a filter": Say("one", finish_reason="content_filter"),
    "a call": Say("", tool_calls=[ToolCall("1", "add", "{}")]),
    "no JSON": Say("hello"),
    "no key": Status(401),
    "not allowed": Status(403),
}  # fmt: skip


@pytest.mark.parametrize("arguments", [["-m", "x"], ["--script", "-"], ["--each", "--keep-going", "-o", "json"]])
@pytest.mark.parametrize("name", REPLIES)
def test_no_slash_command_is_named(chat, model_server, arguments, name, tmp_path):
    flags = ["--system-prompt", "Be brief", "--top-k", "5", "--extra-body", '{"top_a": 1}', "--stats"]
    if name == "no JSON":
        pytest.importorskip("jsonschema")
        (tmp_path / "schema").write_text('{"type": "object"}')
        flags += ["--schema", str(tmp_path / "schema")]
    model_server.enqueue(Say("one"), *[REPLIES[name]] * 3)
    model_server.default = REPLIES[name]
    if arguments[0] == "-m":
        model_server.route("/v1/chat/completions", REPLIES[name])
    outcome = chat(*flags, *arguments, stdin=None if "-m" in arguments else "a\nb\n")
    shown = outcome.err + outcome.out
    assert "❌" in outcome.err or outcome.err.startswith("(") or name == "no JSON"
    assert NAMED.findall(shown) == []


#: Lines of a script that fail, also commands that exist.
LINES = {
    "/set xyzzy 1": "Unknown setting 'xyzzy'",
    "/set system Be brief": "Did you mean --system-prompt?",
    "/set model x": "Did you mean --model?",
    "/set body.model 1": "Use --model",
    "/continue": "No answer was cut",
    "/retry": "There is no message to send again",
    "/unset": "needs the name of a setting",
    "/": "The command 'help' lists all commands",
}


@pytest.mark.parametrize("line", LINES)
def test_no_slash_command_is_named_for_a_line(chat, line):
    outcome = chat(stdin=f"{line}\n")
    message, *hints, _ = outcome.err.splitlines()
    assert (outcome.code, LINES[line] in outcome.err) == (2, True)
    # An error about a command begins with its name.
    assert NAMED.findall("\n".join([message.replace(f"Error: {line}:", ""), *hints]).replace("'help'", "")) == []


def test_the_command_that_was_meant_is_named_in_a_script_too(chat):
    assert "   Did you mean /status?\n" in chat(stdin="/stats\n").err


MODELS = ["mistral-7b", "mistral-7b-chat", *[f"adapter-{number:02}" for number in range(12)]]


@pytest.mark.parametrize(
    ("name", "hints"),
    [
        (
            "mistral-7b-chta",
            "   Did you mean mistral-7b-chat or mistral-7b?\n"
            f"   The server lists {', '.join(MODELS[:10])} and 4 more\n"
            "   Select one with --model, or omit the flag to use the first\n",
        ),
        (
            "gpt-4",
            f"   The server lists {', '.join(MODELS[:10])} and 4 more\n"
            "   Select one with --model, or omit the flag to use the first\n",
        ),
    ],
)
def test_an_unknown_model_lists_the_models(chat, model_server, name, hints):
    listed = {"data": [{"id": model} for model in MODELS]}
    model_server.route("/v1/models", Status(200, listed))
    model_server.default = refused(f"The model `{name}` does not exist.", 404)
    outcome = chat("--model", name, "-m", "x")
    assert outcome.code == 3
    assert outcome.err == f"❌ Error: The server has no model '{name}': The model `{name}` does not exist.\n{hints}"


def test_names_of_models_cannot_control_the_terminal(chat, model_server):
    model_server.route("/v1/models", Status(200, {"data": [{"id": "a\x1b[2J\nb"}, {"id": "c"}]}))
    model_server.default = refused("The model `x` does not exist.", 404)
    outcome = chat("--model", "x", "-m", "x")
    assert "   The server lists a b, c\n" in outcome.err
    [row] = map(json.loads, chat("--model", "x", "-o", "json", "-m", "x").out.splitlines())
    assert row["error"]["hints"][0] == "The server lists a\x1b[2J\nb, c"


def test_a_server_without_a_list_of_models(chat, model_server):
    model_server.list_models = False
    model_server.default = refused("The model `x` does not exist.", 404)
    outcome = chat("--model", "x", "-m", "x")
    assert re.search(r"\n   Request another one with --model, or omit the flag\n", outcome.err)
