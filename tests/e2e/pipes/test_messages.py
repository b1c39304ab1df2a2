"""Single messages, trimming, and the contract's errors."""

import json

import pytest

from kaito.testing import Cut, Say, Status
from tests.e2e.pipes.contract import HELP

# One message


def test_one_message(chat, model_server):
    outcome = chat("-m", "Hi")
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: Hi\n", "")


def test_a_message_is_never_a_command(chat, model_server):
    chat("--message", "help")
    assert model_server.chats[0].last_message == "help"


def test_piped_text_precedes_the_message(chat, model_server):
    chat("-m", "why?", stdin="log 1\nlog 2\n")
    assert model_server.chats[0].last_message == "log 1\nlog 2\n\nwhy?"


def test_text_from_a_file_precedes_the_message(chat, model_server, tmp_path):
    file = tmp_path / "log"
    file.write_text("log\n\n")
    chat("-m", "why?", stdin=file)
    assert model_server.chats[0].last_message == "log\n\n\nwhy?"


def test_no_stdin_ignores_piped_text(chat, model_server):
    chat("-m", "why?", "--no-stdin", stdin="log\n")
    assert model_server.chats[0].last_message == "why?"


def test_empty_stdin_adds_nothing(chat, model_server):
    chat("-m", "why?", stdin="")
    assert model_server.chats[0].last_message == "why?"


def test_a_dash_sends_all_of_stdin_verbatim(chat, model_server):
    chat("-m", "-", stdin='quit\n"""\n\n')
    assert model_server.chats[0].last_message == 'quit\n"""\n\n'


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["-m", " "], None, "--message is empty"),
        (["-m", "-"], "", "--message is empty"),
        (["-m", "-", "--no-stdin"], "x", "--message: '-' cannot be used with --no-stdin"),
        (["--no-stdin"], "x", "--no-stdin: needs --message"),
        (["-m", "x", "--script", "y"], None, "--message: cannot be used with --script"),
        (["-m", "x", "--script", "-"], "y", "--message: cannot be used with --script"),
        (["-m", "x", "--message=y"], None, "--message is given twice"),
        (["-mx", "-m", "y"], None, "--message is given twice"),
    ],
)
def test_invalid_combinations_of_message_flags(chat, model_server, arguments, stdin, message):
    outcome = chat(*arguments, stdin=stdin)
    assert (outcome.code, message in outcome.err) == (2, True)
    assert model_server.requests == []


@pytest.mark.parametrize(("message", "sent"), [("why?", "log\n\nwhy?"), ("-", "log\n")])
def test_a_byte_order_mark_is_removed_from_piped_text(chat, model_server, message, sent):
    chat("-m", message, stdin=b"\xef\xbb\xbflog\n")
    assert model_server.chats[0].last_message == sent


@pytest.mark.parametrize(
    ("stdin", "sent", "warning"),
    [
        (b"log caf\xc3\n", "log caf\ufffd", "1 character of stdin replaced: byte 8 is not UTF-8 (0xc3)"),
        (b"\xa9 a \xff\xff\n", "\ufffd a \ufffd\ufffd", "3 characters of stdin replaced: byte 1 is not UTF-8 (0xa9)"),
        (b"\xff\xfea\0\x00", "a\ufffd", "1 character of stdin replaced: byte 5 is not UTF-16 (0x00)"),
    ],
)
@pytest.mark.parametrize("message", ["why?", "-"])
def test_bytes_of_piped_text_that_are_no_letters_are_replaced(chat, model_server, message, stdin, sent, warning):
    outcome = chat("-m", message, stdin=stdin)
    assert (outcome.code, outcome.err) == (0, f"Warning: {warning}\n")
    newline = "\n" if stdin.endswith(b"\n") else ""
    assert model_server.chats[0].last_message == (f"{sent}\n\nwhy?" if message != "-" else sent + newline)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_piped_utf16(chat, model_server, encoding):
    text = "日志: größer 🤖\r\nzwei\n"
    data = text.encode(encoding) if encoding == "utf-16" else ("\ufeff" + text).encode(encoding)
    assert chat("-m", "-", stdin=data).err == ""
    assert chat(stdin=data).code == 0
    assert [each.last_message for each in model_server.chats] == [text, "日志: größer 🤖", "zwei"]


def test_json_output(chat, model_server):
    model_server.enqueue(Say("a \x1b[31m\u2028", reasoning="hm"))
    outcome = chat("-o", "json", stdin="x\nhelp\ny\n")
    first, second, _ = outcome.out.split("\n")
    answer = json.loads(first)
    assert (answer["text"], answer["reasoning"], answer["model"], answer["finish_reason"]) == (
        "a \x1b[31m\u2028",
        "hm",
        "test-model",
        "stop",
    )
    assert answer["usage"]["prompt_tokens"] == 1
    assert answer["timings"]["total_s"] >= answer["timings"]["first_token_s"] > 0
    assert json.loads(second)["text"] == "y"
    assert outcome.err == HELP


def test_no_stream_requests_the_answer_as_a_whole(chat, model_server):
    assert chat("--no-stream", "-m", "Hi").out == "Assistant: Hi\n"
    assert model_server.chats[0].body["stream"] is False


def test_trim_drops_the_oldest_turns(chat, model_server):
    model_server.window, model_server.default = 30, Say("ok")
    script = "".join(f"{'word ' * 8}{number}\n" for number in range(5))
    arguments = ["--max-tokens", "5", "--system-prompt", "Be brief"]
    outcome = chat(*arguments, stdin=script)
    assert outcome.code == 1
    assert "❌ Model Error: Input too long (" in outcome.err
    outcome = chat(*arguments, "--trim", stdin=script)
    assert (outcome.code, outcome.out) == (0, "Assistant: ok\n" * 5)
    notice = "The oldest turn was dropped to fit the model's window (--trim); more will be dropped as it fills\n"
    assert outcome.err == notice
    messages = [message["content"] for message in model_server.chats[-1].messages]
    assert messages[0] == "Be brief"
    assert messages[-1].endswith("4")
    assert len(messages) == 4


@pytest.mark.parametrize(
    ("dialect", "tokenize", "max_tokens", "requests", "turns"),
    [
        ("vllm", True, 100, 3, 7),
        ("vllm-old", True, 100, 3, 7),
        ("vllm-at-least", True, 100, 3, 7),
        # Without token counts, each step drops more turns than the one before.
        ("vllm-at-least", False, 100, 12, 4),
        # With --trim, an answer is shortened to half of the window at most.
        ("vllm", True, 150, 3, 7),
        ("vllm", True, 4096, 3, 7),
        ("vllm-at-least", False, 4096, 14, 4),
        # llama.cpp gives the answer whatever the prompt leaves, and accepts a prompt that leaves one token.
        ("llama.cpp", True, 100, 3, 7),
    ],
)
def test_a_long_conversation_is_trimmed_in_few_requests(
    chat, model_server, tmp_path, dialect, tokenize, max_tokens, requests, turns
):
    turn = [{"role": "user", "content": "w " * 7}, {"role": "assistant", "content": "a " * 7}]
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(turn * 200))
    model_server.window, model_server.dialect, model_server.tokenize = 200, dialect, tokenize
    arguments = ["--trim", "--max-tokens", str(max_tokens), "--load", str(file), "-m", "x y"]
    outcome = chat(*arguments)
    assert (outcome.code, outcome.out) == (0, "Assistant: x y\n")
    assert "turns were dropped to fit" in outcome.err
    assert len(model_server.chats) <= requests
    # Seven turns of 14 words and a message of 2 leave 100 for the answer.
    assert turns - 1 <= len(model_server.chats[-1].messages) // 2 <= 7
    if dialect != "llama.cpp":
        assert model_server.chats[-1].body["max_tokens"] >= 100


# Errors


def test_the_contract_s_model_error(chat, model_server):
    model_server.window = 1024
    outcome = chat("-m", "word " * 1500)
    assert outcome.code == 1
    assert outcome.out == ""
    assert outcome.err.startswith(
        "❌ Model Error: Input too long (1500 tokens > 1024 max)\n"
        "   Try reducing your message length or increasing --max-tokens\n"
    )
    assert len(outcome.err.splitlines()) == 3


def test_the_contract_s_connection_error(kaito, refused_url):
    outcome = kaito("chat", "--endpoint", refused_url, "--workspace-name", "my-workspace", "-m", "x")
    assert outcome.code == 4
    assert outcome.out == ""
    assert outcome.err.startswith(
        "❌ Error: Unable to connect to workspace endpoint\n"
        f"   Endpoint: {refused_url}/chat/completions\n"
        "   Please check if the workspace is running and accessible\n"
    )


def test_the_connection_error_shows_the_service_s_url(kaito, refused_url, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        "current-context: a\n"
        "contexts: [{name: a, context: {cluster: a}}]\n"
        f"clusters: [{{name: a, cluster: {{server: '{refused_url}'}}}}]\n"
    )
    flags = ["--workspace-name", "my-workspace", "-n", "prod", "--kubeconfig", str(config)]
    outcome = kaito("chat", *flags, "-m", "x")
    assert outcome.code == 4
    assert outcome.err.startswith("❌ Error: Unable to connect to workspace endpoint\n")
    assert "   Endpoint: http://my-workspace.prod.svc.cluster.local/chat/completions\n" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--workspace-name is required"),
        (
            ["--backend", "nope", "--workspace-name", "x"],
            "--backend: 'nope' is not one of auto, api-proxy, cluster-dns, ingress, port-forward, url",
        ),
        (
            ["--backend", "local"],
            "   'local' comes with the plugin kaito-local, which is not installed\n   To install it",
        ),
        (["--backend", "url"], "--backend: 'url' requires --endpoint URL"),
        (["--backend", "ingress", "--endpoint", "http://x"], "--backend: 'ingress' cannot be used with --endpoint"),
        (["--endpoint", "http://x", "-o", "xml"], "--output: 'xml' is not one of json, plain"),
        (
            ["--endpoint", "http://x", "-o", "markdown"],
            "   'markdown' comes with the plugin kaito-rich, which is not installed\n   To install it",
        ),
        (["--temperature", "3"], "--temperature: '3' is not a number from 0.0 to 2.0"),
    ],
)
def test_usage_errors_are_reported_before_any_request(kaito, arguments, message):
    outcome = kaito("chat", *arguments, stdin="x\n")
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


def test_retries_of_a_busy_server_are_reported(chat, model_server):
    model_server.enqueue(Status(429, retry_after=1), Say("Hi"))
    outcome = chat("-m", "x")
    assert outcome.out == "Assistant: Hi\n"
    assert outcome.err.startswith("retrying in 1 s: the server is busy: ")


def test_a_broken_answer_names_no_slash_command_where_there_are_none(chat, model_server):
    model_server.enqueue(Cut("half"), Cut("half"))
    outcome = chat("-m", "x")
    assert outcome.code == 1
    assert outcome.err.endswith("   The answer is not complete; send the message again\n")
    assert chat(stdin="x\n").err == outcome.err + "   at stdin:1\n"
