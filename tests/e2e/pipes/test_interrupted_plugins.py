"""Signals that come while a plugin's own code runs."""

import pytest

from kaito.testing import Hang, Say, kaito_command, replay
from tests.e2e.pipes.formatter import FORMATTER


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_an_answer_is_drawn_waits_for_its_end(chat, plugin, model_server, name, code):
    model_server.enqueue(Say("one"), Say("two"))
    source = FORMATTER.format(
        init="pass",
        feed="return delta.content",
        finish=f"import os, signal; os.kill(os.getpid(), signal.{name}); return '.\\n'",
    )
    outcome = chat("--plugin", plugin(source), "-o", "odd", stdin="first\nsecond\n")
    assert (outcome.code, outcome.out, outcome.err) == (code, "one.\n", "")


def test_ctrl_c_in_a_command_ends_a_script_after_it(chat, plugin):
    source = """
import os, signal
from kaito import hookimpl
from kaito.types import SlashCommand

def press(arguments, shell):
    os.kill(os.getpid(), signal.SIGINT)
    shell.write("pressed\\n")

@hookimpl
def kaito_slash_commands():
    return [SlashCommand(name="press", run=press)]
"""
    outcome = chat("--plugin", plugin(source), stdin="/press\nstatus\n/press\n")
    assert (outcome.code, outcome.out, outcome.err) == (130, "pressed\n", "")


# A task of a backend that calls `sys.exit` when it is told to: by a request, or by `/exit`.
EXITING = """
import asyncio, sys
from contextlib import asynccontextmanager
from kaito import hookimpl
from kaito.types import Candidate, Endpoint, SlashCommand

class Odd:
    name = "odd"
    needs_workspace = False

    async def discover(self, target, reporter):
        return [Candidate(backend="odd", url="URL", rank=1)]

    @asynccontextmanager
    async def open(self, candidate, reporter):
        self.loop, self.told = asyncio.get_running_loop(), asyncio.Event()
        tasks = [asyncio.create_task(self.watch())]
        yield Endpoint(url="URL", shown_url="URL", label="odd", middlewares=(self.see,))

    async def see(self, request, handler):
        response = await handler(request)
        if request.method == "POST" and ON_REQUEST:
            self.told.set()
        return response

    async def watch(self):
        await self.told.wait()
        sys.exit(3)

odd = Odd()

def leave(arguments, shell):
    odd.loop.call_soon_threadsafe(odd.told.set)

@hookimpl
def kaito_backends():
    return [odd]

@hookimpl
def kaito_slash_commands():
    return [SlashCommand(name="exit-later", run=leave)]
"""


@pytest.fixture
def exiting(plugin, model_server):
    """Return the flags of a chat by that backend."""

    def flags(*, on_request):
        source = EXITING.replace("URL", model_server.url).replace("ON_REQUEST", str(on_request))
        return ["chat", "--plugin", plugin(source), "--backend", "odd"]

    return flags


def hang_on(model_server, message):
    """Have the server leave one message unanswered, whether it arrives or not, and repeat all others."""

    def answer(request):
        return Hang() if request.last_message == message else Say(request.last_message)

    model_server.route("/v1/chat/completions", answer)


def error_of(flags):
    return f"❌ Error: Plugin 'mine' ({flags[2]}) tried to end the process: SystemExit: 3\n"


@pytest.mark.parametrize("arguments", [{"stdin": "one\n"}, {"message": "one"}])
def test_a_task_that_exits_fails_the_answer_that_is_waited_for(kaito, exiting, model_server, arguments):
    model_server.enqueue(Hang("Hel"))
    flags = exiting(on_request=True)
    message = ["-m", arguments["message"]] if "message" in arguments else []
    outcome = kaito(*flags, *message, stdin=arguments.get("stdin"))
    assert (outcome.code, outcome.out) == (1, "Assistant: Hel\n")
    assert outcome.err.startswith(error_of(flags))


def test_a_script_continues_after_a_task_that_exited(kaito, exiting, model_server):
    hang_on(model_server, "two")
    flags = exiting(on_request=False)
    outcome = kaito(*flags, "--keep-going", stdin="one\n/exit-later\ntwo\nthree\n")
    assert (outcome.code, outcome.out) == (1, "Assistant: one\nAssistant: three\n")
    assert outcome.err == f"{error_of(flags)}   at stdin:3\n"


def test_a_prompt_continues_after_a_task_that_exited(terminal, exiting, model_server):
    hang_on(model_server, "one")
    flags = exiting(on_request=False)
    # The plugin's path fits a wide window only.
    replay(
        terminal(kaito_command(*flags), columns=200),
        f"""
        🤖 Connected to workspace: odd (test-model)
        💬 Type your message (or 'quit' to exit):
        (host 127.0.0.1:…, backend odd)

        > «/exit-later»‹enter›

        > «one»‹enter›
        {error_of(flags).rstrip()}

        > «two»‹enter›
        Assistant: two

        > «quit»‹enter›
        👋 Goodbye!
        """,
        code=0,
    )
