"""A minimal HTTP client: request bodies and parsed responses."""

import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    """A complete response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Any]:
        """The JSON of the stream's events, without `[DONE]`."""
        lines = self.body.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
        data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
        return [json.loads(item) for item in data if item != "[DONE]"]

    @property
    def text(self) -> str:
        deltas = [event["choices"][0]["delta"] for event in self.events if event.get("choices")]
        return "".join(delta.get("content", "") for delta in deltas)


def hello(**fields: Any) -> dict[str, Any]:
    """A chat request's body."""
    return {"messages": [{"role": "user", "content": "Hi there"}], "stream": True, **fields}


def read_all(client: socket.socket) -> bytes:
    """Read to the end of the connection."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    """Read until the data contains `wanted`."""
    data = b""
    while wanted not in data:
        piece = client.recv(65536)
        assert piece, data
        data += piece
    return data
