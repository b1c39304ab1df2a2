"""The shell in this process, with a server that answers as the test wants."""

import signal

import pytest

from kaito.errors import ExitCode, Interrupted, KaitoError
from kaito.types import ModelInfo
from tests.shell.bench import Bench


def test_nothing_of_cmd_s_own_syntax():
    lines = ["EOF", "?", "!x", "? help", "shell ls", "", "help me"]
    bench = Bench(*lines)
    bench.run()
    assert bench.server.asked == ["EOF", "?", "!x", "? help", "shell ls", "help me"]


@pytest.mark.parametrize(
    ("line", "told"),
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
def test_what_is_nearly_a_command_is_neither_done_nor_sent(line, told):
    bench = Bench("one", line, "two", keep_going=True)
    _, err = bench.run()
    assert f"❌ Error: {told}" in err
    assert bench.server.asked == ["one", "two"]
    assert bench.said == ["one", "one", "two", "two"]


@pytest.mark.parametrize("columns", [80, 40])
def test_the_help_and_the_long_status_fit_the_window(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    bench = Bench(
        "/help", "/help edit", "/help help", "/status", "/set seed 5", "/set stats on", "/set top-k 50", "/status"
    )
    bench.terminal.out_is_terminal = True
    out, _ = bench.run()
    assert max(map(len, out.splitlines())) < columns
    words = "Anything else is sent to the model"
    assert words in " ".join(out.split())
    for key in ("quit", "clear", "help", "status", "Ctrl-C", "Ctrl-D", '"""', "//"):
        assert key in out.partition("Commands (")[0]


def test_the_documented_texts_have_no_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    bench = Bench("help", "status", settings={"system_prompt": "Be brief, be kind, and be right"})
    bench.terminal.out_is_terminal = True
    out, _ = bench.run()
    assert "\n  status    - Show current configuration\n" in out
    assert "\n  System prompt: Be brief, be kind, and be right\n" in out
    piped = Bench("/status", settings={"system_prompt": "Be brief, be kind, and be right"})
    assert "\n  System prompt: Be brief, be kind, and be right\n" in piped.run()[0]


def test_onecmd_does_one_line():
    bench = Bench()
    assert bench.shell.onecmd("") is False
    assert bench.shell.onecmd("hello") is False
    assert bench.shell.onecmd("/clear") is False
    assert bench.shell.onecmd("quit") is True
    assert bench.server.asked == ["hello"]


def test_outside_text_is_neutralised_in_the_banner_and_the_status():
    bench = Bench("status", "/status", interactive=True)
    out, err = bench.run()
    assert "\x1b" not in out + err
    assert "Connected to workspace: w (m)" in err
    assert "System prompt: Be brief" in err


@pytest.mark.parametrize("verbose", [False, True])
def test_a_fault_is_told_and_ends_a_script(verbose):
    bench = Bench("one", "two", verbose=verbose)
    bench.server.answers = [ZeroDivisionError("boom"), ZeroDivisionError("boom")]
    _, err = bench.run()
    assert "This is a bug in kaito: ZeroDivisionError: boom" in err
    assert ("Traceback" in err) is verbose
    assert bench.server.asked == ["one"]
    assert bench.shell.exit_code is ExitCode.FAILED


def test_a_fault_does_not_end_a_session():
    bench = Bench("one", "two", interactive=True)
    bench.server.answers = [ZeroDivisionError("boom"), ZeroDivisionError("boom")]
    bench.run()
    assert bench.server.asked == ["one", "two"]
    assert bench.shell.exit_code is ExitCode.OK


def test_ctrl_c_at_a_prompt_and_in_a_script():
    bench = Bench("one", KeyboardInterrupt(), "two", interactive=True)
    bench.run()
    assert bench.server.asked == ["one", "two"]
    with pytest.raises(Interrupted):
        Bench("one", KeyboardInterrupt(), "two").run()


def test_an_interrupted_turn_ends_a_script_and_no_session():
    bench = Bench("one", "two", interactive=True)
    bench.server.answers = [Interrupted(), Interrupted()]
    bench.run()
    assert bench.server.asked == ["one", "two"]
    bench = Bench("one")
    bench.server.answers = [Interrupted(), Interrupted()]
    with pytest.raises(Interrupted):
        bench.run()


def test_a_line_that_cannot_be_read_does_not_end_a_session():
    bench = Bench(KaitoError("bad"), "two", interactive=True)
    _, err = bench.run()
    assert "❌ Error: bad\n" in err
    assert bench.server.asked == ["two"]


def test_a_paste_is_one_message_and_may_hold_a_block():
    source = '"""Module doc."""\nimport os\nprint(1)'
    bench = Bench("help\nme", '"""\na\nb\n"""', '"""a\nb', 'c"""', source)
    bench.run()
    assert bench.server.asked == ["help\nme", "a\nb", "a\nb\nc", source]


def test_the_window_and_the_last_turn_in_the_long_status():
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


def test_signals_are_as_before():
    before = signal.getsignal(signal.SIGINT)
    Bench("hi").run()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_ctrl_c_that_came_after_an_answer_is_of_no_use_at_a_prompt(monkeypatch):
    missed = [None, KeyboardInterrupt(), None, None]

    def raise_pending():
        if missed and (one := missed.pop(0)):
            raise one

    bench = Bench("one", "two", interactive=True)
    monkeypatch.setattr(bench.terminal.keyboard, "raise_pending", raise_pending)
    out, err = bench.run()
    assert out == "Assistant: one\nAssistant: two\n"
    assert err.endswith("exit):\n\n\n\n👋 Goodbye!\n")
    missed[:] = [None, KeyboardInterrupt()]
    bench = Bench("one", "two")
    monkeypatch.setattr(bench.terminal.keyboard, "raise_pending", raise_pending)
    with pytest.raises(Interrupted):
        bench.run()
    assert bench.server.asked == ["one"]
