"""Conversations for the tests of the history, and what its file contains."""

import sqlite3
import time
from contextlib import closing

from kaito.chat.conversation import Conversation
from kaito.history.recorder import Recorder
from kaito.history.state_folder import Bounds
from kaito.types import Message, Reply
from kaito.types.conversations import Origin

ORIGIN = Origin(
    workspace="my-llama",
    kind="workspace",
    namespace="team-a",
    context="prod",
    server="f" * 32,
    label="my-llama",
    backend="port-forward",
    model="llama",
)


class Clock:
    """A clock that goes on by a second each time."""

    def __init__(self, now=1_000_000_000.0):
        self.now = now

    def __call__(self):
        self.now += 1
        return self.now


#: Shared by all conversations of a test run that have no other: the last one is the newest.
CLOCK = Clock(time.time() - 3600)


class Talk:
    """A conversation that is kept.

    Args:
        resumed: the conversation that it continues.
    """

    def __init__(self, folder, *, source="terminal", origin=ORIGIN, bounds=None, clock=None, resumed=None):
        self.recorder = Recorder(folder, bounds or Bounds(age=None), source, clock or CLOCK)
        self.conversation = Conversation(None, resumed)
        self.origin = origin
        if resumed is not None:
            self.recorder.resume(resumed, self.conversation)

    def say(self, *texts):
        """Add a turn for each text, with the same text as answer, and keep each."""
        for text in texts:
            reply = Reply(content=f"answer to {text}", finish_reason="stop")
            self.conversation.record(Message("user", text), reply)
            self.keep()
        return self

    def keep(self):
        """Keep the conversation as it is."""
        self.recorder.save(self.conversation, self.origin)
        self.recorder.flush(30)

    @property
    def id(self):
        return self.recorder.id

    def close(self):
        self.recorder.close()
        return self.recorder.take_reports()


def kept(folder, *texts, **options):
    """Keep a conversation with a turn for each text; return its identifier."""
    talk = Talk(folder, **options).say(*texts)
    assert talk.close() == []
    return talk.id


def rows(folder, query, *values):
    """Return the rows of a query."""
    with closing(sqlite3.connect(folder / "history.db")) as connection:
        return connection.execute(query, values).fetchall()


def execute(folder, *statements):
    """Change the file as another program would."""
    with closing(sqlite3.connect(folder / "history.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def questions(saved):
    """Return the user's messages of a conversation."""
    return [message.content for message in saved.messages if message.role == "user"]
