"""The Python API: `kaito.connect`."""

import asyncio
import logging
import sys
import textwrap
import traceback
from typing import cast

import pytest
from msgspec import UNSET

import kaito
from kaito import (
    ConnectError,
    ForbiddenError,
    Image,
    KaitoError,
    Message,
    ModelError,
    PluginError,
    ResponseSchema,
    Settings,
    Target,
    ToolCall,
    UsageError,
)
from kaito.testing import Cut, Hang, Say, Status
from tests.images import png


def ask(url, messages="Hi", **options):
    """Connect, ask one question, and return the reply."""

    async def main():
        async with kaito.connect(endpoint=url, **options) as model:
            return await model.ask(messages)

    return asyncio.run(main())


def test_a_question(model_server):
    model_server.enqueue(Say("Hello"))
    reply = ask(model_server.url)
    assert (reply.content, reply.finish_reason, reply.outcome) == ("Hello", "stop", "complete")
    assert reply.usage is not None
    [chat] = model_server.chats
    assert chat.body["messages"] == [{"role": "user", "content": "Hi"}]
    assert chat.body["stream"] is False
    assert (chat.body["temperature"], chat.body["max_tokens"], chat.body["model"]) == (0.7, 1024, model_server.model)


def test_messages_and_fields(model_server):
    async def main():
        async with kaito.connect(endpoint=model_server.url, model=model_server.model) as model:
            assert (model.name, model.backend) == (model_server.model, "url")
            assert [info.name for info in model.models] == [model_server.model]
            messages = [Message("system", "Be brief"), Message("user", "Hi")]
            await model.ask(messages, temperature=0.0, extra={"seed": 1})

    asyncio.run(main())
    body = model_server.chats[0].body
    assert (body["temperature"], body["seed"], body["model"]) == (0.0, 1, model_server.model)
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_images_calls_of_tools_and_schemas(model_server):
    call = ToolCall(id="1", name="look", arguments="{}")
    model_server.enqueue(Say(tool_calls=[call]), Say("5"), Say("five"))
    schema = ResponseSchema(name="number", schema={"type": "integer"}, file="")
    settings = Settings(target=Target(endpoint=model_server.url), schema=schema)
    question = Message("user", "How many?", images=(Image.read(png(1, 1)),))

    async def main():
        async with kaito.connect(settings) as model:
            first = await model.ask([question], extra={"tools": [{"type": "function", "function": {"name": "look"}}]})
            answer = Message("assistant", first.content, tool_calls=first.tool_calls)
            second = await model.ask([question, answer, Message("tool", "5", tool_call_id="1")])
            with pytest.raises(KaitoError, match=r"does not match the JSON schema: \$: it is not JSON"):
                await model.ask([question])
            return first, second

    first, second = asyncio.run(main())
    assert (first.tool_calls, first.parsed is UNSET, second.parsed) == ((call,), True, 5)
    messages = model_server.chats[1].messages
    assert [part["type"] for part in messages[0]["content"]] == ["image_url", "text"]
    assert [messages[1]["tool_calls"][0]["id"], messages[2]["tool_call_id"]] == ["1", "1"]


def test_a_stream(model_server):
    model_server.enqueue(Say(chunks=["a", "b", "c"]))

    async def main():
        async with kaito.connect(endpoint=model_server.url) as model:
            return [delta.content async for delta in model.stream("Hi") if delta.content]

    assert "".join(asyncio.run(main())) == "abc"
    assert model_server.chats[0].body["stream"] is True


def test_a_stream_that_is_left_stops_the_server(model_server):
    model_server.enqueue(Hang("one "))

    async def main():
        async with kaito.connect(endpoint=model_server.url) as model:
            stream = model.stream("Hi")
            async for delta in stream:
                if delta.content:
                    break
            await stream.aclose()
            await asyncio.to_thread(model_server.wait_for_disconnect)

    asyncio.run(main())


def test_many_questions_at_once(model_server):
    async def main():
        async with kaito.connect(endpoint=model_server.url) as model:
            replies = await asyncio.gather(*(model.ask(f"question {number}") for number in range(100)))
            return [reply.content for reply in replies]

    assert asyncio.run(main()) == [f"question {number}" for number in range(100)]


@pytest.mark.parametrize(
    ("answer", "error"),
    [(Status(500), ModelError), (Cut("half"), KaitoError), (Status(401), KaitoError)],
)
def test_errors(model_server, answer, error):
    model_server.enqueue(answer)
    with pytest.raises(error):
        ask(model_server.url)


def test_no_server(refused_url):
    with pytest.raises(ConnectError):
        ask(refused_url)


def test_retries_are_reported(model_server, reporter):
    model_server.enqueue(Status(503), Say("late"))
    assert ask(model_server.url, reporter=reporter).content == "late"
    assert reporter.retries


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--workspace-name is required"),
        ({"backend": "wrong"}, "--workspace-name is required|is not one of"),
        ({"endpoint": "http://x", "backend": "ingress"}, "cannot be used with --endpoint"),
        ({"endpoint": "http://x", "options": {"redact": "x"}}, "no plugin has the option 'redact'"),
        ({"settings": Settings(), "model": "phi", "wait": 1.0}, "takes either settings or model, wait, not both"),
        ({"settings": Settings(), "backend": "url"}, "takes either settings or backend, not both"),
    ],
)
def test_invalid_arguments(options, message):
    async def main():
        async with kaito.connect(**options):
            pass

    with pytest.raises(UsageError, match=message):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workspace": "Bad_Name"}, "workspace: 'Bad_Name' is not a name such as my-llama"),
        ({"workspace": "my-llama", "namespace": "../x"}, r"namespace: '\.\./x' is not a name"),
        ({"endpoint": "localhost"}, "endpoint: 'localhost' is not an http:// or https:// URL"),
        ({"endpoint": "http://x", "wait": -1}, "wait: -1 is not a number of seconds from 0"),
        ({"endpoint": "http://x", "wait": float("nan")}, "wait: nan is not a number of seconds from 0"),
    ],
)
def test_invalid_values(options, message):
    with pytest.raises(UsageError, match=message):
        asyncio.run(kaito.connect(**options).__aenter__())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": "my-llama"}, "settings must be kaito.Settings, not str; name a workspace with workspace='my-ll"),
        ({"settings": {}}, "settings must be kaito.Settings, not dict$"),
        ({"endpoint": 5}, "endpoint must be text, not int"),
        ({"workspace": b"x"}, "workspace must be text, not bytes"),
        ({"endpoint": "http://x", "model": 5}, "model must be text, not int"),
        ({"endpoint": "http://x", "wait": "20m"}, "wait must be a number, not str"),
        ({"endpoint": "http://x", "options": 5}, "options must be a mapping of names to values, not int"),
    ],
)
def test_arguments_of_the_wrong_type(options, message):
    with pytest.raises(TypeError, match=message):
        asyncio.run(kaito.connect(**options).__aenter__())


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (5, "messages must be text, a kaito.Message, or a sequence of kaito.Message, not int"),
        (None, "or a sequence of kaito.Message, not NoneType"),
        (b"Hi", "or a sequence of kaito.Message, not bytes"),
        ([{"role": "user", "content": "Hi"}], "a message must be a kaito.Message, not dict"),
        ([Message("user", cast("str", 5))], "the content of a message must be text, not int"),
    ],
)
def test_messages_of_the_wrong_type(model_server, messages, message):
    with pytest.raises(TypeError, match=message):
        ask(model_server.url, messages)
    assert model_server.chats == []


def test_a_model_is_closed_after_its_block(model_server):
    async def main():
        async with kaito.connect(endpoint=model_server.url) as model:
            pass
        for question in (model.ask("Hi"), anext(model.stream("Hi")), model.count_tokens("Hi")):
            with pytest.raises(UsageError, match="The model is closed"):
                await question

    asyncio.run(main())


def test_a_model_is_not_used_in_another_event_loop(model_server):
    async def main():
        async with kaito.connect(endpoint=model_server.url) as model:
            with pytest.raises(UsageError, match="The model is connected in another event loop"):
                await asyncio.to_thread(lambda: asyncio.run(model.ask("Hi")))

    asyncio.run(main())


def test_a_traceback_shows_the_hints(model_server, refused_url):
    with pytest.raises(ConnectError) as caught:
        ask(refused_url)
    assert "Connection refused" in "".join(traceback.format_exception(caught.value))
    model_server.enqueue(Status(401))
    with pytest.raises(ForbiddenError) as refused:
        ask(model_server.url)
    assert refused.value.__notes__ == ["Set KAITO_API_KEY, or pass a file that holds the key with --api-key-file"]


def test_settings(model_server):
    settings = Settings(target=Target(endpoint=model_server.url), temperature=0.1, top_p=0.2)

    async def main():
        async with kaito.connect(settings) as model:
            await model.ask("Hi")

    asyncio.run(main())
    assert (model_server.chats[0].body["temperature"], model_server.chats[0].body["top_p"]) == (0.1, 0.2)


def test_the_key_is_sent_and_never_logged(model_server, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("KAITO_API_KEY", "sk-secret-key")
    ask(model_server.url)
    assert model_server.chats[0].headers["authorization"] == "Bearer sk-secret-key"
    assert "sk-secret-key" not in caplog.text


PLUGIN = """
from kaito import hookimpl

@hookimpl
def kaito_add_options(command, options):
    options.add("--hide-word", help="Hide a word", default="secret", parse=word)

def word(text):
    if not text.strip():
        raise ValueError("it is blank")
    return text.strip()

@hookimpl
def kaito_request(request, settings):
    hidden = [type(m)(m.role, m.content.replace(settings.option("hide-word"), "***")) for m in request.messages]
    return request.replace(messages=tuple(hidden))

@hookimpl
def kaito_reply(request, reply):
    seen.append((request.messages[-1].content, reply.content, reply.outcome))

seen = []
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a plugin; return its module's name."""

    def install(source):
        info = tmp_path / "hide-1.0.dist-info"
        info.mkdir()
        (tmp_path / "hide_words.py").write_text(textwrap.dedent(source))
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hide\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[kaito]\nhide = hide_words\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setenv("KAITO_PLUGINS", "hide")

    yield install
    sys.modules.pop("hide_words", None)


def test_plugins_redact_and_see_replies(model_server, install):
    install(PLUGIN)
    assert ask(model_server.url, "my secret word").content == "my *** word"
    # A text is parsed as that of a flag.
    assert ask(model_server.url, "my secret word", options={"hide-word": " word "}).content == "my secret ***"
    with pytest.raises(UsageError, match=r"^options: hide_word: ' ': it is blank$"):
        ask(model_server.url, "my secret word", options={"hide-word": " "})
    assert sys.modules["hide_words"].seen[-1] == ("my secret ***", "my secret ***", "complete")

    async def count():
        async with kaito.connect(endpoint=model_server.url) as model:
            return await model.count_tokens("a secret")

    asyncio.run(count())
    assert all(b"a secret" not in request.raw for request in model_server.requests)


def test_nothing_is_sent_without_a_plugin_that_may_redact(model_server, install):
    install("import nothing_of_this_name\n" + PLUGIN)
    with pytest.raises(PluginError, match="may redact what is sent"):
        ask(model_server.url)
    assert model_server.requests == []
