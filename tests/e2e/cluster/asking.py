"""Calls a cluster backend in the test's process."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

from kaito.openai.client import ChatClient
from kaito.settings import Settings
from kaito.testing import RecordingReporter
from kaito.types import Candidate, ChatRequest, Delta, Message, Target


def settings_for(kubeconfig: Path | None, backend: str = "auto", target: Any = None, **more: Any) -> Settings:
    """Return the settings of a user who passes `--verbose`."""
    fields = {"workspace": "my-llama", "kubeconfig": kubeconfig and str(kubeconfig), **(target or {})}
    return Settings(target=Target(**fields), backend=backend, verbose=True, **more)


def discover(kind: type[Any], settings: Settings, reporter: RecordingReporter | None = None) -> list[Candidate]:
    """Return the candidates of a backend."""

    async def ask() -> list[Candidate]:
        async with kind(settings) as backend:
            return list(await backend.discover(settings.target, reporter or RecordingReporter()))

    return asyncio.run(ask())


def chat(kind: type[Any], settings: Settings, *texts: str, reporter: RecordingReporter | None = None) -> list[str]:
    """Return the answers to some messages through the first candidate of a backend."""

    async def ask() -> list[str]:
        async with kind(settings) as backend:
            [candidate, *_] = await backend.discover(settings.target, reporter or RecordingReporter())
            async with (
                backend.open(candidate, reporter or RecordingReporter()) as endpoint,
                ChatClient(endpoint, settings) as client,
            ):
                return [await answer(client, text) for text in texts]

    return asyncio.run(ask())


async def answer(client: ChatClient, text: str) -> str:
    """Return the answer to one message."""
    async with aclosing(client.stream(ChatRequest(messages=(Message("user", text),)))) as items:
        return "".join([item.content async for item in items if isinstance(item, Delta)])
