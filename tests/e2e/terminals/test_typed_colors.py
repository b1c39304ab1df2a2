"""What the user typed has a colour of its own: it stands out from the answers, and nothing else is sent for it."""

import re

import pytest

from kaito.testing import Say, kaito_command
from kaito.testing.screen import Screen
from tests.e2e.terminals.seen import at_prompt, editor

_COLORS = re.compile(rb"\x1b\[[0-9;]*m")
_COLUMNS = 60


def painted(session, columns=_COLUMNS):
    """Return the lines of the screen, and of each the part that has the colour of typed text."""
    screen = Screen(columns, 200)
    screen.feed(session.raw)
    lines = []
    for row in range(200):
        cells = [screen.buffer[row][column] for column in range(columns)]
        typed = "".join(cell.data for cell in cells if cell.fg == "magenta" and cell.bold)
        lines.append(("".join(cell.data for cell in cells).rstrip(), typed.rstrip()))
    return [line for line in lines if line[0]]


def typed_lines(session, columns=_COLUMNS):
    """Return the lines with the colour of typed text; each has it from its beginning to its end."""
    found = [line for line in painted(session, columns) if line[1]]
    assert all(line == typed for line, typed in found)
    return [line for line, _ in found]


@pytest.mark.parametrize("term", ["xterm-256color", "screen", "linux", "vt220"])
def test_what_is_typed_has_a_colour_and_nothing_else_has_it(chat, server, term):
    server.enqueue(Say("an answer"), Say("the second"))
    session = chat(env={"TERM": term}, columns=_COLUMNS)
    session.type("Hello\n")
    session.wait_for(at_prompt(2))
    session.type("status\n")
    session.wait_for(at_prompt(3))
    session.type("x" * 80 + "\n")
    session.wait_for("the second\n\n>")
    session.type("/undoo\n")
    session.wait_for("//undoo\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert typed_lines(session) == ["> Hello", "> status", "> " + "x" * 58, "x" * 22, "> /undoo", ">"]
    lines = [line for line, typed in painted(session) if not typed]
    assert {"Assistant: an answer", "Assistant: the second", "👋 Goodbye!"} <= {
        line.replace("  ", " ") for line in lines
    }


def test_recalled_searched_pasted_and_discarded_text_has_it(chat, server):
    session = chat(columns=_COLUMNS)
    session.type("one two\n")
    session.wait_for(at_prompt(2))
    session.press("up")
    session.wait_for("> one two", count=2)
    session.type(" three")
    session.wait_for("> one two three")
    session.press("ctrl-c")
    session.wait_for(at_prompt(3))
    session.type("\x12two")
    session.wait_for("two': one two")
    session.press("enter")
    session.wait_for(at_prompt(4))
    session.type('"""\nin a block\n"""\n')
    session.wait_for(at_prompt(5))
    session.paste("pasted\ntext")
    session.wait_for("\ntext")
    session.press("enter")
    session.wait_for(at_prompt(6))
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    typed = typed_lines(session)
    for line in ("> one two", "> one two three", '> """', "... in a block", '... """', "> pasted", "text"):
        assert line in typed
    assert {line for line, colored in painted(session) if not colored} >= {
        "Assistant: one two",
        "Assistant: in a block",
    }


def test_a_discarded_line_leaves_no_colour_behind(chat):
    session = chat(columns=_COLUMNS)
    session.type("half")
    session.wait_for("> half")
    session.press("ctrl-d", "ctrl-c")
    session.wait_for(at_prompt(2))
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert painted(session)[-1] == ("👋 Goodbye!", "")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colours_not_a_byte_is_added(start, server, env):
    """The same session with and without colours differs in the sequences of colours only."""
    seen = []
    for variables in ({"TERM": env.get("TERM", "xterm-256color"), "FORCE_COLOR": "1"}, env):
        server.enqueue(Say("an answer"))
        session = start(env=variables, columns=_COLUMNS)
        session.wait_for("\n>")
        for text, count in (("Hello", 2), ("quit", 0)):
            session.type(f"{text}\n")
            if count:
                session.wait_for(at_prompt(count))
        assert session.wait_exit() == 0
        seen.append(session.raw)
    with_colors, without = seen
    assert _COLORS.search(with_colors)
    assert not _COLORS.search(without)
    assert _COLORS.sub(b"", with_colors) == without


def test_what_the_editor_sends_is_shown_as_typed(chat, server, tmp_path):
    session = chat(env={"EDITOR": editor(tmp_path, "file.write_text('from the\\neditor')")}, columns=_COLUMNS)
    session.type("/edit\n")
    session.wait_for(lambda session: session.transcript.rstrip().endswith("Assistant: from the\neditor\n\n>"))
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert typed_lines(session)[1:3] == ["> from the", "editor"]
    assert server.chats[0].last_message == "from the\neditor"


def test_a_file_that_is_sent_is_named_with_its_size(chat, server, tmp_path):
    (tmp_path / "notes.txt").write_text("one\ntwo\n" * 1000)
    server.enqueue(Say("read"))
    session = chat(cwd=tmp_path, columns=_COLUMNS)
    session.type("/read notes.txt Summarize\n")
    session.wait_for("Assistant: read\n\n>")
    assert (
        "> /read notes.txt Summarize\n(sending notes.txt: 2000 lines, 7.8 KiB)\nAssistant: read" in session.transcript
    )


def test_the_history_shows_messages_in_their_colour(chat, server):
    server.enqueue(Say("one"), Say("> not typed"))
    session = chat(columns=_COLUMNS)
    for text, prompts in (("first", 2), ("second", 3)):
        session.type(f"{text}\n")
        session.wait_for(at_prompt(prompts))
    session.type("/history\n")
    session.wait_for(lambda session: session.transcript.count("Assistant: > not typed") == 2)
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    assert typed_lines(session) == ["> first", "> second", "> /history", "> first", "> second", ">"]


def test_a_message_of_an_earlier_run_is_shown_when_it_is_sent_again(chat, server):
    session = chat(columns=_COLUMNS)
    session.type("asked before\n")
    session.wait_for(at_prompt(2))
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    session = chat("--continue", columns=_COLUMNS)
    session.type("/retry\n")
    session.wait_for("Assistant: asked before\n\n>")
    session.type("/retry\n")
    session.wait_for("Assistant: asked before\n\n>", count=2)
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    # Then it is on the screen.
    assert typed_lines(session) == ["> /retry", "> asked before", "> /retry", ">"]


PLUGIN = """
from contextlib import asynccontextmanager
from kaito import Backend, Candidate, Cell, Column, Command, Endpoint, Location, hookimpl

class Lab(Backend):
    name = "lab"
    needs_workspace = False
    async def discover(self, target, reporter):
        return [Candidate(backend=self.name, url="URL", rank=1)]
    @asynccontextmanager
    async def open(self, candidate, reporter):
        yield Endpoint(url="URL", shown_url="URL", label="lab", location=Location(host="rack 4 of the lab"))

@hookimpl
def kaito_backends():
    return [Lab()]

def run(context):
    context.write_table(
        [Column(title="NAME", least=10), Column(title="STATE"), Column(title="PLACE", rank=1), Column(title="WHY", below=True)],
        [("a" * 50, Cell("no", "bad"), "rack 4 of the lab", "it is off"), ("b", Cell("yes", "good"), "rack 5", "")],
    )
    context.write_object([{"name": "c", "description": "a long text that cannot stand beside the name in the window"}])

@hookimpl
def kaito_commands():
    return [Command(name="lab", summary="List the lab", run=run)]
"""


def test_a_plugin_names_its_place_and_writes_tables(terminal, server, tmp_path):
    (tmp_path / "lab.py").write_text(PLUGIN.replace("URL", server.url))
    session = terminal(kaito_command("chat", "--plugin", "./lab.py"), columns=_COLUMNS, cwd=tmp_path)
    session.wait_for("(host rack 4 of the lab, backend lab)\n\n>")
    session.press("ctrl-d")
    assert session.wait_exit() == 0
    session = terminal(kaito_command("lab", "--plugin", "./lab.py"), columns=40, cwd=tmp_path)
    assert session.wait_exit() == 0
    assert session.screen == (
        "NAME           STATE  PLACE\n"
        "aaaaaa…aaaaaa  no     rack 4 of the lab\n"
        "  it is off\n"
        "b              yes    rack 5\n"
        "NAME\n"
        "c\n"
        "  description: a long text that cannot\n"
        "  stand beside the name in the window"
    )
