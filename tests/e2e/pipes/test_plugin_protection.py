"""A plugin that may redact what is sent works, or nothing is sent."""

import pytest

from kaito.testing import Say

REDACTS = """
from kaito import hookimpl

@hookimpl
def kaito_request(request, settings):
    hidden = [type(m)(m.role, m.content.replace("secret", "***")) for m in request.messages]
    return request.replace(messages=tuple(hidden))
"""

# Each makes a plugin that redacts fail before the first turn.
FAILURES = {
    "import": "import nothing_of_this_name\n" + REDACTS,
    "syntax": REDACTS + "\n)",
    "exit": "import sys\n" + REDACTS + "\nsys.exit(0)",
    "not marked": REDACTS.replace("@hookimpl\n", ""),
    "options": REDACTS + "\n@hookimpl\ndef kaito_add_options(options): raise ValueError('boom')",
    "a flag that exists": REDACTS + "\n@hookimpl\ndef kaito_add_options(options): options.add('--model', help='x')",
    "an invalid default": REDACTS
    + "\n@hookimpl\ndef kaito_add_options(options): options.add('--n', help='x', parse=int, default='many')",
    "backends": REDACTS + "\n@hookimpl\ndef kaito_backends(): raise ValueError('boom')",
    "formatters": REDACTS + "\n@hookimpl\ndef kaito_formatters(): raise KeyboardInterrupt",
    "commands": REDACTS + "\n@hookimpl\ndef kaito_slash_commands(): return 5",
    "a late offer": REDACTS
    + "\n@hookimpl\ndef kaito_slash_commands():\n    yield from ()\n    raise ValueError('boom')",
    "unknown argument": REDACTS.replace("request, settings", "request, setings"),
    "async": REDACTS.replace("def ", "async def "),
    "generator": REDACTS.replace("return", "yield"),
    "wrapper": REDACTS.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("return", "yield;"),
    "misspelt": REDACTS.replace("kaito_request", "kaito_requests") + "\n@hookimpl\ndef kaito_reply(reply): pass",
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("arguments", [{"message": "my secret"}, {"stdin": "my secret\n"}])
def test_nothing_is_sent_without_a_plugin_that_may_redact(kaito, plugin, model_server, failure, arguments):
    source = FAILURES[failure]
    name = plugin(source)
    message = ["-m", arguments["message"]] if "message" in arguments else []
    outcome = kaito("chat", "--endpoint", model_server.url, "--plugin", name, *message, stdin=arguments.get("stdin"))
    assert (outcome.code, outcome.out) == (1, "")
    assert model_server.requests == []
    *_, error, hint = outcome.err.splitlines()
    assert error == (
        f"❌ Error: Plugin 'mine' ({name}) may redact what is sent, and it failed: nothing is sent without it"
    )
    assert hint == f"   To run without it, leave out --plugin {name}"
    assert "Traceback" not in outcome.err


def test_its_flag_is_not_the_error(kaito, plugin, model_server):
    name = plugin(FAILURES["import"])
    outcome = kaito("chat", "--endpoint", model_server.url, "--plugin", name, "--redact", "x", "-m", "y")
    assert outcome.code == 1
    assert "may redact what is sent" in outcome.err
    assert "Usage" in kaito("chat", "--plugin", name, "--help").out


def test_a_plugin_that_cannot_redact_may_fail(kaito, plugin, model_server):
    name = plugin("import nothing_of_this_name")
    outcome = kaito("chat", "--endpoint", model_server.url, "--plugin", name, "-m", "hi")
    assert (outcome.code, outcome.out) == (0, "Assistant: hi\n")
    assert "was not loaded: ModuleNotFoundError" in outcome.err


def test_commands_that_send_nothing_run_without_it(kaito, plugin):
    name = plugin(FAILURES["import"])
    outcome = kaito("plugins", "--plugin", name)
    assert outcome.code == 0
    assert "! ModuleNotFoundError" in outcome.out


def test_a_failure_after_a_turn_is_not_one_of_protection(kaito, plugin, model_server):
    name = plugin(REDACTS + "\n@hookimpl\ndef kaito_reply(reply): raise ValueError('boom')")
    outcome = kaito("chat", "--endpoint", model_server.url, "--plugin", name, stdin="a secret\nsecrets\n")
    assert (outcome.code, outcome.out) == (0, "Assistant: a ***\nAssistant: ***s\n")
    assert outcome.err == f"Plugin 'mine' ({name}): kaito_reply: ValueError: boom; this is ignored\n"


def test_the_conversation_that_is_counted_is_redacted(kaito, plugin, model_server):
    model_server.route("/tokenize", Say())
    outcome = kaito(
        "chat", "--endpoint", model_server.url, "--plugin", plugin(REDACTS), "--keep-going", stdin="a secret\n/tokens\n"
    )
    counted = [request for request in model_server.requests if request.path == "/tokenize"]
    assert counted
    assert outcome.out.startswith("Assistant: a ***\n")
    for request in model_server.requests:
        assert b"secret" not in (request.body or b"")


def test_two_distributions_with_a_plugin_of_the_same_name(kaito, install, model_server):
    install("hide-words", "redact", REDACTS)
    install("other-words", "redact", "from kaito import hookimpl\n@hookimpl\ndef kaito_reply(): pass")
    outcome = kaito("chat", "--endpoint", model_server.url, "-m", "a secret", plugins="redact")
    assert (outcome.code, outcome.out) == (1, "")
    assert "hide-words 1.0" in outcome.err
    assert "other-words 1.0" in outcome.err
    assert "'redact'" in outcome.err
    assert model_server.requests == []
    assert "hide-words" in kaito("plugins", plugins="redact").out


def test_kaito_plugins_leaves_a_failing_plugin_out(kaito, install, model_server):
    install("hide-words", "redact", "import nothing_of_this_name\n" + REDACTS)
    install("calm", "calm", "from kaito import hookimpl\n@hookimpl\ndef kaito_reply(): pass")
    outcome = kaito("chat", "--endpoint", model_server.url, "-m", "a", plugins="redact,calm")
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == "   To run without it, set KAITO_PLUGINS='calm'"
    assert kaito("chat", "--endpoint", model_server.url, "-m", "a", plugins="calm").out == "Assistant: a\n"


def test_leaving_a_failing_plugin_out_keeps_all_others(kaito, install, model_server):
    # They are loaded in the order of their names.
    install("early", "a-calm", "from kaito import hookimpl\n@hookimpl\ndef kaito_reply(): pass")
    install("hide-names", "hide", "import nothing_of_this_name\n" + REDACTS)
    install("hide-more", "more", "import nothing_of_this_name\n" + REDACTS)
    install("hide-words", "redact", REDACTS)
    outcome = kaito("chat", "--endpoint", model_server.url, "-m", "a secret", plugins="a-calm,hide,more,redact")
    assert outcome.code == 1
    assert "'hide' (hide-names 1.0) may redact what is sent" in outcome.err
    assert outcome.err.splitlines()[-1] == "   To run without it, set KAITO_PLUGINS='a-calm,more,redact'"


def test_a_plugin_of_several_files_may_redact_in_any_of_them(kaito, install, model_server, tmp_path):
    install("hide-words", "redact", "", module="hide")
    folder = tmp_path / "site" / "hide"
    (tmp_path / "site" / "hide.py").unlink()
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("from hide.inner import *\nimport nothing_of_this_name\n")
    (folder / "inner" / "__init__.py").write_text(REDACTS)
    outcome = kaito("chat", "--endpoint", model_server.url, "-m", "a secret", plugins="redact")
    assert outcome.code == 1
    assert "may redact what is sent" in outcome.err


def test_another_file_of_the_same_name_is_an_error(kaito, plugin, model_server, tmp_path):
    first = plugin("from kaito import hookimpl\n@hookimpl\ndef kaito_reply(): pass", name="redact")
    second = tmp_path / "other" / "redact.py"
    second.parent.mkdir()
    second.write_text(REDACTS)
    outcome = kaito(
        "chat", "--endpoint", model_server.url, "--plugin", first, "--plugin", str(second), "-m", "a secret"
    )
    assert outcome.code == 1
    assert f"Plugin 'redact' ({second}) was not loaded: another plugin of this name is loaded already" in outcome.err
    assert model_server.requests == []


OPTIONS = """
from kaito import hookimpl

@hookimpl
def kaito_add_options(command, options):
    options.add("--FLAG-word", help="A word", parse=PARSE, default="default")

@hookimpl
def kaito_reply(reply, settings):
    print(settings.option("FLAG-word"), settings.option("FLAG_word"))
    settings.option("OTHER-word")
"""


def test_options_belong_to_the_plugin_that_added_them(kaito, plugin, model_server):
    names = [
        plugin(OPTIONS.replace("FLAG", one).replace("OTHER", other).replace("PARSE", "str.upper"), name=one)
        for one, other in (("my", "your"), ("your", "my"))
    ]
    loaded = [argument for name in names for argument in ("--plugin", name)]
    outcome = kaito("chat", "--endpoint", model_server.url, *loaded, "--my-word", "given", "-m", "a")
    assert outcome.code == 0
    assert outcome.err.splitlines() == [
        f"Plugin 'my' ({names[0]}) prints: GIVEN GIVEN",
        f"Plugin 'my' ({names[0]}): kaito_reply: LookupError: there is no option 'your-word' of this plugin; "
        "it added --my-word; this is ignored",
        f"Plugin 'your' ({names[1]}) prints: DEFAULT DEFAULT",
        f"Plugin 'your' ({names[1]}): kaito_reply: LookupError: there is no option 'my-word' of this plugin; "
        "it added --your-word; this is ignored",
    ]


@pytest.mark.parametrize(
    ("parse", "message"),
    [
        ("int", "--my-word: 'x': invalid literal for int() with base 10: 'x'"),
        ("lambda text: {}[text] if text == 'x' else text", "--my-word: 'x': KeyError: 'x'"),
        ("lambda text: exit() if text == 'x' else text", "--my-word: 'x': SystemExit"),
        ("lambda text: open('/nowhere') if text == 'x' else text", "--my-word: 'x': FileNotFoundError"),
    ],
)
def test_every_error_of_a_parser_is_a_usage_error(kaito, plugin, model_server, parse, message):
    source = OPTIONS.replace("FLAG", "my").replace("PARSE", parse).replace('default="default"', "default=None")
    outcome = kaito("chat", "--endpoint", model_server.url, "--plugin", plugin(source), "--my-word", "x", "-m", "a")
    assert outcome.code == 2
    assert outcome.err.startswith(f"❌ Error: {message}")
    assert "Traceback" not in outcome.err


SETTING = """
from kaito import hookimpl

@hookimpl
def kaito_add_options(options):
    options.add("--hide-word", help="A word", default="one", setting=True)
    options.add("--tone", help="A tone", choices=("soft", "loud"), default="soft", setting=True)
    options.add("--hiding", switch=True, help="Hide", setting=True)

@hookimpl
def kaito_request(request, settings):
    word = settings.option("hide-word") if settings.option("hiding") else "\\0"
    hidden = [m.replace(content=m.content.replace(word, settings.option("tone"))) for m in request.messages]
    return request.replace(messages=tuple(hidden))
"""


def test_a_plugin_s_setting_can_be_changed(kaito, plugin, model_server):
    lines = ["one", "/set hiding on", "one", "/set hide-word two", "/set tone loud", "one two", "/set tone x"]
    lines += ["/set tone", "/unset hide-word", "clear", "one", "/set", "/set hide-wrd y"]
    outcome = kaito(
        "chat",
        "--endpoint",
        model_server.url,
        "--plugin",
        plugin(SETTING),
        "--keep-going",
        stdin="".join(f"{line}\n" for line in lines),
    )
    answers = [line.removeprefix("Assistant: ") for line in outcome.out.splitlines() if line.startswith("Assistant")]
    assert answers == ["one", "soft", "one loud", "loud"]
    assert "hide-word: two\n" in outcome.err
    assert "tone: 'x' is not one of soft, loud" in outcome.err
    assert "Did you mean hide-word?" in outcome.err
    assert "  tone               loud\n" in outcome.out
    assert "  hide-word          one\n" in outcome.out


@pytest.mark.parametrize("flag", ["'--stream', help='x'", "'--seed-words', repeatable=True, help='x'"])
def test_a_setting_that_is_not_possible(kaito, plugin, model_server, flag):
    source = (
        f"from kaito import hookimpl\n@hookimpl\ndef kaito_add_options(options): options.add({flag}, setting=True)\n"
    )
    outcome = kaito("chat", "--endpoint", model_server.url, "--plugin", plugin(source), "-m", "x")
    assert "cannot be a setting" in outcome.err
