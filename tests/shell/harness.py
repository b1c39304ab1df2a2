"""The shell in this process: a real session with a scripted server and scripted input."""

import asyncio
import io
from types import SimpleNamespace
from typing import Any, cast

from kaito.chat.connection import Connection
from kaito.chat.session import Session
from kaito.chat.session_settings import SessionSettings
from kaito.console.terminal import Terminal
from kaito.plugin import discovery
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.shell.context import ShellContext
from kaito.shell.input.entries import WORDS
from kaito.shell.input.sources import Source
from kaito.shell.input.tab_completion import TabCompletion
from kaito.shell.render.answer_writer import AnswerWriter
from kaito.shell.repl import Shell
from kaito.types import Delta, Endpoint, Target, Usage


class Lines(Source):
    """Entries from a list; an exception in it is raised."""

    def __init__(self, *lines, trusted=True):
        self._lines = iter(lines)
        self.trusted = trusted

    def _line(self, prompt):
        line = next(self._lines, EOFError())
        if isinstance(line, BaseException):
            raise line
        return line


class Server:
    """Gives the answers of a list, one a turn, and then echoes the messages.

    An answer is a text, an exception, or a list of deltas which may end with an exception.

    Attributes:
        answers: the answers still to give.
        requests: the requests received.
        served: the models it lists.
        token_count: its count of a conversation's tokens, if it counts them.
        windows: the windows that its errors have reported, by model.
    """

    def __init__(self):
        self.answers = []
        self.requests = []
        self.served = []
        self.token_count = None
        self.windows = {}

    @property
    def messages(self):
        """The last message of each request."""
        return [request.messages[-1].content for request in self.requests]

    def stream(self, request, *, can_trim=False, counting=None):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else request.messages[-1].content
        if isinstance(answer, str):
            usage = Usage(prompt_tokens=len(request.messages), completion_tokens=2)
            answer = [Delta(content=answer, finish_reason="stop", usage=usage)]
        elif isinstance(answer, BaseException):
            answer = [answer]
        for item in answer:
            if isinstance(item, BaseException):
                raise item
            yield item

    def window(self, model):
        return self.windows.get(model)

    async def models(self, waiting):
        return self.served

    async def count_tokens(self, request):
        self.requests.append(request)
        return self.token_count


#: An event loop without waiting: all parts of an answer are available.
LOOP = SimpleNamespace(stream=lambda items: items, run=asyncio.run)


class ShellHarness:
    """A shell with its streams and its server.

    Args:
        lines: the lines of input.
        settings: fields of the settings, as the flags would set them.
        trusted: whether the lines may touch files.
        models: the models that the server lists.
        options: for the shell.
    """

    def __init__(self, *lines, settings=None, trusted=True, models=(), **options):
        self.server = Server()
        self.server.served = list(models)
        endpoint = Endpoint(url="http://x", shown_url="http://x/chat/completions", label="w\x1b[2J")
        connection = Connection(
            backend="url", endpoint=endpoint, client=cast(Any, self.server), models=tuple(self.server.served)
        )
        defaults = {"system_prompt": "Be\x1b[2J brief", "target": Target(model="m\x1b[2J"), "max_tokens": 5}
        settings = Settings(**{**defaults, **(settings or {})})
        self.out, self.err = io.StringIO(), io.StringIO()
        self.terminal = Terminal(io.StringIO(), self.out, self.err, {})
        plugins = Plugins(self.terminal.notice)
        plugins.load(discovery.built_in())
        for number, plugin in enumerate(options.pop("plugins", ())):
            plugins.add(plugin, f"plugin-{number}", "tests", "1")
        commands = plugins.slash_commands(settings, WORDS)
        formatters = plugins.formatters()
        session_settings = SessionSettings(settings, sorted(formatters))
        interactive = options.setdefault("interactive", False)
        self.answers = AnswerWriter(self.terminal, plugins, formatters, session_settings, interactive=interactive)
        self.session = Session(
            cast(Any, LOOP), connection, plugins, session_settings, self.terminal, options.pop("resumed", None)
        )
        self.context = ShellContext(
            self.session,
            self.terminal,
            self.answers,
            recorder=options.pop("recorder", None),
            interactive=interactive,
            trusted=trusted,
        )
        self.complete = TabCompletion(commands, plugins, self.context)
        source = Lines(*lines, trusted=trusted)
        self.shell = Shell(
            self.session, self.context, self.answers, source, self.terminal, plugins, commands, **options
        )

    def run(self):
        """Run all lines and return stdout and stderr."""
        with self.answers:
            self.shell.cmdloop()
        return self.out.getvalue(), self.err.getvalue()

    @property
    def texts(self):
        """The texts of the conversation, without the system prompt."""
        messages = self.session.conversation.messages
        return [message.content for message in messages if message.role != "system"]
