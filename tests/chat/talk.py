"""A client for tests, and what it yields."""

import asyncio
from contextlib import aclosing

import pytest

from kaito.errors import KaitoError
from kaito.openai.client import ChatClient
from kaito.settings import Settings
from kaito.types import ChatRequest, Delta, Endpoint, Message, Waiting


def endpoint(url, **more):
    return Endpoint(url=url, shown_url=f"{url}/chat/completions", label="x", **more)


def request(text="Hi", **more):
    return ChatRequest(**{"messages": (Message("user", text),), "max_tokens": 1024, "temperature": 0.7, **more})


async def contents(client):
    """Yield the text of one turn, piece by piece."""
    async with aclosing(client.stream(request())) as items:
        async for item in items:
            assert isinstance(item, Delta)
            yield item.content


class Chat:
    """What one client yields, turn after turn."""

    def __init__(self, url, settings=None, **more):
        self._endpoint = endpoint(url, **more)
        self._settings = settings or Settings()
        self.waits = []

    def turns(self, *requests):
        return asyncio.run(self._turns(requests))

    async def _turns(self, requests):
        async with ChatClient(self._endpoint, self._settings) as client:
            return [await self._turn(client, one) for one in requests]

    async def _turn(self, client, one):
        answer = Delta()
        async with aclosing(client.stream(one)) as items:
            async for item in items:
                if isinstance(item, Waiting):
                    self.waits.append(item)
                    continue
                answer.content += item.content
                answer.reasoning += item.reasoning
                answer.finish_reason = item.finish_reason or answer.finish_reason
                answer.usage = item.usage or answer.usage
                answer.model = item.model or answer.model
        return answer

    def ask(self, one=None):
        return self.turns(one or request())[0]

    def models(self):
        async def models():
            async with ChatClient(self._endpoint, self._settings) as client:
                return await client.models(self.waits.append)

        return asyncio.run(models())


def failure(chat, error=KaitoError, one=None):
    with pytest.raises(error) as caught:
        chat.ask(one)
    return caught.value
