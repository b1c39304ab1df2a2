"""A person at a prompt: what is on the screen, key by key."""

import re

import pytest

from kaito.testing import Cut, Gate, Hang, Say, Status, kaito_command
from tests.e2e.seen import BANNER, at_prompt, at_rest, screen


def test_the_contract_s_basic_session(chat, server):
    server.enqueue(Say("Hello! I'm doing well, thank you for asking."), Say("Machine learning is a subset of AI."))
    session = chat(columns=120)
    session.type("Hello! How are you?\n")
    session.wait_for("for asking.\n\n>")
    session.type("What is machine learning?\n")
    session.wait_for("subset of AI.\n\n>")
    session.type("quit\n")
    assert session.wait_exit() == 0
    assert screen(session) == (
        BANNER + "> Hello! How are you?\nAssistant: Hello! I'm doing well, thank you for asking.\n\n"
        "> What is machine learning?\nAssistant: Machine learning is a subset of AI.\n\n"
        "> quit\n👋 Goodbye!"
    )


def test_the_contract_s_session_with_a_system_prompt(chat, server):
    answer = "To create a Python function:\n\n```python\ndef greet(name):\n    return name\n```"
    server.enqueue(Say(answer))
    session = chat("--system-prompt", "You are a helpful coding assistant")
    session.type("How do I create a Python function?\n")
    session.wait_for("```\n\n>")
    assert screen(session) == (
        "🤖 Connected to workspace: my-llama (llama-2-7b)\n"
        "🎯 System prompt: You are a helpful coding assistant\n"
        "💬 Type your message (or 'quit' to exit):\n\n"
        f"> How do I create a Python function?\nAssistant: {answer}\n\n>"
    )
    assert server.chats[0].messages[0] == {"role": "system", "content": "You are a helpful coding assistant"}


def test_the_contract_s_session_with_commands(chat, server):
    server.enqueue(Say("Hello! How can I help you today?"))
    session = chat()
    for turn, line in enumerate(["help", "status", "clear", "Hello again!"], start=2):
        session.type(f"{line}\n")
        session.wait_for(at_prompt(turn))
    session.type("quit\n")
    assert session.wait_exit() == 0
    assert screen(session) == (
        BANNER + "> help\n"
        "Available commands:\n"
        "  quit/exit - Exit chat session\n"
        "  clear     - Clear conversation history\n"
        "  help      - Show this help\n"
        "  status    - Show current configuration\n"
        "(/help tells more)\n"
        "\n> status\n"
        "Configuration:\n"
        "  Workspace: my-llama\n"
        "  Model: llama-2-7b\n"
        "  Temperature: 0.7\n"
        "  Max tokens: 1024\n"
        "  Top-p: 0.9\n"
        "  System prompt: (none)\n"
        "\n> clear\n🗑️ Conversation history cleared\n"
        "\n> Hello again!\nAssistant: Hello! How can I help you today?\n"
        "\n> quit\n👋 Goodbye!"
    )


def test_the_help_s_two_blanks_are_there(chat):
    session = chat()
    session.type("help\n")
    session.wait_for(at_prompt(2))
    assert b"Clear conversation history  \r\n" in session.raw


def test_ctrl_d_says_goodbye(chat):
    session = chat()
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert screen(session) == BANNER + ">\n👋 Goodbye!"


@pytest.mark.parametrize("word", ["exit", " QUIT ", "/quit", "/exit"])
def test_other_ways_out(chat, word):
    session = chat()
    session.type(f"{word}\n")
    assert session.wait_exit() == 0
    assert screen(session).endswith("👋 Goodbye!")


def test_an_empty_line_does_nothing(chat, server):
    session = chat()
    session.type("\n  \n")
    session.wait_for(lambda session: screen(session).count("\n>") == 3)
    assert screen(session) == BANNER + ">\n>\n>"
    assert server.chats == []


def test_an_answer_streams_as_it_arrives(chat, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    session = chat()
    session.type("Hi\n")
    session.wait_for("Assistant: Hel")
    gate.open()
    session.wait_for("Assistant: Hello\n\n>")


def test_a_wait_is_explained_and_gone_before_the_answer(chat, server):
    gate = Gate()
    server.enqueue(Say(chunks=[gate, "Hello"]))
    session = chat()
    session.type("Hi\n")
    session.wait_for("waiting for the model … 1 s")
    gate.open()
    session.wait_for(at_prompt(2))
    assert screen(session) == BANNER + "> Hi\nAssistant: Hello\n\n>"


def test_ctrl_c_stops_an_answer_and_keeps_what_was_said(chat, server):
    server.strict_roles = True
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]), Say("Go on"))
    session = chat()
    session.type("Hi\n")
    session.wait_for("Assistant: Hel")
    session.press("ctrl-c")
    session.wait_for(at_prompt(2))
    server.wait_for_disconnect(timeout=5)
    session.type("And?\n")
    session.wait_for(at_prompt(3))
    assert [message["content"] for message in server.chats[-1].messages] == ["Hi", "Hel", "And?"]
    assert screen(session) == BANNER + "> Hi\nAssistant: Hel\n\n> And?\nAssistant: Go on\n\n>"


def test_what_is_typed_ahead_waits_for_its_prompt(chat, server):
    gate = Gate()
    server.enqueue(Say(chunks=["Hel", gate, "lo"]))
    session = chat()
    session.type("Hi\n")
    session.wait_for("Assistant: Hel")
    session.type("And you?\nhal")
    gate.open()
    session.wait_for("> hal")
    assert screen(session) == BANNER + "> Hi\nAssistant: Hello\n\n> And you?\nAssistant: And you?\n\n> hal"
    session.type("f\n")
    session.wait_for("Assistant: half\n\n>")


def test_the_terminal_is_left_as_it_was(terminal, server):
    server.enqueue(Say("one"), Hang("two"))
    command = " ".join(kaito_command("chat", "--endpoint", server.url))
    session = terminal(["bash", "-c", f"stty -a; {command}; stty -a"])
    session.wait_for("\n>")
    session.type("a\n")
    session.wait_for("Assistant: one\n\n>")
    session.type("b\n")
    session.wait_for("Assistant: two")
    session.press("ctrl-c")
    session.wait_for("Assistant: two\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    before, after = session.transcript.split("speed ")[1:]
    assert before.split("🤖")[0].split() == after.split()


def test_ctrl_c_before_the_first_token_takes_the_message_back(chat, server):
    server.enqueue(Hang(), Say("Here"))
    session = chat()
    session.type("Hi\n")
    server.wait_for_chats(1)
    session.press("ctrl-c")
    session.wait_for(at_prompt(2))
    session.type("Again\n")
    session.wait_for("Assistant: Here\n\n>")
    assert [message["content"] for message in server.chats[-1].messages] == ["Again"]


def test_ctrl_c_at_the_prompt_clears_the_line(chat, server):
    session = chat()
    session.type("half a mess")
    session.wait_for("> half a mess")
    at_rest(session)
    session.press("ctrl-c")
    session.wait_for(lambda session: screen(session).endswith("\n>"))
    session.type("whole\n")
    session.wait_for("Assistant: whole")
    assert [chat.last_message for chat in server.chats] == ["whole"]


def test_ctrl_c_while_a_retry_waits(chat, server):
    server.enqueue(Status(503, retry_after=30))
    session = chat()
    session.type("Hi\n")
    session.wait_for("retrying in ")
    session.press("ctrl-c")
    session.wait_for(at_prompt(2))
    session.type("Again\n")
    session.wait_for("Assistant: Again\n\n>")


def test_ctrl_c_in_a_block_drops_it(chat, server):
    session = chat()
    session.type('"""\nfirst\n')
    session.wait_for("... first\n...")
    session.press("ctrl-c")
    session.wait_for(lambda session: screen(session).endswith("\n>"))
    session.type("other\n")
    session.wait_for("Assistant: other")
    assert [chat.last_message for chat in server.chats] == ["other"]


def test_a_block_has_another_prompt(chat, server):
    session = chat()
    session.type('"""\nfirst\nquit\n"""\n')
    session.wait_for("Assistant: first\nquit\n\n>")
    assert server.chats[0].last_message == "first\nquit"


def test_the_end_of_input_in_a_block_is_told(chat, server):
    session = chat()
    session.type('"""\nfirst\n')
    session.wait_for("... first\n...")
    session.press("ctrl-d")
    session.wait_for('❌ Error: a block opened by """ is not closed')
    session.wait_for(lambda session: screen(session).endswith("\n>"))
    assert server.chats == []
    session.type("Hi\n")
    session.wait_for("> Hi\nAssistant: Hi\n\n>")
    session.type("Ho\n")
    session.wait_for("> Ho\nAssistant: Ho\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert screen(session).endswith("\n>\n👋 Goodbye!")


def test_a_pasted_block_is_one_message(chat, server):
    session = chat()
    session.paste("line 1\nquit\nline 3")
    session.wait_for("line 3")
    session.press("enter")
    session.wait_for("Assistant: line 1\nquit\nline 3")
    assert server.chats[0].last_message == "line 1\nquit\nline 3"


def test_a_line_can_be_edited_and_taken_again(chat, server):
    session = chat()
    session.type("world")
    session.press("home")
    session.type("hello \n")
    session.wait_for("Assistant: hello world\n\n>")
    session.press("up", "enter")
    session.wait_for(at_prompt(3))
    assert [chat.last_message for chat in server.chats] == ["hello world", "hello world"]


def test_an_error_is_shown_and_the_prompt_comes_back(chat, server):
    server.enqueue(Cut("Hel"))
    session = chat()
    session.type("Hi\n")
    session.wait_for(at_prompt(2))
    assert screen(session) == (
        BANNER + "> Hi\nAssistant: Hel\n"
        "❌ Model Error: The answer broke off: the connection was lost\n"
        "   What arrived of it is not part of the conversation; send the message again\n\n>"
    )
    session.type("quit\n")
    assert session.wait_exit() == 0


def test_errors_are_red_and_the_contract_s_texts_are_not_coloured(chat, server):
    server.enqueue(Status(500), Say("Hi"))
    session = chat()
    session.type("one\n")
    session.wait_for(at_prompt(2))
    session.type("two\n")
    session.wait_for(at_prompt(3))
    assert b"\x1b[31m\xe2\x9d\x8c Model Error:" in session.raw
    assert b"Assistant: Hi" in session.raw
    plain = re.sub(rb"\x1b\[\?2004[hl]", b"", session.raw)
    assert plain.split("🤖".encode())[1].split(b"> one")[0].count(b"\x1b") == 0


def test_reasoning_is_dim_and_apart(chat, server):
    server.enqueue(Say("yes", reasoning="hm"))
    session = chat()
    session.type("Hi\n")
    session.wait_for(at_prompt(2))
    assert screen(session) == BANNER + "> Hi\nThinking: hm\nAssistant: yes\n\n>"
    assert b"\x1b[2mThinking: hm" in session.raw


def test_a_model_does_not_drive_the_terminal(chat, server):
    server.model = "evil\x1b[2Jmodel"
    server.enqueue(Say(chunks=["a\x1b[2", "Jb\x1b]0;tit", "le\x07c\x1b[?1049h\x9b2Jd"]))
    session = chat()
    session.type("Hi\n")
    session.wait_for("Assistant: abcd")
    assert "(evilmodel)" in screen(session)


def test_a_failure_to_connect_comes_before_any_prompt(terminal, refused_url):
    session = terminal(kaito_command("chat", "--endpoint", refused_url, "--workspace-name", "x"))
    assert session.wait_exit() == 4
    assert ">" not in screen(session)
    assert screen(session).startswith("❌ Error: Unable to connect to workspace endpoint\n")


def test_the_endpoint_s_host_stands_for_a_workspace(terminal, server):
    session = terminal(kaito_command("chat", "--endpoint", f"{server.url}/v1"))
    session.wait_for(f"🤖 Connected to workspace: {server.url.removeprefix('http://')} (llama-2-7b)")


def test_a_server_without_a_model_list(terminal, server):
    server.list_models = False
    session = terminal(kaito_command("chat", "--endpoint", server.url))
    session.wait_for("(unknown model)")


def test_a_dumb_terminal_gets_no_emoji_no_colour_and_no_status(chat, server):
    gate = Gate()
    server.enqueue(
        Status(500, {"error": {"message": "boom"}}),
        Status(503, retry_after=1),
        Say(chunks=[gate, "yes"], reasoning="hm"),
    )
    session = chat("--system-prompt", "Be brief", env={"TERM": "dumb", "COLORTERM": "truecolor"})
    for line, seen in (
        ("fails", "\nModel Error: boom (HTTP 500)\n\n>"),
        ("waits", "\nretrying in 1 s: "),
    ):
        session.type(f"{line}\n")
        session.wait_for(seen)
    server.wait_for_chats(3)
    gate.wait_reached()
    gate.open()
    session.wait_for("\nThinking: hm\nAssistant: yes\n\n>")
    for line, seen in (("clear", "\nConversation history cleared\n\n>"), ("help", "(/help tells more)\n\n>")):
        session.type(f"{line}\n")
        session.wait_for(seen)
    session.type("/und\t")
    session.wait_for("> /undo")
    session.press("ctrl-c")
    session.wait_for(lambda session: screen(session).endswith("\n>"))
    session.type("quit\n")
    assert session.wait_exit() == 0
    assert screen(session).startswith(
        "Connected to workspace: my-llama (llama-2-7b)\nSystem prompt: Be brief\nType your message (or 'quit' to exit):\n"
    )
    assert screen(session).endswith("\nGoodbye!")
    assert b"\x1b" not in session.raw
    assert not set(session.raw.decode()) & set("🤖💬🎯🗑👋❌")


def test_stdout_elsewhere_keeps_the_person_on_stderr(terminal, server):
    arguments = kaito_command("chat", "--endpoint", server.url, "--workspace-name", "my-llama")
    session = terminal(arguments, stdout="pipe")
    session.wait_for("\n>")
    session.type("Hi\n")
    session.wait_for(lambda session: screen(session).count("\n>") == 2)
    session.type("help\nquit\n")
    assert session.wait_exit() == 0
    assert screen(session).startswith(BANNER + "> Hi\n\n>")
    assert screen(session).endswith("👋 Goodbye!")
    assert session.out.startswith(b"Assistant: Hi\nAvailable commands:\n")


def test_input_from_a_pipe_on_a_terminal_is_a_script(terminal, server):
    session = terminal(kaito_command("chat", "--endpoint", server.url), stdin="pipe")
    session.send(b"Hi\n")
    session.close_stdin()
    assert session.wait_exit() == 0
    assert screen(session) == "Assistant: Hi"


def test_the_last_conversation_of_a_terminal_goes_on(terminal, server, clean_environment):
    chat = " ".join(kaito_command("chat", "--endpoint", server.url))
    script = f"{chat}; {chat} --continue; {chat} --continue -m three; KAITO_HISTORY=off {chat} --continue"
    session = terminal(["bash", "-c", script])
    session.wait_for("\n>")
    session.type("one\n")
    session.wait_for("Assistant: one\n\n>")
    session.type("quit\n")
    session.wait_for("Goodbye!\n🤖")
    session.type("two\n")
    session.wait_for("Assistant: two\n\n>")
    session.type("quit\n")
    assert session.wait_exit(30) == 2
    assert "Assistant: three\n❌ Error: --continue: needs a terminal" in screen(session)
    said = [[message["content"] for message in one.messages] for one in server.chats]
    assert said == [["one"], ["one", "one", "two"], ["one", "one", "two", "two", "three"]]
    [file] = (clean_environment / ".local" / "state" / "kaito" / "conversations").iterdir()
    assert file.read_text().count('"role"') == 6


def test_clear_forgets_what_was_kept(terminal, server, clean_environment):
    session = terminal(kaito_command("chat", "--endpoint", server.url))
    session.wait_for("\n>")
    session.type("one\n")
    session.wait_for("Assistant: one\n\n>")
    folder = clean_environment / ".local" / "state" / "kaito" / "conversations"
    assert len(list(folder.iterdir())) == 1
    session.type("clear\n")
    session.wait_for("history cleared")
    assert list(folder.iterdir()) == []


def test_a_conversation_that_cannot_be_kept_is_told_once(terminal, server, clean_environment):
    (clean_environment / ".local").write_text("a file")
    session = terminal(kaito_command("chat", "--endpoint", server.url))
    session.wait_for("\n>")
    session.type("one\n")
    session.wait_for("❌ Error: Cannot keep the conversation")
    session.type("two\n")
    session.wait_for("Assistant: two\n\n>")
    assert screen(session).count("Cannot keep") == 1
