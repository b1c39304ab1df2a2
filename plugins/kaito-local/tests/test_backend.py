"""The backend, with the real model."""

import asyncio
import json
import sys

import aiohttp
import kaito_local
import pytest
from kaito_local import download
from kaito_local.backend import LocalBackend
from kaito_local.engine import Engine
from kaito_local.tuning import BUILT_IN

from kaito.errors import ExitCode, KaitoError, NotFoundError, UsageError
from kaito.types import Target


async def use_backend(reporter, use, model=None):
    """Open the backend and return the result of `use(endpoint, session)`."""
    backend = LocalBackend()
    [candidate] = await backend.discover(Target(model=model), reporter)
    async with backend.open(candidate, reporter) as endpoint, aiohttp.ClientSession() as session:
        return await use(endpoint, session)


def run_with_backend(reporter, use, model=None):
    return asyncio.run(use_backend(reporter, use, model))


async def return_endpoint(endpoint, session):
    return endpoint


async def until_busy(endpoint, session):
    """Wait until the server works on a request."""
    metrics = ""
    while "requests_processing 1" not in metrics:
        async with session.get(f"{endpoint.url}/metrics") as response:
            metrics = await response.text()


def question(text, **fields):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0.0, **fields}


def test_the_hook_returns_the_backend():
    [backend] = kaito_local.kaito_backends()
    assert (backend.name, backend.needs_workspace) == ("local", False)


def test_the_hook_does_not_import_the_engine(driver):
    code = "import sys, kaito_local; kaito_local.kaito_backends(); print('xllamacpp' in sys.modules)"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"


def test_the_candidate_has_no_rank(reporter):
    for model in (None, "an-adapter"):
        [candidate] = asyncio.run(LocalBackend().discover(Target(workspace="w", model=model), reporter))
        assert (candidate.backend, candidate.rank) == ("local", None)


def test_the_endpoint(cached, reporter):
    endpoint = run_with_backend(reporter, return_endpoint)
    assert endpoint.url.startswith("http://127.0.0.1:")
    assert endpoint.shown_url == endpoint.url + "/chat/completions"
    assert (endpoint.label, endpoint.model, endpoint.proxied) == ("local", "SmolLM2-135M-Instruct", False)
    assert reporter.statuses == ["loading SmolLM2-135M-Instruct"]


def test_a_streamed_answer(cached, reporter):
    async def ask(endpoint, session):
        body = question("Why is the sky blue?", stream=True, max_tokens=32)
        async with session.post(f"{endpoint.url}/v1/chat/completions", json=body) as response:
            assert response.status == 200
            return [json.loads(line[6:]) async for line in response.content if line.startswith(b"data: {")]

    chunks = run_with_backend(reporter, ask)
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert "light" in text or "Rayleigh" in text
    assert len(chunks) > 5
    assert {chunk["model"] for chunk in chunks} == {"SmolLM2-135M-Instruct"}


def test_requests_in_quick_succession(cached, reporter):
    async def ask(endpoint, session):
        body = question("Hello!", stream=True, max_tokens=2)
        for _ in range(10):
            async with session.post(
                f"{endpoint.url}/v1/chat/completions", json=body, headers=endpoint.headers
            ) as response:
                assert b"[DONE]" in await response.read()

    run_with_backend(reporter, ask)


def test_an_answer_without_a_stream(cached, reporter):
    async def ask(endpoint, session):
        body = question("Why is the sky blue?", max_tokens=32)
        async with session.post(f"{endpoint.url}/chat/completions", json=body) as response:
            return await response.json()

    text = run_with_backend(reporter, ask)["choices"][0]["message"]["content"]
    assert "light" in text or "Rayleigh" in text


def test_the_model_list(cached, reporter):
    async def models(endpoint, session):
        async with session.get(f"{endpoint.url}/v1/models") as response:
            return (await response.json())["data"]

    [model] = run_with_backend(reporter, models)
    assert model["id"] == "SmolLM2-135M-Instruct"
    assert model["meta"]["n_ctx"] == 8192


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/slots", 501)])
def test_paths_that_are_not_served(cached, reporter, path, status):
    async def get(endpoint, session):
        async with session.get(endpoint.url + path) as response:
            return response.status

    assert run_with_backend(reporter, get) == status


def test_other_origins_may_not_read_answers(cached, reporter):
    async def get(endpoint, session):
        async with session.get(f"{endpoint.url}/v1/models", headers={"Origin": "https://example.org"}) as response:
            return response.headers

    assert "Access-Control-Allow-Origin" not in run_with_backend(reporter, get)


def test_a_prompt_that_exceeds_the_window(cached, reporter):
    async def ask(endpoint, session):
        async with session.post(f"{endpoint.url}/v1/chat/completions", json=question("word " * 9000)) as response:
            return response.status, (await response.json())["error"]

    status, error = run_with_backend(reporter, ask)
    assert status == 400
    assert (error["n_ctx"], error["n_prompt_tokens"] > 9000) == (8192, True)


def test_a_file_of_the_user(model_file, tmp_path, reporter):
    file = tmp_path / "My-Model.gguf"
    file.symlink_to(model_file)

    async def models(endpoint, session):
        async with session.get(f"{endpoint.url}/v1/models") as response:
            return endpoint.model, [entry["id"] for entry in (await response.json())["data"]]

    assert run_with_backend(reporter, models, str(file)) == ("My-Model", ["My-Model"])
    assert reporter.statuses == ["loading My-Model"]
    assert reporter.notices == []


@pytest.mark.parametrize(
    ("kept", "tail"), [(4, b""), (1000, b""), (50_000_000, b""), (4, b"\xff" * 1000), (24, b"\xff" * 100_000)]
)
def test_a_damaged_file(model_file, tmp_path, reporter, capfd, kept, tail):
    damaged = tmp_path / "damaged.gguf"
    with open(model_file, "rb") as file:
        damaged.write_bytes(file.read(kept) + tail)
    with pytest.raises(KaitoError, match=r"llama\.cpp cannot load"):
        run_with_backend(reporter, return_endpoint, str(damaged))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("model", "error"), [("gpt-4", UsageError), ("/nowhere.gguf", NotFoundError)])
def test_an_unknown_model(reporter, model, error):
    with pytest.raises(error):
        run_with_backend(reporter, return_endpoint, model)


def test_a_failed_download(no_index, reporter):
    with pytest.raises(KaitoError, match="Cannot download") as caught:
        run_with_backend(reporter, return_endpoint)
    assert caught.value.exit_code == ExitCode.FAILED


def test_a_missing_engine(cached, reporter, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(KaitoError, match="Cannot import"):
        run_with_backend(reporter, return_endpoint)


def test_the_port_is_closed(cached, reporter):
    async def check():
        endpoint = await use_backend(reporter, return_endpoint)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(endpoint.url)

    asyncio.run(check())


def test_opening_twice_in_sequence_and_at_once(cached, reporter):
    async def both(endpoint, session):
        other = await use_backend(reporter, return_endpoint)
        assert other.url != endpoint.url
        return endpoint

    run_with_backend(reporter, both)
    run_with_backend(reporter, return_endpoint)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text", ["Write a story.", "word " * 6000], ids=["generating", "reading"])
def test_closing_during_an_answer(cached, reporter, stream, text):
    """The client does not disconnect, and closing does not wait for the end of the answer."""

    async def close():
        backend = LocalBackend()
        [candidate] = await backend.discover(Target(), reporter)
        async with aiohttp.ClientSession() as session:
            async with backend.open(candidate, reporter) as endpoint:
                body = question(text, stream=stream, max_tokens=2000, ignore_eos=True)
                asking = asyncio.create_task(session.post(f"{endpoint.url}/v1/chat/completions", json=body))
                await until_busy(endpoint, session)
            with pytest.raises(aiohttp.ClientError):
                await (await asking).read()

    asyncio.run(close())


def test_a_cancelled_request_frees_the_model(cached, reporter):
    async def ask(endpoint, session):
        url = f"{endpoint.url}/v1/chat/completions"
        # Each would keep the model busy for a minute or more.
        for _ in range(5):
            with pytest.raises(TimeoutError):
                await session.post(url, json=question("word " * 6000), timeout=aiohttp.ClientTimeout(total=1))
        async with session.post(url, json=question("Hello!", max_tokens=4)) as response:
            assert response.status == 200
            await response.read()

    async def check():
        await asyncio.wait_for(use_backend(reporter, ask), 120)

    asyncio.run(check())


def test_cancelling_while_loading(cached, reporter):
    async def check():
        task = asyncio.create_task(use_backend(reporter, return_endpoint))
        while not reporter.statuses:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(check())


def test_stopping_while_loading_discards_the_model(model_file):
    engine = Engine()
    engine.stop()
    url = engine.start(model_file, "x", BUILT_IN)

    async def check():
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(url)

    asyncio.run(check())


def test_a_file_of_the_user_needs_no_cache(model_file, models, reporter):
    run_with_backend(reporter, return_endpoint, str(model_file))
    assert not models.exists()
    assert download.FILE.startswith("SmolLM2")


def test_starting_and_stopping_repeatedly(model_file):
    for _ in range(8):
        engine = Engine()
        engine.start(model_file, "x", BUILT_IN)
        engine.stop()
