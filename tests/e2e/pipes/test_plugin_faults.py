"""Everything that a plugin's code can do wrong, at every place where it runs: the plugin is named, and nothing hangs."""

import json

import pytest

from kaito.testing import Say

PLUGIN = """
import asyncio, os, sys, threading, time
from contextlib import asynccontextmanager
from kaito import hookimpl
from kaito.types import Candidate, Endpoint, SlashCommand

PLACE, URL, FAULT = {place!r}, {url!r}, {fault!r}

def fault():
    match FAULT:
        case "error": raise ValueError("boom")
        case "exit": sys.exit(3)
        case "interrupt": raise KeyboardInterrupt
        case "cancelled": raise asyncio.CancelledError
        case "group": raise ExceptionGroup("several", [ValueError("boom"), TypeError("bang")])
        case "base group": raise BaseExceptionGroup("several", [SystemExit(3)])
        case "recursion": fault()
        case "assertion": assert False
        case "print": print("stray", "text"); sys.stdout.write("half a line")
        case "bytes": sys.stdout.buffer.write(b"stray text" + bytes([27]) + b"[31m\\n")

def at(place):
    if place == PLACE:
        fault()

at("import")

class Odd:
    name, needs_workspace = "odd", False

    async def __aenter__(self):
        at("enter")
        return self

    async def __aexit__(self, *exc):
        at("leave")

    async def discover(self, target, reporter):
        at("discover")
        return [Candidate(backend="odd", url=URL)]

    @asynccontextmanager
    async def open(self, candidate, reporter):
        at("open")
        tasks = [asyncio.create_task(self.work())]
        yield Endpoint(url=URL, shown_url=URL, label="odd", middlewares=(self.see,))
        at("close")

    async def see(self, request, handler):
        if request.method == "POST":
            at("middleware")
        return await handler(request)

    async def work(self):
        try:
            at("task")
            await asyncio.sleep(60)
        finally:
            at("task's end")

def run(arguments, shell):
    at("command")

@hookimpl
def kaito_add_options(options):
    at("add_options")

@hookimpl
def kaito_backends():
    at("backends")
    return [Odd()]

@hookimpl
def kaito_formatters():
    at("formatters")
    return []

@hookimpl
def kaito_slash_commands():
    at("slash_commands")
    return [SlashCommand(name="go", run=run)]

@hookimpl
def kaito_reply(reply):
    at("reply")
"""

REQUEST = (
    PLUGIN
    + """
@hookimpl
def kaito_request(request):
    at("request")
"""
)

RAISED = {
    "error": "ValueError: boom",
    "exit": "SystemExit: 3",
    "interrupt": "KeyboardInterrupt",
    "cancelled": "CancelledError",
    "group": "ValueError: boom (and 1 more)",
    "base group": "SystemExit: 3",
    "recursion": "RecursionError",
    "assertion": "AssertionError",
}
#: Where a fault is reported and the rest of the plugin works, with the exit code of the run.
HOOKS = {"add_options": 0, "formatters": 0, "reply": 0}
#: Where it ends the run: the plugin's backend is needed.
BACKEND = ("import", "backends", "enter", "discover", "open", "middleware", "close", "leave", "command", "request")


def run(kaito, plugin, model_server, place, fault, *flags, source=PLUGIN):
    model_server.enqueue(Say("one"), Say("two"))
    name = plugin(source.format(place=place, url=model_server.url, fault=fault))
    if place in ("slash_commands", "task", "task's end"):
        flags += ("--keep-going",)
    outcome = kaito(
        "chat", "--plugin", name, "--backend", "odd", *flags, stdin="first\n/go\n" if place == "command" else "first\n"
    )
    assert "Traceback" not in outcome.err
    assert "bug in kaito" not in outcome.err
    assert "was never awaited" not in outcome.err
    assert "was destroyed" not in outcome.err
    return name, outcome


@pytest.mark.parametrize("fault", RAISED)
@pytest.mark.parametrize("place", HOOKS)
def test_a_fault_in_a_hook_is_reported_and_the_run_goes_on(kaito, plugin, model_server, place, fault):
    name, outcome = run(kaito, plugin, model_server, place, fault)
    assert (outcome.code, outcome.out) == (HOOKS[place], "Assistant: one\n")
    assert f"Plugin 'mine' ({name})" in outcome.err
    assert RAISED[fault] in outcome.err


@pytest.mark.parametrize("fault", RAISED)
@pytest.mark.parametrize("place", BACKEND)
def test_a_fault_where_the_plugin_is_needed_ends_the_run(kaito, plugin, model_server, place, fault):
    name, outcome = run(kaito, plugin, model_server, place, fault, source=REQUEST if place == "request" else PLUGIN)
    # A backend that is not offered is an unknown one.
    assert outcome.code == (2 if place in ("import", "backends") else 1)
    assert f"Plugin 'mine' ({name})" in outcome.err
    assert RAISED[fault] in outcome.err
    assert outcome.out == ("Assistant: one\n" if place in ("close", "leave", "command") else "")


@pytest.mark.parametrize("fault", ["exit", "interrupt", "error", "cancelled", "group"])
@pytest.mark.parametrize("place", ["task", "task's end"])
def test_a_fault_in_a_task_in_the_background_does_not_hang(kaito, plugin, model_server, place, fault):
    name, outcome = run(kaito, plugin, model_server, place, fault)
    assert outcome.code in (0, 1)
    if place == "task" and fault in ("exit", "interrupt"):
        assert outcome.code == 1
        assert f"Plugin 'mine' ({name}) tried to end the process: {RAISED[fault]}" in outcome.err


@pytest.mark.parametrize("fault", ["print", "bytes"])
@pytest.mark.parametrize("place", [*HOOKS, *BACKEND, "slash_commands", "task", "task's end"])
def test_what_is_printed_goes_to_stderr_with_the_plugin_s_name(kaito, plugin, model_server, place, fault):
    name, outcome = run(
        kaito, plugin, model_server, place, fault, "-o", "json", source=REQUEST if place == "request" else PLUGIN
    )
    assert outcome.code == 0
    assert [json.loads(line)["text"] for line in outcome.out.splitlines()] == ["one"]
    owner = f"Plugin 'mine' ({name})"
    assert f"{owner} prints: stray text\n" in outcome.err
    assert "\x1b" not in outcome.err
    if fault == "print":
        assert f"{owner} prints: half a line\n" in outcome.err


@pytest.mark.parametrize("step", ["discover", "open", "close"])
def test_a_backend_that_blocks_the_loop_is_named_with_verbose(kaito, plugin, model_server, step):
    source = PLUGIN.replace('case "error": raise ValueError("boom")', 'case "error": time.sleep(4)')
    name, outcome = run(kaito, plugin, model_server, step, "error", "--verbose", source=source)
    assert (outcome.code, outcome.out) == (0, "Assistant: one\n")
    # A busy machine may delay our own code as long.
    start = f"Plugin 'mine' ({name}) has blocked the event loop for more than 1 s: {name}:"
    [line] = [line for line in outcome.err.splitlines() if line.startswith(start)]
    assert line.endswith(", in fault")
    _, quiet = run(kaito, plugin, model_server, step, "nothing")
    assert quiet.err == ""


def test_a_task_that_is_left_behind_is_cancelled(kaito, plugin, model_server):
    name, outcome = run(kaito, plugin, model_server, "nowhere", "nothing", "--verbose")
    assert outcome.code == 0
    assert "nobody awaits" not in outcome.err
    name, outcome = run(kaito, plugin, model_server, "task's end", "error", "--verbose")
    assert f"Plugin 'mine' ({name}): the task Odd.work, which nobody awaits, failed: ValueError: boom" in outcome.err


def test_a_task_that_refuses_to_end_is_named(kaito, plugin, model_server):
    source = PLUGIN.replace('at("task\'s end")', "await asyncio.sleep(600)")
    name, outcome = run(kaito, plugin, model_server, "nowhere", "nothing", "--verbose", source=source)
    assert outcome.code == 0
    assert f"Plugin 'mine' ({name}): the task Odd.work, which nobody awaits, does not end within 1 s" in outcome.err


def test_verbose_traces_the_hooks(kaito, plugin, model_server):
    name, outcome = run(kaito, plugin, model_server, "nowhere", "nothing", "--verbose", source=REQUEST)
    traced = [
        line.removeprefix(f"plugin 'mine' ({name}): ") for line in outcome.err.splitlines() if "plugin 'mine'" in line
    ]
    words = [line.partition(",")[0] + line.rpartition(" ms")[2] for line in traced]
    assert words == [
        "loaded",
        "kaito_add_options",
        "kaito_formatters",
        "kaito_backends, odd",
        "kaito_slash_commands, go",
        "kaito_request, left the request unchanged",
        "kaito_reply",
    ]


def test_a_task_group_s_single_error_is_the_plugin_s_own(kaito, plugin, model_server):
    source = PLUGIN.replace(
        'case "error": raise ValueError("boom")',
        'case "error":\n            from kaito import KaitoError\n'
        '            raise ExceptionGroup("a", [KaitoError("No door", "Try the window")])',
    )
    _, outcome = run(kaito, plugin, model_server, "discover", "error", source=source)
    assert (outcome.code, outcome.err) == (1, "❌ Error: No door\n   Try the window\n")
