"""A backend of the cluster, asked in this process."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

from kaito.openai.client import ChatClient
from kaito.settings import Settings
from kaito.types import Candidate, ChatRequest, Delta, Message, Target


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def status(self, text: str) -> None:
        pass

    def retrying(self, reason: str, delay: float) -> None:
        self.notices.append(reason)

    def notice(self, text: str) -> None:
        self.notices.append(text)


def settings_for(kubeconfig: Path | None, backend: str = "auto", target: Any = None, **more: Any) -> Settings:
    """Return what a user asks for who wants each step explained."""
    asked = {"workspace": "my-llama", "kubeconfig": kubeconfig and str(kubeconfig), **(target or {})}
    return Settings(target=Target(**asked), backend=backend, verbose=True, **more)


def discover(kind: type[Any], settings: Settings, notes: Notes | None = None) -> list[Candidate]:
    """Return what a backend finds."""

    async def ask() -> list[Candidate]:
        async with kind(settings) as backend:
            return list(await backend.discover(settings.target, notes or Notes()))

    return asyncio.run(ask())


def chat(kind: type[Any], settings: Settings, *texts: str, notes: Notes | None = None) -> list[str]:
    """Return what is answered to each text by the first way that a backend finds."""

    async def ask() -> list[str]:
        async with kind(settings) as backend:
            [candidate, *_] = await backend.discover(settings.target, notes or Notes())
            async with (
                backend.open(candidate, notes or Notes()) as endpoint,
                ChatClient(endpoint, settings) as client,
            ):
                return [await answer(client, text) for text in texts]

    return asyncio.run(ask())


async def answer(client: ChatClient, text: str) -> str:
    """Return the answer to one message."""
    async with aclosing(client.stream(ChatRequest(messages=(Message("user", text),)))) as items:
        return "".join([item.content async for item in items if isinstance(item, Delta)])
