"""Errors about a full context window, in the words of each server, and errors that only look like them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.openai.context_errors import WindowNumbers, answer_limit, window_numbers
from kaito.openai.error_bodies import ErrorBody, parse_error_body


@pytest.mark.parametrize(
    ("message", "prompt", "window", "exact"),
    [
        ("This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens. Please reduce", 2049, 2048, False),
        ("This model's maximum context length is 2048 tokens. However, you requested 2100 tokens (1076 in the messages, 1024 in the completion). Please", 1076, 2048, True),
        ("'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 2048 tokens and your request has 1500 input tokens (1024 > 2048 - 1500). None", 1500, 2048, True),
        ("This model's maximum context length is 2048 tokens. However, you requested 1024 output tokens and your prompt contains at least 1025 input tokens, for a total of at least 2049 tokens. Please reduce the length of the input prompt", 1025, 2048, False),
        ("This model's maximum context length is 2048 tokens. However, you requested 2048 output tokens and your prompt contains 581 characters (more than 0 characters, which is the upper bound for 0 input tokens).", None, 2048, True),
        ("This model's maximum context length is 2048 tokens. However, your messages resulted in 5000 tokens.", 5000, 2048, True),
        ('The decoder prompt (length 3000) is longer than the maximum model length of 2048. Make sure', 3000, 2048, True),
        ('request (5031 tokens) exceeds the available context size (1024 tokens), try increasing it', 5031, 1024, True),
        ('`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 1024 `max_new_tokens`', 4000, 4096, True),
        ('Input validation error: `inputs` must have less than 1024 tokens. Given: 2000', 2000, 1024, True),
        ("This model's maximum context length is 2048 tokens, sorry", None, 2048, True),
        ("You passed 1025 input tokens and requested 1024 output tokens. However, the model's context length is only 2048 tokens, resulting in a maximum input length of 1024 tokens. Please reduce the length of the input prompt. (parameter=input_tokens, value=1025)", 1025, 2048, True),
        ('max_tokens=2049 cannot be greater than max_model_len=2048. Please request fewer output tokens.', None, 2048, True),
        ("This model's maximum context length is 1024 tokens. However, your request has 1500 input tokens. Please reduce the length of the input messages.", 1500, 1024, True),
        ("The input (5000 tokens) is longer than the model's context length (4096 tokens).", 5000, 4096, True),
        ("Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5024 tokens: 4000 tokens from the input messages and 1024 tokens for the completion. Please reduce the number of tokens in the input messages or the completion to fit within the limit.", 4000, 4096, True),
        ('Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter input or enable --allow-auto-truncate.', 160062, 59862, True),
        ('Requested tokens (5000) exceed context window of 2048', 5000, 2048, False),
        ("This model's maximum context length is 512 tokens, however you requested 1600 tokens (76 in your prompt; 1524 for the completion). Please reduce your prompt; or completion length.", 76, 512, True),
        ("litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: OpenAIException - This model's maximum context length is 4097 tokens. However, your messages resulted in 5000 tokens. Please reduce the length of the messages. Error code: 400 - received Model Group=gpt-4", 5000, 4097, True),
        ('This endpoint\'s maximum context length is 32768 tokens. However, you requested about 40000 tokens (38976 of text input, 1024 in the output). Please reduce the length of either one, or use the "middle-out" transform to compress your prompt automatically.', 38976, 32768, False),
        ("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens. Please reduce the length of the messages.", 9000, 8192, True),
        ('prompt is too long: 210000 tokens > 200000 maximum', 210000, 200000, True),
        ('input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length or `max_tokens` and try again', 190000, 200000, True),
        ('Input too long (1500 tokens > 1024 max)', 1500, 1024, True),
        ('The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).', 1200000, 1048576, True),
        ('Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length', 40000, 32768, True),
        ('The prompt is too long: 5000, model maximum context length: 4095', 5000, 4095, True),
        ('prompt token count of 5000 exceeds the limit of 4096', 5000, 4096, True),
        ('Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300000 tokens. Please reduce the length of the messages.', 300000, 272000, True),
        ("This model's maximum context length is 128,000 tokens. However, your messages resulted in 202,868 tokens (202767 in the messages, 101 in the functions).", 202868, 128000, True),
        ('Token indices sequence length is longer than the specified maximum sequence length for this model (25461 > 16384). Running', 25461, 16384, True),
        ('Input is too long for requested model.', None, None, True),
        ('The input length 5000 exceeds session_len 4096', 5000, 4096, True),
        ('Input prompt (2664 tokens) is too long and exceeds limit of 2048/2560', 2664, 2048, True),
        ('the request exceeds the available context size. try increasing the context size or enable context shift', None, None, True),
        ('Prompt length of 5000 is longer than the maximum context length of 4096.', 5000, 4096, True),
        ('Prompt has 5000 tokens, but the maximum is 4096', 5000, 4096, True),
        ('Your input exceeds the context window of this model. Please adjust your input and try again.', None, None, True),
        ('Your prompt has 9000 tokens but this model only supports 4096.', 9000, 4096, True),
        ('The prompt has 9000 tokens, and the model accepts 4096 tokens', 9000, 4096, True),
        ('Token count 9000 surpasses the 4096-token window', 9000, 4096, True),
        ('Range of input length should be [1, 4096]', None, 4096, True),
        ('The input length must be between 1 and 4096', None, 4096, True),
        ('Please reduce the length of the messages', None, None, True),
        ('Please shorten your prompt.', None, None, True),
        ('Token limit exceeded: 5000 input tokens, context window 4096', 5000, 4096, True),
    ],
)  # fmt: skip
def test_too_long_in_any_server_s_words(message, prompt, window, exact):
    for text in (message, f"Error code: 400 - {message}", f"litellm.BadRequestError: OpenAIException - {message}"):
        assert window_numbers(ErrorBody(message=text)) == WindowNumbers(prompt, window, exact), text


@pytest.mark.parametrize(
    "message",
    [
        'Rate limit reached for gpt-4 in organization X on tokens per min (TPM): Limit 10000, Used 9000, Requested 2000.',
        'Request too large for model `llama` on tokens per minute (TPM): Limit 6000, Requested 7000, please reduce your message size and try again.',
        'top_k must be at most 2048, got 5000',
        'You may provide at most 4 images; your prompt has 5 images.',
        'temperature must be at most 2',
        'The maximum number of concurrent requests is 100',
        'context deadline exceeded after 600 s',
        'You exceeded your current quota of 1000000 tokens; used 1200000 tokens',
        'max_tokens: 10000 > 8192, which is the maximum allowed number of output tokens for claude-3',
        'max_tokens is too large: 5000. This model supports at most 4096 completion tokens, whereas you provided 5000.',
        'maximum allowed size of request body is 1048576 bytes',
        'stop: at most 4 sequences are allowed, 16 given',
        'This request requires more credits, or fewer max_tokens. You requested up to 4096 tokens, but can only afford 1000.',
        'Internal server error: CUDA out of memory. Tried to allocate 2048 MiB (GPU 0; 40960 MiB total capacity)',
        'seed must be less than 18446744073709551615',
        'Image prompt of 5000 pixels exceeds the maximum of 2048 pixels',
        'max_tokens must be at least 1, got 0',
    ],
)  # fmt: skip
def test_other_limits_are_not_about_the_window(message):
    assert window_numbers(ErrorBody(message=message)) is None


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("max_tokens is too large: 1024. This model supports at most 512 completion tokens", 512),
        ("max_tokens: 10000 > 8192, which is the maximum allowed number of output tokens for claude-3", 8192),
        ("Range of max_tokens should be [1, 8192]", 8192),
        ("max_tokens must be less than or equal to 8,192", 8192),
        ("`max_completion_tokens` cannot exceed 512", 512),
        ("The maximum number of output tokens is 512", 512),
        ("Rate limit: at most 512 output tokens per minute", None),
        ("max_tokens must be at least 1, got 0", None),
        ("top_k must be at most 512", None),
    ],
)
def test_the_most_tokens_of_an_answer(message, limit):
    assert window_numbers(ErrorBody(message=message)) is None
    assert answer_limit(ErrorBody(message=message)) == limit


@pytest.mark.parametrize("code", ["context_length_exceeded", "exceed_context_size_error"])
def test_a_code_needs_no_words(code):
    assert window_numbers(ErrorBody(message="no", code=code)) == WindowNumbers()
    assert window_numbers(ErrorBody(message="rate limit", type=code)) == WindowNumbers()


def test_llama_cpp_reports_numbers_in_fields():
    body = parse_error_body(b'{"error":{"message":"no","n_ctx":1024,"n_prompt_tokens":5031}}')
    assert window_numbers(body) == WindowNumbers(5031, 1024)


@pytest.mark.parametrize("digits", [13, 400, 5000])
def test_a_number_of_many_digits_is_none(digits):
    number = "9" * digits
    message = (
        f"This model's maximum context length is {number} tokens. However, your messages resulted in {number} tokens"
    )
    assert window_numbers(ErrorBody(message=message)) is None
    body = b'{"error":{"message":"no","n_ctx":%b,"n_prompt_tokens":1}}' % number.encode()
    numbers = window_numbers(parse_error_body(body))
    assert numbers is None or (numbers.window or 0) < 2**63


WORDS = st.sampled_from(
    [
        "the",
        "maximum",
        "context",
        "length",
        "is",
        "tokens",
        "prompt",
        "messages",
        "limit",
        "exceeds",
        ">",
        "<=",
        "+",
        "(",
        ")",
        ".",
        ",",
        "5",
        "2048",
        "at",
        "least",
        "max_tokens",
        "completion",
        "output",
        "by",
        "`inputs`",
        "too",
        "long",
        "requested",
        "total",
        "rate",
        "12,000",
        "1e9",
        "-3",
        "400:",
    ]
)


@given(st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=300))
def test_no_words_break_it(message):
    numbers = window_numbers(ErrorBody(message=message))
    if numbers is not None:
        assert all(number is None or 0 < number < 10**12 for number in (numbers.prompt, numbers.window))
