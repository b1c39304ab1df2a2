"""Images, tools, answers that match a schema, and any field of the request, with pipes."""

import base64
import json
import re

import pytest

from kaito.testing import Raw, Say, Status
from kaito.types import ToolCall
from tests.images import png

CALL = ToolCall(id="call-1", name="weather", arguments='{"city": "Rome"}')
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}, "x": 1}}]
SCHEMA = {
    "title": "An order",
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "number"}}}}
    },
    "required": ["items"],
}


@pytest.fixture
def write(tmp_path):
    """Write a file, JSON or bytes, and return its name."""

    def write(name, content):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(file)

    return write


def image_part(data):
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(data).decode()}"}}


def stream(*events):
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return Raw(head.encode() + body.encode())


# Images


def test_images_are_sent_before_the_text(chat, model_server, write):
    first, second = png(640, 480), png(1, 1)
    arguments = ["--image", write("a b.png", first), "--image", write("b.jpg", second)]
    outcome = chat(*arguments, "-m", "What is it?")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: What is it?\n", "")
    [message] = model_server.chats[0].messages
    text = {"type": "text", "text": "What is it?"}
    assert message == {"role": "user", "content": [image_part(first), image_part(second), text]}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.png", b"<svg>", "it is not a PNG, JPEG, GIF or WebP image"),
        ("x.png", b"", "it is not a PNG, JPEG, GIF or WebP image"),
        ("none.png", None, "No such file or directory"),
        (".", None, "Is a directory"),
        ("x.png", png(1, 1) + bytes(20 * 1024 * 1024), "it is larger than 20 MiB"),
    ],
)
def test_a_file_that_cannot_be_sent_is_a_usage_error(chat, model_server, tmp_path, name, content, reason):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    outcome = chat("--image", str(file), "-m", "x")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == f"❌ Error: --image: Cannot send '{file}': {reason}\n"
    assert model_server.requests == []


def test_images_need_a_message(chat, model_server, write):
    outcome = chat("--image", write("x.png", png(1, 1)), stdin="hi\n")
    assert (outcome.code, outcome.err) == (2, "❌ Error: --image: needs --message; in a chat, /image sends one\n")


def test_a_large_image_is_sent(chat, model_server, write):
    data = png(1, 1) + bytes(3 * 1024 * 1024)
    outcome = chat("--image", write("x.png", data), "-m", "x")
    assert outcome.code == 0
    assert model_server.chats[0].messages[0]["content"][0] == image_part(data)


@pytest.mark.parametrize("code", [400, 422, 500])
def test_a_server_that_refuses_images_is_quoted(chat, model_server, write, code):
    model_server.enqueue(Status(code, {"error": {"message": "At most 0 image(s) may be provided in one prompt."}}))
    outcome = chat("--image", write("x.png", png(1, 1)), "-m", "x")
    assert outcome.code == 1
    assert outcome.err == (
        f"❌ Model Error: At most 0 image(s) may be provided in one prompt. (HTTP {code})\n"
        "   The request has an image; this model, or its server, may take text only\n"
    )


def test_an_error_after_an_accepted_image_is_about_something_else(chat, model_server, write):
    model_server.adapters = ["other"]
    refusal = Status(400, {"error": {"message": "no"}})
    model_server.enqueue(Say("A cat"), refusal, refusal)
    script = write("script", f"/image {write('x.png', png(1, 1))} x\ny\n/model other\ny\n".encode())
    outcome = chat("--script", script, "--keep-going")
    assert outcome.err.count("❌ Model Error: no (HTTP 400)") == 2
    assert outcome.err.count("The request has an image") == 1


def test_an_image_is_refused_from_a_pipe(chat, model_server, write):
    outcome = chat(stdin=f"/image {write('x.png', png(1, 1))} x\n")
    assert outcome.code == 2
    assert "/image works at a prompt and in --script FILE, not from a pipe" in outcome.err
    assert model_server.chats == []


def test_a_conversation_is_saved_loaded_and_shown_with_its_images(chat, model_server, tmp_path, write):
    data = png(640, 480)
    name, talk = write("my cat.png", data), tmp_path / "talk.json"
    script = write("script", f'/image "{name}"\nWhat is it?\n/history\n/save {talk}\n'.encode())
    outcome = chat("--script", script)
    assert outcome.code == 0
    assert outcome.out == (
        "Assistant: What is it?\n> [image: my cat.png, 640x480]\nWhat is it?\nAssistant: What is it?\n"
    )
    assert outcome.err == f"[image: my cat.png, 640x480] is sent with the next message\nSaved 2 messages to {talk}\n"
    message = json.loads(talk.read_text())[0]
    assert message["content"] == [{**image_part(data), "name": "my cat.png"}, {"type": "text", "text": "What is it?"}]
    outcome = chat("--load", str(talk), stdin="And now?\n/undo\n/undo\n")
    assert outcome.err == (
        "(continuing 1 turn)\nRemoved: And now?\nRemoved: [image: my cat.png, 640x480] What is it?\n"
    )
    messages = model_server.chats[-1].messages
    # The name is the file's own.
    assert messages[0]["content"] == [image_part(data), {"type": "text", "text": "What is it?"}]
    assert messages[2]["content"] == "And now?"


def test_a_failed_message_is_sent_again_with_its_images(chat, model_server, write):
    model_server.enqueue(Status(400, {"error": {"message": "no"}}))
    script = write("script", f"/image {write('x.png', png(1, 1))} x\n/retry\ny\n".encode())
    outcome = chat("--script", script, "--keep-going")
    assert outcome.code == 1
    first, second, third = model_server.chats
    assert first.messages == second.messages == third.messages[:1]
    assert third.messages[2]["content"] == "y"


# Tools


def test_calls_of_tools_are_shown_one_a_line(chat, model_server, write):
    tools = write("tools.json", TOOLS)
    other = ToolCall(id="", name="now\x1b[2J", arguments="")
    model_server.enqueue(Say(tool_calls=[CALL, other], finish_reason="tool_calls"))
    outcome = chat("--tools", tools, "-m", "Weather?")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == 'Assistant: [tool call] weather({"city": "Rome"})\n[tool call] now()\n'
    assert model_server.chats[0].body["tools"] == TOOLS


@pytest.mark.parametrize("stream", [True, False])
def test_calls_follow_the_text_and_are_in_json(chat, model_server, write, stream):
    arguments = ["--tools", write("tools.json", TOOLS), "-m", "Weather?", *([] if stream else ["--no-stream"])]
    model_server.enqueue(*[Say("Let me see", tool_calls=[CALL], reasoning="hm")] * 2)
    outcome = chat(*arguments)
    assert outcome.out == 'Assistant: Let me see\n[tool call] weather({"city": "Rome"})\n'
    answer = json.loads(chat(*arguments, "-o", "json").out)
    assert answer["tool_calls"] == [{"id": "call-1", "name": "weather", "arguments": '{"city": "Rome"}'}]
    assert (answer["text"], answer["finish_reason"]) == ("Let me see", "tool_calls")


def test_the_next_turn_has_the_calls_as_text(chat, model_server, write):
    model_server.enqueue(Say(tool_calls=[CALL], finish_reason="tool_calls"), Say("ok"))
    outcome = chat("--tools", write("tools.json", TOOLS), stdin="Weather?\nGo on\n/undo\n/undo\n")
    assert (outcome.code, outcome.err) == (0, "Removed: Go on\nRemoved: Weather?\n")
    assert [message["role"] for message in model_server.chats[1].messages] == ["user", "assistant", "user"]
    assert model_server.chats[1].messages[1] == {
        "role": "assistant",
        "content": '[tool call] weather({"city": "Rome"})',
    }


def test_calls_are_saved_and_loaded_with_results(chat, model_server, tmp_path, write):
    model_server.enqueue(Say(tool_calls=[CALL]))
    talk = tmp_path / "talk.json"
    script = write("script", f"Weather?\n/save {talk}\n".encode())
    assert chat("--tools", write("tools.json", TOOLS), "--script", script).code == 0
    question, call = json.loads(talk.read_text())
    assert call["tool_calls"] == [
        {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    ]
    result = {"role": "tool", "tool_call_id": "call-1", "content": "sun"}
    answer = {"role": "assistant", "content": "It shines"}
    talk.write_text(json.dumps([question, call, result, answer]))
    outcome = chat("--load", str(talk), stdin="Thanks\n/history\n")
    assert model_server.chats[-1].messages[:4] == [question, call, result, answer]
    assert outcome.out == (
        'Assistant: Thanks\n> Weather?\nAssistant: [tool call] weather({"city": "Rome"})\nResult: sun\n'
        "Assistant: It shines\n\n> Thanks\nAssistant: Thanks\n"
    )


def test_a_call_that_breaks_off_is_not_sent_again(chat, model_server, write):
    events = [
        {
            "choices": [
                {"delta": {"tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": "{"}}]}}
            ]
        },
        {"error": {"message": "overloaded", "code": 503}},
    ]
    model_server.enqueue(stream(*events))
    outcome = chat("--tools", write("tools.json", TOOLS), "-m", "x")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("❌ Model Error: overloaded\n")
    assert len(model_server.chats) == 1


def test_a_call_that_nobody_asked_for_is_an_empty_answer(chat, model_server):
    model_server.enqueue(Say(tool_calls=[CALL]))
    outcome = chat("-m", "Weather?")
    assert (outcome.code, outcome.out) == (1, "")
    assert "The answer is empty: the model called a tool, and kaito runs none" in outcome.err


def test_a_call_that_is_cut_is_an_empty_answer(chat, model_server, write):
    model_server.enqueue(Say(tool_calls=[CALL], finish_reason="length"))
    outcome = chat("--tools", write("tools.json", TOOLS), "-m", "Weather?")
    assert (outcome.code, outcome.out) == (1, "")
    assert "The answer is empty: the token limit was met before it began" in outcome.err


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "is not UTF-8 text"),
        ({}, "expected array, got object"),
        ([], "has no tools"),
        ([{"type": "function"}], "[0].function: it is missing"),
        ([*TOOLS, {"type": "function", "function": {"name": ""}}], "[1].function.name: expected str of length >= 1"),
        ([{"type": "web", "function": {"name": "x"}}], "[0].type: unknown value"),
        ([{"function": {"name": "x"}}], "[0].type: it is missing"),
        ([{"type": "function", "function": {"name": "x", "parameters": 1}}], "[0].function.parameters: expected"),
    ],
)
def test_a_file_without_tools_is_a_usage_error(chat, model_server, write, content, fault):
    file = write("tools.json", content)
    outcome = chat("--tools", file, "-m", "x")
    assert outcome.code == 2
    assert outcome.err.startswith(f"❌ Error: --tools: '{file}'")
    assert fault in outcome.err.splitlines()[0]
    assert model_server.requests == []


# Answers that match a schema


def test_an_answer_that_matches_is_parsed(chat, model_server, write):
    value = {"items": [{"price": 1}], "näme": None}
    model_server.enqueue(*[Say(json.dumps(value))] * 2)
    file = write("order.json", SCHEMA)
    outcome = chat("--schema", file, "-o", "json", "-m", "x")
    assert outcome.code == 0
    assert json.loads(outcome.out)["parsed"] == value
    assert model_server.chats[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "An_order", "schema": SCHEMA, "strict": True},
    }
    assert chat("--schema", file, "-m", "x").out == f"Assistant: {json.dumps(value)}\n"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ('{"items": [{}, {"price": 2}, {"price": "x"}]}', "$.items[2].price: 'x' is not of type 'number'"),
        ("{}", "$: 'items' is a required property"),
        ("Sure! {}", "$: it is not JSON"),
        ('{"items": [', "$: it is not JSON"),
        ('{"items": "\\u001b[2J\\u202e\\nx"}', "$.items: '\\x1b[2J\\u202e\\nx' is not of type 'array'"),
        ("[" * 100_000 + "]" * 100_000, "$: it is nested too deeply"),
        (f"[{'1,' * 50_001}1]", "$: it has too many values"),
    ],
)
def test_an_answer_that_does_not_match_is_a_failure(chat, model_server, write, answer, fault):
    model_server.enqueue(Say(answer), Say(answer))
    file = write("order.json", SCHEMA)
    outcome = chat("--schema", file, "-m", "x")
    assert (outcome.code, outcome.out) == (1, f"Assistant: {answer}\n")
    assert outcome.err == (f"❌ Error: The answer does not match the JSON schema: {fault}\n   Send the message again\n")
    record = json.loads(chat("--schema", file, "-o", "json", "-m", "x").out)
    assert "parsed" not in record
    assert (record["text"], record["received"]) == (None, answer)
    assert record["error"]["message"].startswith("The answer does not match the JSON schema: ")


def test_an_answer_that_was_cut_can_be_continued(chat, model_server, write):
    model_server.enqueue(Say('{"items": [{"pri', finish_reason="length"), Say('ce": 2}]}'))
    outcome = chat("--schema", write("order.json", SCHEMA), "--keep-going", stdin="x\n/continue\n/history\n")
    assert outcome.code == 1
    assert "   The token limit cut it; raise --max-tokens\n" in outcome.err
    assert outcome.out.endswith('> x\nAssistant: {"items": [{"price": 2}]}\n')


def test_a_schema_is_set_and_removed_in_a_chat(chat, model_server, write):
    file = write("order.json", SCHEMA)
    script = write("script", f"/set schema {file}\n[]\n/set schema none\n[]\n/history\n".encode())
    outcome = chat("--script", script, "--keep-going")
    assert outcome.code == 1
    assert outcome.out == "Assistant: []\nAssistant: []\n> []\nAssistant: []\n"
    assert outcome.err.startswith(f"schema: {file}\n❌ Error: The answer does not match the JSON schema: $: [] is not ")
    assert outcome.err.endswith("schema: (not sent)\n")
    assert ["response_format" in request.body for request in model_server.chats] == [True, False]


def test_a_schema_is_refused_from_a_pipe(chat, model_server, write):
    outcome = chat(stdin=f"/set schema {write('order.json', SCHEMA)}\nx\n")
    assert outcome.code == 2
    assert "schema: a file can be named at a prompt and in --script FILE, not from a pipe" in outcome.err
    assert chat(stdin="/set schema none\n/set schema default\nx\n").code == 0


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"x", "it is not JSON"),
        ([], "expected object, got array"),
        ({"type": "text"}, "$.type: 'text' is not valid under any of the given schemas"),
        ({"properties": {"a": {"pattern": "("}}}, "$.properties.a.pattern: '(' is not a 'regex'"),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": "1"}, "$.minimum: '1' is not of type"),
    ],
)
def test_a_file_that_is_no_schema_is_a_usage_error(chat, model_server, write, content, fault):
    file = write("order.json", content)
    outcome = chat("--schema", file, "-m", "x")
    assert outcome.code == 2
    assert outcome.err.startswith(f"❌ Error: --schema: '{file}' is not a JSON schema: {fault}")
    assert model_server.requests == []


def test_without_the_package_the_error_names_it(chat, model_server, write, tmp_path):
    (tmp_path / "jsonschema.py").write_text("raise ImportError")
    outcome = chat("--schema", write("order.json", SCHEMA), "-m", "x", env={"PYTHONPATH": str(tmp_path)})
    [error, hint] = outcome.err.splitlines()
    assert (outcome.code, error) == (2, "❌ Error: --schema: needs the package 'jsonschema', which is not installed")
    assert re.fullmatch("   To install it: .* 'jsonschema>=4.18'", hint)


def test_references_to_servers_are_not_followed(chat, model_server, write):
    model_server.enqueue(Say("1"))
    file = write("order.json", {"$ref": f"{model_server.url}/schema.json"})
    outcome = chat("--schema", file, "-m", "x")
    assert outcome.code == 1
    assert f"the schema refers to '{model_server.url}/schema.json', which is not in it" in outcome.err
    assert all(request.path.startswith("/v1/") for request in model_server.requests)


# Any field of the request


def test_fields_are_added_and_replaced(chat, model_server, write):
    fields = {"top_a": 0.2, "temperature": None, "max_tokens": 7, "top_p": "x", "nested": {"a": [None]}}
    assert chat("--extra-body", f"@{write('body.json', fields)}", "-m", "x").code == 0
    body = model_server.chats[0].body
    assert (body["top_a"], body["max_tokens"], body["top_p"]) == (0.2, 7, "x")
    assert body["nested"] == {"a": [None]}
    assert "temperature" not in body


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x", "--extra-body: it is not JSON\n   Expected a JSON object"),
        ("[]", "--extra-body: expected object, got array\n   Expected a JSON object"),
        ('{"model": "m"}', "--extra-body: 'model' cannot be set here\n   Use --model"),
        ('{"messages": []}', "--extra-body: 'messages' cannot be set here"),
        ('{"stream": false}', "--extra-body: 'stream' cannot be set here\n   Use --no-stream"),
        ('{"": 1}', "--extra-body: a field needs a name without blanks"),
        ("@/none", "--extra-body: cannot read '/none': No such file or directory"),
    ],
)
def test_a_value_that_is_no_body_is_a_usage_error(chat, model_server, value, message):
    outcome = chat("--extra-body", value, "-m", "x")
    assert (outcome.code, message in outcome.err) == (2, True), outcome.err
    assert model_server.requests == []


def test_the_switches_of_reasoning_are_merged_with_template_arguments(chat, model_server):
    body = '{"chat_template_kwargs": {"thinking": 1, "x": 2}}'
    assert chat("--think", "off", "--extra-body", body, stdin="a\n/set think auto\nb\n").code == 0
    first, second = (request.body["chat_template_kwargs"] for request in model_server.chats)
    assert first == {"enable_thinking": False, "thinking": 1, "x": 2}
    assert second == {"thinking": 1, "x": 2}


def test_the_tokens_are_counted_with_tools_and_template_arguments(chat, model_server, write):
    outcome = chat("--tools", write("tools.json", TOOLS), "--think", "off", stdin="x\n/tokens\n")
    assert outcome.code == 0
    [counted] = [request.body for request in model_server.requests if request.path == "/tokenize"]
    assert counted["tools"] == TOOLS
    assert counted["chat_template_kwargs"] == {"enable_thinking": False, "thinking": False}


def test_an_argument_of_a_tool_in_rubbish_is_shown_or_left_out(chat, model_server, write):
    events = [
        {"choices": [{"delta": {"tool_calls": [None, 5, {"function": {"name": "f", "arguments": {"a": "\ud83d"}}}]}}]},
        {"choices": [{"delta": {"tool_calls": {"index": "x"}}, "finish_reason": "stop"}]},
    ]
    model_server.enqueue(stream(*events))
    outcome = chat("--tools", write("tools.json", TOOLS), "-m", "x")
    assert (outcome.code, outcome.out) == (0, 'Assistant: [tool call] f({"a": "\ufffd"})\n')
