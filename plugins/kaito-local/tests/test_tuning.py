"""What the engine adds for the built-in model, and that what the user sets is used in its place."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from kaito_local import tuning
from kaito_local.backend import LocalBackend
from kaito_local.tuning import BUILT_IN, Tuning

from kaito.settings import Settings
from kaito.types import Target

#: The README's example, and its answer. Each token's probability is far above that of the next one, so that neither the
#: seed nor how a processor rounds decides.
QUESTION, ANSWER = "What is the capital of France?", "The capital of France is Paris."


def on_endpoint(reporter, use, model=None):
    """Open the backend; return what `use(post)` returns. `post(path, body)` sends a request to the engine."""

    async def run():
        backend = LocalBackend()
        [candidate] = await backend.discover(Target(model=model), reporter)
        async with backend.open(candidate, reporter) as endpoint, aiohttp.ClientSession() as session:

            async def post(path, body):
                async with session.post(f"{endpoint.url}{path}", json=body, headers=endpoint.headers) as response:
                    return await response.json()

            return await use(post)

    return asyncio.run(run())


def chat(*messages, **fields):
    """Return the body of a request as `kaito chat` sends it by default."""
    defaults = Settings()
    body = {"temperature": defaults.temperature, "top_p": defaults.top_p, "max_tokens": defaults.max_tokens}
    return {**body, "messages": [{"role": role, "content": text} for role, text in messages], **fields}


def test_the_example_is_right_with_every_seed(cached, reporter):
    async def use(post):
        answers = []
        for seed in range(20):
            response = await post("/v1/chat/completions", chat(("user", QUESTION), seed=seed))
            answers.append(response["choices"][0]["message"]["content"])
        return answers

    assert on_endpoint(reporter, use) == [ANSWER] * 20


def test_the_example_does_not_depend_on_rounding(cached, reporter):
    async def use(post):
        return await post("/v1/chat/completions", chat(("user", QUESTION), logprobs=True, top_logprobs=2))

    tokens = on_endpoint(reporter, use)["choices"][0]["logprobs"]["content"]
    # A difference of 1 is a factor of 2.7; processors differ by far less.
    gaps = [token["top_logprobs"][0]["logprob"] - token["top_logprobs"][1]["logprob"] for token in tokens]
    assert min(gaps) > 1


@pytest.mark.parametrize(
    "message", ["Hi", "hello", "Hi there!", "Thanks!", "Thank you", "Good morning", "Hello, how are you?"]
)
def test_small_talk_is_not_answered_with_the_examples(cached, reporter, message):
    """A person's first message is often not a question."""

    async def use(post):
        answers = []
        for seed in range(5):
            response = await post("/v1/chat/completions", chat(("user", message), seed=seed, max_tokens=48))
            answers.append(response["choices"][0]["message"]["content"])
        return answers

    for answer in on_endpoint(reporter, use):
        assert not [word for word in ("Portugal", "Lisbon", "vegetable", "Spinach", "chien") if word in answer]


def test_long_answers_are_no_endless_loops(cached, reporter):
    async def use(post):
        answers = []
        for message in ("Write a short poem about the sea", "Tell me a story about a cat"):
            said = ("user", QUESTION), ("assistant", ANSWER), ("user", message)
            for seed in range(3):
                response = await post("/v1/chat/completions", chat(*said, seed=seed, max_tokens=400))
                answers.append(response["choices"][0]["message"]["content"].split())
        return answers

    # How often each answer has the same four words: 35 to 50 times in a loop. It is a small model, and how a processor
    # rounds decides, too: one loop is let pass. Without what the engine does against them, there are four.
    repeated = [
        max(Counter(zip(words, words[1:], words[2:], words[3:], strict=False)).values())
        for words in on_endpoint(reporter, use)
    ]
    assert sum(repeated) < 100, repeated


def prompts(reporter, *conversations, model=None):
    async def use(post):
        return [(await post("/apply-template", {"messages": each}))["prompt"] for each in conversations]

    return on_endpoint(reporter, use, model)


def test_a_system_prompt_of_the_user_takes_the_place_of_the_engine_s(cached, reporter):
    question = {"role": "user", "content": "Hi"}
    turns = [question, {"role": "assistant", "content": "Hello"}, question]
    own, without, longer = prompts(reporter, [{"role": "system", "content": "Be terse."}, question], [question], turns)
    assert own == "<|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    begins = f"<|im_start|>system\n{BUILT_IN.system}<|im_end|>\n"
    for message, answer in BUILT_IN.examples:
        begins += f"<|im_start|>user\n{message}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n"
    assert without == f"{begins}<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    # Once, before the first turn; the turns are as they were said.
    assert longer == (
        f"{begins}<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_model_of_the_user_runs_as_its_file_says(cached, reporter, tmp_path):
    (tmp_path / "mine.gguf").symlink_to(cached)
    [prompt] = prompts(reporter, [{"role": "user", "content": "Hi"}], model=str(tmp_path / "mine.gguf"))
    assert "SmolLM, trained by Hugging Face" in prompt
    assert tuning.QUESTIONS[0][0] not in prompt


def test_sampling_of_the_user_takes_the_place_of_the_engine_s(cached, reporter):
    async def use(post):
        found = set()
        for seed in range(8):
            body = chat(
                ("user", "Name an animal."), seed=seed, temperature=2.0, top_p=1.0, min_p=0.0, top_k=0, max_tokens=8
            )
            found.add((await post("/v1/chat/completions", body))["choices"][0]["message"]["content"])
        return found

    assert len(on_endpoint(reporter, use)) == 8


@pytest.mark.parametrize("text", ['a "quoted" text', "a\\b", "{{ 7 * 7 }} {% raw %}", "ä 🎉\n\nb", ""])
def test_any_text_survives_the_template(cached, reporter, text, monkeypatch):
    monkeypatch.setattr("kaito_local.backend.BUILT_IN", Tuning(system=text))
    [prompt] = prompts(reporter, [{"role": "user", "content": "Hi"}])
    assert prompt.startswith(f"<|im_start|>system\n{text}<|im_end|>\n")


def test_without_a_text_the_conversation_is_all():
    assert '{{ "" }}' in Tuning(system=None).template
