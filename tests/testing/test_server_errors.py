"""The server's error responses, which are those of real servers."""

import pytest

from kaito.testing import ModelServer, Say
from tests.testing.http_client import hello


def words(count: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": "word " * count}]


@pytest.mark.parametrize(
    ("dialect", "prompt", "answer", "error"),
    [
        (
            "vllm",
            2049,
            1024,
            {
                "error": {
                    "message": "This model's maximum context length is 2048 tokens. However, your prompt contains at "
                    "least 2049 input tokens. Please reduce the length of the input prompt.",
                    "type": "BadRequestError",
                    "param": "input_tokens",
                    "code": 400,
                }
            },
        ),
        (
            "vllm",
            1500,
            1024,
            {
                "error": {
                    "message": "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum "
                    "context length is 2048 tokens and your request has 1500 input tokens (1024 > 2048 - 1500).",
                    "type": "BadRequestError",
                    "param": "max_tokens",
                    "code": 400,
                }
            },
        ),
        (
            "vllm-at-least",
            1500,
            1024,
            {
                "error": {
                    "message": "This model's maximum context length is 2048 tokens. However, you requested 1024 output "
                    "tokens and your prompt contains at least 1025 input tokens, for a total of at least 2049 tokens. "
                    "Please reduce the length of the input prompt or the number of requested output tokens.",
                    "type": "BadRequestError",
                    "param": "input_tokens",
                    "code": 400,
                }
            },
        ),
        (
            "vllm-old",
            1076,
            1024,
            {
                "object": "error",
                "message": "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens "
                "(1076 in the messages, 1024 in the completion). Please reduce the length of the messages or "
                "completion.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        (
            "vllm-old",
            2100,
            None,
            {
                "object": "error",
                "message": "This model's maximum context length is 2048 tokens. However, you requested 2100 tokens in "
                "the messages, Please reduce the length of the messages.",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        (
            "llama.cpp",
            5031,
            1024,
            {
                "error": {
                    "code": 400,
                    "message": "request (5031 tokens) exceeds the available context size (2048 tokens), try "
                    "increasing it",
                    "type": "exceed_context_size_error",
                    "n_prompt_tokens": 5031,
                    "n_ctx": 2048,
                }
            },
        ),
    ],
)
def test_a_prompt_that_does_not_fit_the_window(ask, dialect, prompt, answer, error):
    with ModelServer(window=2048, dialect=dialect) as server:
        server.enqueue(Say("unused"))
        fields = {} if answer is None else {"max_tokens": answer}
        response = ask(server, body=hello(messages=words(prompt), **fields))
        assert server.pending == 1
    assert (response.status, response.json) == (400, error)


@pytest.mark.parametrize("answer", [1, 1024, 2047])
def test_later_vllm_reports_a_bound_that_does_not_depend_on_the_prompt(ask, answer):
    with ModelServer(window=2048, dialect="vllm-at-least") as server:
        message = ask(server, body=hello(messages=words(9000), max_tokens=answer)).json["error"]["message"]
    assert f"contains at least {2048 - answer + 1} input tokens, for a total of at least 2049 tokens" in message


def test_the_bound_for_a_large_window(ask):
    with ModelServer(window=131072, dialect="vllm-at-least") as server:
        message = ask(server, body=hello(messages=words(130100), max_tokens=1024)).json["error"]["message"]
    assert message.startswith(
        "This model's maximum context length is 131072 tokens. However, you requested 1024 output tokens and your "
        "prompt contains at least 130049 input tokens, for a total of at least 131073 tokens."
    )


@pytest.mark.parametrize("dialect", ["vllm", "vllm-at-least", "vllm-old", "llama.cpp"])
@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_prompt_that_just_fits(ask, dialect, limit):
    with ModelServer(window=10, dialect=dialect, default=Say("ok")) as server:
        assert ask(server, body=hello(messages=words(6), **{limit: 4})).status == 200
        assert ask(server, body=hello(messages=words(9))).status == 200
        expected = 200 if dialect == "llama.cpp" else 400
        assert ask(server, body=hello(messages=words(6), **{limit: 5})).status == expected
        assert ask(server, body=hello(messages=words(10))).status == 400


def test_an_unknown_model(ask, model_server):
    answer = ask(model_server, body=hello(model="gpt"))
    assert answer.status == 404
    assert answer.json["error"] == {
        "message": "The model `gpt` does not exist.",
        "type": "NotFoundError",
        "param": "model",
        "code": 404,
    }
    model_server.dialect = "vllm-old"
    assert ask(model_server, body=hello(model="gpt")).json["object"] == "error"


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        ("user", 200),
        ("system user", 200),
        ("user assistant user", 200),
        ("system user assistant user", 200),
        ("", 400),
        ("system", 400),
        ("assistant", 400),
        ("user assistant", 400),
        ("user user", 400),
        ("user user user", 400),
        ("user system user", 400),
        ("system system user", 400),
    ],
)
def test_roles_that_do_not_alternate(ask, roles, status):
    with ModelServer(strict_roles=True) as server:
        messages = [{"role": role, "content": "x"} for role in roles.split()]
        answer = ask(server, body=hello(messages=messages))
    assert answer.status == status
    if status == 400:
        assert "roles must alternate" in answer.json["error"]["message"]


def test_a_server_without_stream_options(ask):
    with ModelServer(refuse_usage=True) as server:
        answer = ask(server, body=hello(stream_options={"include_usage": True}))
        assert (answer.status, "stream_options" in answer.json["error"]["message"]) == (400, True)
        assert ask(server, body=hello()).status == 200
