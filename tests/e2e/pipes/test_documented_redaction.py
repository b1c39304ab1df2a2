"""The redaction of docs/plugins.md: a word of the list leaves in no field of any request."""

import contextlib
import importlib.util
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito import ChatRequest, KaitoError, Message, Settings, ToolCall
from tests.documentation import example
from tests.images import png

WORDS = ["secret", "Müller", "4711", "two words"]

CONVERSATION = [
    {"role": "system", "content": "Never name Müller"},
    {"role": "user", "content": "Call the tool"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "1", "function": {"name": "secret_tool", "arguments": '{"\\u004düller": 4711, "x": "SECRET"}'}},
            {"id": "2", "function": {"name": "f", "arguments": "no JSON, secret"}},
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": "the secret of Müller"},
    {"role": "tool", "tool_call_id": "2", "content": "two words"},
    {"role": "assistant", "content": "It is 4711"},
]
TOOLS = [{"type": "function", "function": {"name": "secret_tool", "description": "Asks MÜLLER", "parameters": {}}}]


@pytest.fixture
def redacted(chat, plugin, tmp_path):
    """Run `kaito chat` with the plugin and a list of words."""
    file = plugin(example("Hides the words of a list"), name="redact")
    words = tmp_path / "words.txt"
    words.write_text("\n".join(WORDS) + "\n\n")

    def redacted(*arguments, words=words, **options):
        flags = () if words is None else ("--redact-file", str(words))
        return chat("--plugin", file, *flags, *arguments, **options)

    return redacted


def leaked(server):
    """Return the words of the list in any request, as text and in JSON's escapes."""
    sent = "".join(json.dumps(request.body, ensure_ascii=False) + request.raw.decode() for request in server.requests)
    return [word for word in WORDS if word.lower() in sent.lower()]


def test_no_field_has_a_word(redacted, model_server, tmp_path):
    (tmp_path / "before.json").write_text(json.dumps(CONVERSATION))
    (tmp_path / "tools.json").write_text(json.dumps(TOOLS))
    outcome = redacted(
        "--load",
        str(tmp_path / "before.json"),
        "--tools",
        str(tmp_path / "tools.json"),
        "--extra-body",
        '{"user": "Müller", "metadata": {"secret": 4711}}',
        stdin="My Secret is 4711, two words\n/tokens\n/retry\n",
    )
    assert outcome.code == 0
    assert len(model_server.chats) == 2
    assert any(request.path == "/tokenize" for request in model_server.requests)
    assert leaked(model_server) == []
    sent = model_server.chats[0].body
    assert sent["messages"][-1]["content"] == "My *** is ***, ***"
    calls = [call["function"] for message in sent["messages"] for call in message.get("tool_calls", ())]
    assert calls == [
        {"name": "***_tool", "arguments": '{"***": "***", "x": "***"}'},
        {"name": "f", "arguments": "no JSON, ***"},
    ]
    assert [message["content"] for message in sent["messages"] if message["role"] == "tool"] == [
        "the *** of ***",
        "***",
    ]
    assert sent["metadata"] == {"***": "***"}


def test_images_are_refused(redacted, model_server, tmp_path):
    (tmp_path / "cat.png").write_bytes(png(2, 1))
    outcome = redacted("--image", str(tmp_path / "cat.png"), "-m", "What is it?")
    assert outcome.code == 1
    assert outcome.err.startswith("❌ Error: An image cannot be searched for words to hide\n")
    assert model_server.chats == []


@pytest.mark.parametrize(
    ("content", "code", "error"),
    [
        (None, 1, "There is no list of words to hide\n   Name one with --redact-file FILE"),
        ("", 2, "--redact-file: '{file}': it has no words"),
        (b"\xff", 2, "--redact-file: '{file}': it is not UTF-8"),
    ],
)
def test_without_words_nothing_is_sent(redacted, model_server, tmp_path, content, code, error):
    file = None
    if content is not None:
        file = tmp_path / "list"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    outcome = redacted("-m", "Hi", words=file)
    assert outcome.code == code
    assert outcome.err.startswith(f"❌ Error: {error.format(file=file)}")
    assert model_server.chats == []


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """Return the plugin's module."""
    file = tmp_path_factory.mktemp("plugin") / "redact.py"
    file.write_text(example("Hides the words of a list"))
    spec = importlib.util.spec_from_file_location("documented_redaction", file)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


TEXTS = st.text(max_size=8) | st.sampled_from([*WORDS, "a secret b", "SECRET4711", '"secret"', "\\u0073ecret"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
CALLS = st.builds(ToolCall, st.just("1"), TEXTS, TEXTS | VALUES.map(json.dumps))
MESSAGES = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), TEXTS, tool_calls=st.tuples() | st.tuples(CALLS)
)


@given(st.lists(MESSAGES, min_size=1, max_size=3), st.dictionaries(st.just("tools"), VALUES))
def test_any_message_is_searched(module, tmp_path_factory, messages, extra):
    words = tmp_path_factory.getbasetemp() / "words.txt"
    words.write_text("\n".join(WORDS))
    settings = Settings(options={"redact_file": module.word_list(words)})
    sent = module.kaito_request(ChatRequest(messages=tuple(messages), extra=extra), settings)
    texts = [json.dumps(sent.extra, ensure_ascii=False)]
    for message in sent.messages:
        texts.append(message.content)
        for call in message.tool_calls:
            texts += [call.name, call.arguments]
            with contextlib.suppress(ValueError):
                texts.append(json.dumps(json.loads(call.arguments), ensure_ascii=False))
    assert [word for word in WORDS for text in texts if word.lower() in text.lower()] == []


def test_a_refusal_needs_no_words(module):
    with pytest.raises(KaitoError, match="no list of words"):
        module.kaito_request(ChatRequest(messages=()), Settings(options={"redact_file": None}))
