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

from kaito.errors import ExitCode, KaitoError, NotFoundError, UsageError
from kaito.types import Target


async def opened(reporter, use, model=None):
    """Open the backend, and return what `use` makes of the endpoint and a session."""
    backend = LocalBackend()
    [candidate] = await backend.discover(Target(model=model), reporter)
    async with backend.open(candidate, reporter) as endpoint, aiohttp.ClientSession() as session:
        return await use(endpoint, session)


def opening(reporter, use, model=None):
    return asyncio.run(opened(reporter, use, model))


async def nothing(endpoint, session):
    return endpoint


def question(text, **fields):
    return {"messages": [{"role": "user", "content": text}], "temperature": 0.0, **fields}


def test_it_is_offered_by_the_hook():
    [backend] = kaito_local.kaito_backends()
    assert (backend.name, backend.needs_workspace) == ("local", False)


def test_offering_it_imports_no_engine(driver):
    code = "import sys, kaito_local; kaito_local.kaito_backends(); print('xllamacpp' in sys.modules)"
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"


def test_it_is_taken_only_by_name(reporter):
    for model in (None, "an-adapter"):
        [candidate] = asyncio.run(LocalBackend().discover(Target(workspace="w", model=model), reporter))
        assert (candidate.backend, candidate.rank) == ("local", None)


def test_the_endpoint(cached, reporter):
    endpoint = opening(reporter, nothing)
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

    chunks = opening(reporter, ask)
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert "light" in text or "Rayleigh" in text
    assert len(chunks) > 5
    assert {chunk["model"] for chunk in chunks} == {"SmolLM2-135M-Instruct"}


def test_one_question_right_after_another(cached, reporter):
    async def ask(endpoint, session):
        body = question("Hello!", stream=True, max_tokens=2)
        for _ in range(10):
            async with session.post(
                f"{endpoint.url}/v1/chat/completions", json=body, headers=endpoint.headers
            ) as response:
                assert b"[DONE]" in await response.read()

    opening(reporter, ask)


def test_an_answer_at_once(cached, reporter):
    async def ask(endpoint, session):
        body = question("Why is the sky blue?", max_tokens=32)
        async with session.post(f"{endpoint.url}/chat/completions", json=body) as response:
            return await response.json()

    text = opening(reporter, ask)["choices"][0]["message"]["content"]
    assert "light" in text or "Rayleigh" in text


def test_the_model_list(cached, reporter):
    async def models(endpoint, session):
        async with session.get(f"{endpoint.url}/v1/models") as response:
            return (await response.json())["data"]

    [model] = opening(reporter, models)
    assert model["id"] == "SmolLM2-135M-Instruct"
    assert model["meta"]["n_ctx"] == 8192


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/slots", 501)])
def test_what_is_not_served(cached, reporter, path, status):
    async def get(endpoint, session):
        async with session.get(endpoint.url + path) as response:
            return response.status

    assert opening(reporter, get) == status


def test_pages_from_elsewhere_may_not_read_answers(cached, reporter):
    async def get(endpoint, session):
        async with session.get(f"{endpoint.url}/v1/models", headers={"Origin": "https://example.org"}) as response:
            return response.headers

    assert "Access-Control-Allow-Origin" not in opening(reporter, get)


def test_a_prompt_over_the_window_is_refused_with_numbers(cached, reporter):
    async def ask(endpoint, session):
        async with session.post(f"{endpoint.url}/v1/chat/completions", json=question("word " * 9000)) as response:
            return response.status, (await response.json())["error"]

    status, error = opening(reporter, ask)
    assert status == 400
    assert (error["n_ctx"], error["n_prompt_tokens"] > 9000) == (8192, True)


def test_an_own_file(model_file, tmp_path, reporter):
    own = tmp_path / "My-Model.gguf"
    own.symlink_to(model_file)

    async def models(endpoint, session):
        async with session.get(f"{endpoint.url}/v1/models") as response:
            return endpoint.model, [entry["id"] for entry in (await response.json())["data"]]

    assert opening(reporter, models, str(own)) == ("My-Model", ["My-Model"])
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
        opening(reporter, nothing, str(damaged))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("model", "error"), [("gpt-4", UsageError), ("/nowhere.gguf", NotFoundError)])
def test_another_model(reporter, model, error):
    with pytest.raises(error):
        opening(reporter, nothing, model)


def test_a_failed_download(no_index, reporter):
    with pytest.raises(KaitoError, match="could not be downloaded") as caught:
        opening(reporter, nothing)
    assert caught.value.exit_code == ExitCode.FAILED


def test_a_missing_engine(cached, reporter, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(KaitoError, match="cannot be imported"):
        opening(reporter, nothing)


def test_the_port_is_closed_afterwards(cached, reporter):
    async def check():
        endpoint = await opened(reporter, nothing)
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(endpoint.url)

    asyncio.run(check())


def test_one_after_another_and_two_at_once(cached, reporter):
    async def both(endpoint, session):
        other = await opened(reporter, nothing)
        assert other.url != endpoint.url
        return endpoint

    opening(reporter, both)
    opening(reporter, nothing)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("text", ["Write a story.", "word " * 6000], ids=["generating", "reading"])
def test_leaving_amid_an_answer(cached, reporter, stream, text):
    """The client hangs on, as one does that was forgotten."""

    async def leave():
        backend = LocalBackend()
        [candidate] = await backend.discover(Target(), reporter)
        async with aiohttp.ClientSession() as session:
            async with backend.open(candidate, reporter) as endpoint:
                body = question(text, stream=stream, max_tokens=2000, ignore_eos=True)
                asking = asyncio.create_task(session.post(f"{endpoint.url}/v1/chat/completions", json=body))
                await asyncio.sleep(1)
                leaving = asyncio.get_running_loop().time()
            took = asyncio.get_running_loop().time() - leaving
            for result in await asyncio.gather(asking, return_exceptions=True):
                if isinstance(result, aiohttp.ClientResponse):
                    result.close()
            return took

    assert asyncio.run(leave()) < 10


def test_a_question_given_up_frees_the_model(cached, reporter):
    async def ask(endpoint, session):
        url = f"{endpoint.url}/v1/chat/completions"
        with pytest.raises(TimeoutError):
            await session.post(url, json=question("word " * 6000), timeout=aiohttp.ClientTimeout(total=1))
        async with session.post(url, json=question("Hello!", max_tokens=4)) as response:
            assert response.status == 200
            await response.read()

    async def check():
        await asyncio.wait_for(opened(reporter, ask), 30)

    asyncio.run(check())


def test_cancelled_while_loading(cached, reporter):
    async def check():
        opening = asyncio.create_task(opened(reporter, nothing))
        while not reporter.statuses:
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    asyncio.run(check())


def test_stopping_while_loading_drops_what_was_loaded(model_file):
    engine = Engine()
    engine.stop()
    url = engine.start(model_file, "x", compact=True)

    async def check():
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(url)

    asyncio.run(check())


def test_the_cache_is_not_needed_for_an_own_file(model_file, models, reporter):
    opening(reporter, nothing, str(model_file))
    assert not models.exists()
    assert download.FILE.startswith("SmolLM2")


def test_stopping_at_once_time_and_again(model_file):
    for _ in range(8):
        engine = Engine()
        engine.start(model_file, "x", compact=True)
        engine.stop()
