"""The shell in this process, with a scripted server."""

import signal

import pytest

from kaito.errors import ExitCode, Interrupted, KaitoError
from kaito.types import ModelInfo
from tests.shell.bench import Bench


def test_cmd_s_own_syntax_is_sent_as_a_message():
    lines = ["EOF", "?", "!x", "? help", "shell ls", "", "help me"]
    bench = Bench(*lines)
    bench.run()
    assert bench.server.messages == ["EOF", "?", "!x", "? help", "shell ls", "help me"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/set_temperature 1", "Unknown command '/set_temperature'\n"),
        ("/max_tokens 5", "Unknown command '/max_tokens'\n"),
        ("/help?", "Unknown command '/help?'\n   Did you mean /help?\n"),
        ("/?", "Unknown command '/?'\n   Did you mean /help?\n"),
        ("/bye", "Unknown command '/bye'\n   Did you mean /quit?\n"),
        ("/", "Unknown command '/'\n   See /help\n   To send it as a message, write //\n"),
        ("/quit smoking", "/quit takes no arguments\n   To send it as a message, write //quit\n"),
        ("/clear the table", "/clear takes no arguments\n"),
        ("/status now", "/status takes no arguments\n"),
        ("/undo 3", "/undo takes no arguments\n"),
    ],
)
def test_an_invalid_command_is_neither_run_nor_sent(line, message):
    bench = Bench("one", line, "two", keep_going=True)
    _, err = bench.run()
    assert f"❌ Error: {message}" in err
    assert bench.server.messages == ["one", "two"]
    assert bench.texts == ["one", "one", "two", "two"]


@pytest.mark.parametrize("columns", [80, 40])
def test_help_and_status_fit_the_terminal_s_width(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    bench = Bench(
        "/help", "/help edit", "/help help", "/status", "/set seed 5", "/set stats on", "/set top-k 50", "/status"
    )
    bench.terminal.out_is_terminal = True
    out, _ = bench.run()
    assert max(map(len, out.splitlines())) < columns
    assert "Anything else is sent to the model" in " ".join(out.split())
    for key in ("quit", "clear", "help", "status", "Ctrl-C", "Ctrl-D", '"""', "//"):
        assert key in out.partition("Commands (")[0]


def test_the_contract_s_texts_are_not_wrapped(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    bench = Bench("help", "status", settings={"system_prompt": "Be brief, be kind, and be right"})
    bench.terminal.out_is_terminal = True
    out, _ = bench.run()
    assert "\n  status    - Show current configuration\n" in out
    assert "\n  System prompt: Be brief, be kind, and be right\n" in out
    piped = Bench("/status", settings={"system_prompt": "Be brief, be kind, and be right"})
    assert "\n  System prompt: Be brief, be kind, and be right\n" in piped.run()[0]


def test_onecmd_runs_one_line():
    bench = Bench()
    assert bench.shell.onecmd("") is False
    assert bench.shell.onecmd("hello") is False
    assert bench.shell.onecmd("/clear") is False
    assert bench.shell.onecmd("quit") is True
    assert bench.server.messages == ["hello"]


def test_the_banner_and_the_status_are_sanitized():
    bench = Bench("status", "/status", interactive=True)
    out, err = bench.run()
    assert "\x1b" not in out + err
    assert "Connected to workspace: w (m)" in err
    assert "System prompt: Be brief" in err


@pytest.mark.parametrize("verbose", [False, True])
def test_a_bug_is_reported_and_ends_a_script(verbose):
    bench = Bench("one", "two", verbose=verbose)
    bench.server.answers = [ZeroDivisionError("boom"), ZeroDivisionError("boom")]
    _, err = bench.run()
    assert "This is a bug in kaito: ZeroDivisionError: boom" in err
    assert ("Traceback" in err) is verbose
    assert bench.server.messages == ["one"]
    assert bench.shell.exit_code is ExitCode.FAILED


def test_a_bug_does_not_end_an_interactive_session():
    bench = Bench("one", "two", interactive=True)
    bench.server.answers = [ZeroDivisionError("boom"), ZeroDivisionError("boom")]
    bench.run()
    assert bench.server.messages == ["one", "two"]
    assert bench.shell.exit_code is ExitCode.OK


def test_ctrl_c_at_a_prompt_and_in_a_script():
    bench = Bench("one", KeyboardInterrupt(), "two", interactive=True)
    bench.run()
    assert bench.server.messages == ["one", "two"]
    with pytest.raises(Interrupted):
        Bench("one", KeyboardInterrupt(), "two").run()


def test_an_interrupted_turn_ends_a_script_but_not_an_interactive_session():
    bench = Bench("one", "two", interactive=True)
    bench.server.answers = [Interrupted(), Interrupted()]
    bench.run()
    assert bench.server.messages == ["one", "two"]
    bench = Bench("one")
    bench.server.answers = [Interrupted(), Interrupted()]
    with pytest.raises(Interrupted):
        bench.run()


def test_an_unreadable_line_does_not_end_an_interactive_session():
    bench = Bench(KaitoError("bad"), "two", interactive=True)
    _, err = bench.run()
    assert "❌ Error: bad\n" in err
    assert bench.server.messages == ["two"]


def test_a_paste_is_one_message_and_may_contain_a_block():
    source = '"""Module doc."""\nimport os\nprint(1)'
    bench = Bench("help\nme", '"""\na\nb\n"""', '"""a\nb', 'c"""', source)
    bench.run()
    assert bench.server.messages == ["help\nme", "a\nb", "a\nb\nc", source]


def test_status_shows_the_window_and_the_last_turn():
    out, _ = Bench("hi", "/status").run()
    assert out.endswith(
        "  Window: not reported by the server\n  Turns: 1\n  Last turn: 2 prompt + 2 completion tokens\n"
    )
    bench = Bench("hi", "/set seed 5", "/set stream off", "/status", models=[ModelInfo(name="m\x1b[2J", window=16)])
    out, _ = bench.run()
    assert out.endswith(
        "  Window: 16 tokens\n  Turns: 1\n  Last turn: 2 prompt + 2 completion tokens, 25% of the window\n"
        "  Settings: seed 5, stream off\n"
    )


def test_signal_handlers_are_restored():
    before = signal.getsignal(signal.SIGINT)
    Bench("hi").run()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_pending_ctrl_c_is_ignored_at_a_prompt_and_ends_a_script():
    pending = [None, KeyboardInterrupt(), None, None]

    def raise_pending():
        if pending and (interrupt := pending.pop(0)):
            raise interrupt

    bench = Bench("one", "two", interactive=True)
    bench.terminal.raise_pending = raise_pending
    out, err = bench.run()
    assert out == "Assistant: one\nAssistant: two\n"
    assert err.endswith("exit):\n\n\n\n👋 Goodbye!\n")
    pending[:] = [None, KeyboardInterrupt()]
    bench = Bench("one", "two")
    bench.terminal.raise_pending = raise_pending
    with pytest.raises(Interrupted):
        bench.run()
    assert bench.server.messages == ["one"]
