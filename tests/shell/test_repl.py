"""The shell in this process, with a scripted server."""

import signal

import pytest

from kaito.errors import ExitCode, Interrupted, KaitoError
from kaito.types import ModelInfo
from tests.shell.harness import ShellHarness


def test_cmd_s_own_syntax_is_sent_as_a_message():
    lines = ["EOF", "?", "!x", "? help", "shell ls", "", "help me"]
    harness = ShellHarness(*lines)
    harness.run()
    assert harness.server.messages == ["EOF", "?", "!x", "? help", "shell ls", "help me"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/set_temperature 1", "Unknown command '/set_temperature'\n"),
        ("/max_tokens 5", "Unknown command '/max_tokens'\n"),
        ("/help?", "Unknown command '/help?'\n   Did you mean /help?\n"),
        ("/?", "Unknown command '/?'\n   Did you mean /help?\n"),
        ("/bye", "Unknown command '/bye'\n   Did you mean /quit?\n"),
        ("/", "Unknown command '/'\n   The command 'help' lists all commands\n   To send it as a message, write //\n"),
        ("/quit smoking", "/quit takes no arguments\n   To send it as a message, write //quit\n"),
        ("/clear the table", "/clear takes no arguments\n"),
        ("/status now", "/status takes no arguments\n"),
        ("/undo 3", "/undo takes no arguments\n"),
    ],
)
def test_an_invalid_command_is_neither_run_nor_sent(line, message):
    harness = ShellHarness("one", line, "two", keep_going=True)
    _, err = harness.run()
    assert f"❌ Error: {message}" in err
    _, at_prompt = ShellHarness(line, interactive=True).run()
    assert message.replace("The command 'help' lists all commands", "See /help") in at_prompt
    assert harness.server.messages == ["one", "two"]
    assert harness.texts == ["one", "one", "two", "two"]


@pytest.mark.parametrize("columns", [80, 40])
def test_help_and_status_fit_the_terminal_s_width(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    harness = ShellHarness(
        "/help", "/help edit", "/help help", "/status", "/set seed 5", "/set stats on", "/set top-k 50", "/status"
    )
    harness.terminal.out_is_terminal = True
    out, _ = harness.run()
    assert max(map(len, out.splitlines())) < columns
    assert "Anything else is sent to the model" in " ".join(out.split())
    for key in ("quit", "clear", "help", "status", "Ctrl-C", "Ctrl-D", '"""', "//"):
        assert key in out.partition("Commands (")[0]


def test_the_contract_s_texts_are_not_wrapped(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    harness = ShellHarness("help", "status", settings={"system_prompt": "Be brief, be kind, and be right"})
    harness.terminal.out_is_terminal = True
    out, _ = harness.run()
    assert "\n  status    - Show current configuration\n" in out
    assert "\n  System prompt: Be brief, be kind, and be right\n" in out
    piped = ShellHarness("/status", settings={"system_prompt": "Be brief, be kind, and be right"})
    assert "\n  System prompt: Be brief, be kind, and be right\n" in piped.run()[0]


def test_onecmd_runs_one_line():
    harness = ShellHarness()
    with harness.answers:
        assert harness.shell.onecmd("") is False
        assert harness.shell.onecmd("hello") is False
        assert harness.shell.onecmd("/clear") is False
        assert harness.shell.onecmd("quit") is True
    assert harness.server.messages == ["hello"]


def test_the_banner_and_the_status_are_sanitized():
    harness = ShellHarness("status", "/status", interactive=True)
    out, err = harness.run()
    assert "\x1b" not in out + err
    assert "Connected to workspace: w (m)" in err
    assert "System prompt: Be brief" in err


@pytest.mark.parametrize("verbose", [False, True])
def test_a_bug_is_reported_and_ends_a_script(verbose):
    harness = ShellHarness("one", "two", verbose=verbose)
    harness.server.answers = [ZeroDivisionError("boom"), ZeroDivisionError("boom")]
    _, err = harness.run()
    assert "This is a bug in kaito: ZeroDivisionError: boom" in err
    assert ("Traceback" in err) is verbose
    assert harness.server.messages == ["one"]
    assert harness.shell.exit_code is ExitCode.FAILED


def test_a_bug_does_not_end_an_interactive_session():
    harness = ShellHarness("one", "two", interactive=True)
    harness.server.answers = [ZeroDivisionError("boom"), ZeroDivisionError("boom")]
    harness.run()
    assert harness.server.messages == ["one", "two"]
    assert harness.shell.exit_code is ExitCode.OK


def test_ctrl_c_at_a_prompt_and_in_a_script():
    harness = ShellHarness("one", KeyboardInterrupt(), "two", interactive=True)
    harness.run()
    assert harness.server.messages == ["one", "two"]
    with pytest.raises(Interrupted):
        ShellHarness("one", KeyboardInterrupt(), "two").run()


def test_an_interrupted_turn_ends_a_script_but_not_an_interactive_session():
    harness = ShellHarness("one", "two", interactive=True)
    harness.server.answers = [Interrupted(), Interrupted()]
    harness.run()
    assert harness.server.messages == ["one", "two"]
    harness = ShellHarness("one")
    harness.server.answers = [Interrupted(), Interrupted()]
    with pytest.raises(Interrupted):
        harness.run()


def test_an_unreadable_line_does_not_end_an_interactive_session():
    harness = ShellHarness(KaitoError("bad"), "two", interactive=True)
    _, err = harness.run()
    assert "❌ Error: bad\n" in err
    assert harness.server.messages == ["two"]


def test_a_paste_is_one_message_and_may_contain_a_block():
    source = '"""Module doc."""\nimport os\nprint(1)'
    harness = ShellHarness("help\nme", '"""\na\nb\n"""', '"""a\nb', 'c"""', source)
    harness.run()
    assert harness.server.messages == ["help\nme", "a\nb", "a\nb\nc", source]


def test_status_shows_the_window_and_the_last_turn():
    out, _ = ShellHarness("hi", "/status").run()
    assert out.endswith(
        "  Window: not reported by the server\n  Turns: 1\n  Last turn: 2 prompt + 2 completion tokens\n"
    )
    harness = ShellHarness(
        "hi", "/set seed 5", "/set stream off", "/status", models=[ModelInfo(name="m\x1b[2J", window=16)]
    )
    out, _ = harness.run()
    assert out.endswith(
        "  Window: 16 tokens\n  Turns: 1\n  Last turn: 2 prompt + 2 completion tokens, 25% of the window\n"
        "  Settings: seed 5, stream off\n"
    )


def test_signal_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT)
    ShellHarness("hi").run()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_pending_ctrl_c_is_ignored_at_a_prompt_and_ends_a_script(monkeypatch):
    pending = [None, KeyboardInterrupt(), None, None]

    def raise_pending():
        if pending and (interrupt := pending.pop(0)):
            raise interrupt

    harness = ShellHarness("one", "two", interactive=True)
    monkeypatch.setattr(harness.terminal.keyboard, "raise_pending", raise_pending)
    out, err = harness.run()
    assert out == "Assistant: one\nAssistant: two\n"
    assert err.endswith("exit):\n(host x, backend url)\n\n\n\n👋 Goodbye!\n")
    pending[:] = [None, KeyboardInterrupt()]
    harness = ShellHarness("one", "two")
    monkeypatch.setattr(harness.terminal.keyboard, "raise_pending", raise_pending)
    with pytest.raises(Interrupted):
        harness.run()
    assert harness.server.messages == ["one"]
