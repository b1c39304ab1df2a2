"""What is typed is what is sent, whatever the locale is."""

import pytest

from tests.e2e.terminals.seen import at_prompt

TEXTS = [
    "Grüße, naïve café ñ",
    "Привет, мир",
    "你好，世界",
    "こんにちは",
    "안녕하세요",
    "مرحبا بالعالم",
    "नमस्ते",
    "🤖👩‍👩‍👧 ok 🇩🇪",
    "e\u0301 ﬁ Å \U0001f9d1\U0001f3fd",
]
LOCALES: dict[str, dict[str, str | None]] = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "ungenerated": {"LC_ALL": "xx_YY.UTF-8"},
    "ungenerated-latin": {"LC_ALL": "de_DE.ISO-8859-1"},
    "none": {"LC_ALL": None, "LC_CTYPE": None, "LANG": None},
    "none-uncoerced": {"LC_ALL": None, "LC_CTYPE": None, "LANG": None, "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "utf-8": {"LC_ALL": "C.UTF-8"},
}


@pytest.fixture(params=list(LOCALES.values()), ids=list(LOCALES))
def environment(request):
    """Return the variables of a locale."""
    return {"LC_ALL": None, "LC_CTYPE": None, "LANG": None, "PYTHONUTF8": None, **request.param}


def test_what_is_typed_is_sent(chat, server, environment):
    session = chat(env=environment)
    for count, text in enumerate(TEXTS, start=1):
        session.type(f"{text}\n")
        session.wait_for(at_prompt(count + 1))
        assert server.chats[-1].last_message == text


def test_editing_removes_whole_letters(chat, server, environment):
    session = chat(env=environment)
    session.type("naïve café 你好")
    session.press("backspace", "backspace", "backspace", "backspace", "home", "right", "right", "delete")
    session.type("i\n")
    server.wait_for_chats(1)
    assert server.chats[-1].last_message == "naive caf"


def test_recalled_and_pasted_texts(chat, server, environment):
    session = chat(env=environment)
    session.type("Привет 🤖\n")
    server.wait_for_chats(1)
    session.wait_for(at_prompt(2))
    session.press("up", "enter")
    server.wait_for_chats(2)
    session.wait_for(at_prompt(3))
    session.paste("Zeile 1: ü\nZeile 2: 你好")
    session.press("enter")
    server.wait_for_chats(3)
    assert [each.last_message for each in server.chats] == ["Привет 🤖"] * 2 + ["Zeile 1: ü\nZeile 2: 你好"]
