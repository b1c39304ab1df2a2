"""The commands that change settings and models, and the line of statistics."""

import json

import pytest

from kaito.errors import ExitCode, ModelError
from kaito.shell.render.statistics import statistics_line
from kaito.types import Delta, ModelInfo, Reply, Usage
from tests.shell.harness import ShellHarness


def last_request(harness):
    return harness.server.requests[-1]


@pytest.mark.parametrize(
    ("setting", "field", "value"),
    [
        ("temperature 0.2", "temperature", 0.2),
        ("max-tokens 7", "max_tokens", 7),
        ("MAX_TOKENS 7", "max_tokens", 7),
        ("--top-p 1", "top_p", 1.0),
        ("stream off", "stream", False),
        ("temperature\t0.2", "temperature", 0.2),
    ],
)
def test_set_and_unset_change_fields_of_the_request(setting, field, value):
    harness = ShellHarness(f"/set {setting}", "a", f"/unset {setting.split()[0]}", "b")
    harness.run()
    first, second = harness.server.requests
    assert getattr(first, field) == value
    assert getattr(second, field) != value
    assert first.extra == {}


@pytest.mark.parametrize(
    ("setting", "extra"),
    [
        ("seed -5", {"seed": -5}),
        ("stop END", {"stop": ["END"]}),
        ('stop "\\n"', {"stop": ["\n"]}),
        ("stop none", {}),
        ('stop "none"', {"stop": ["none"]}),
        ('stop ["a b", "é"]', {"stop": ["a b", "é"]}),
        ("presence-penalty -2", {"presence_penalty": -2.0}),
        ("frequency-penalty 0.5", {"frequency_penalty": 0.5}),
        ("top-k -1", {"top_k": -1}),
        ("min-p 0.05", {"min_p": 0.05}),
    ],
)
def test_set_adds_extra_fields_to_the_request(setting, extra):
    harness = ShellHarness(f"/set {setting}", "a", f"/set {setting.split()[0]} default", "b")
    harness.run()
    assert [request.extra for request in harness.server.requests] == [extra, {}]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("temperature 2.1", "temperature: '2.1' is not a number from 0.0 to 2.0"),
        ("temperature nan", "temperature: 'nan' is not a number from 0.0 to 2.0"),
        ("max-tokens 0", "max-tokens: '0' is not a whole number from 1 to 2147483647"),
        ("top-p -0.1", "top-p: '-0.1' is not a number from 0.0 to 1.0"),
        ("seed 1.5", "seed: '1.5' is not a whole number from -9223372036854775808 to 9223372036854775807"),
        ("presence-penalty 3", "presence-penalty: '3' is not a number from -2.0 to 2.0"),
        ("top-k -2", "top-k: '-2' is not a whole number from -1 to 2147483647"),
        ("min-p inf", "min-p: 'inf' is not a number from 0.0 to 1.0"),
        ("stream maybe", "stream: 'maybe' is not on or off"),
        ("format xml", "format: 'xml' is not one of json, plain"),
        ('stop ["a", 5]', "stop: '[\"a\", 5]' is not text, or 1 to 4 texts as JSON"),
        ("stop []", "stop: '[]' is not text, or 1 to 4 texts as JSON"),
        ('stop "a', "stop: '\"a' is not text, or 1 to 4 texts as JSON"),
        ('stop "\\ud800"', "is not text, or 1 to 4 texts as JSON"),
        ("temperatura 1", "Unknown setting 'temperatura'\n   Did you mean temperature?"),
        ("temperature default 1", "temperature: 'default 1' is not a number"),
        ("system Be brief", "Unknown setting 'system'\n   Did you mean /system?"),
        ("xyzzy", "Unknown setting 'xyzzy'\n   /set shows all settings"),
    ],
)
def test_invalid_values_are_reported_and_change_nothing(setting, message):
    harness = ShellHarness(f"/set {setting}", interactive=True)
    before = harness.context.settings
    _, err = harness.run()
    assert message in err
    assert harness.context.settings == before
    script = ShellHarness(f"/set {setting}")
    script.run()
    assert script.shell.exit_code is ExitCode.USAGE


def test_unset_takes_one_name():
    harness = ShellHarness("/set seed 5", "/unset SEED", "/unset seed now", keep_going=True)
    _, err = harness.run()
    assert err.startswith("seed: 5\nseed: (not sent)\n❌ Error: Unknown setting 'seed now'\n")


def test_any_other_field_is_set_and_restored():
    harness = ShellHarness(
        "/set body.Top_A 0.2",
        '/set BODY.guided {"a": [1, null]}',
        "/set seed 5",
        "/set body.seed 6",
        "/set body.kept null",
        "a",
        "/set body.guided",
        "/unset body.guided",
        "/unset body.seed",
        "/unset body.kept",
        "/set body.Top_A default",
        "/set body.Top_A",
        "b",
        settings={"body": {"kept": 1}},
    )
    out, err = harness.run()
    first, second = harness.server.requests
    assert first.extra == {"Top_A": 0.2, "guided": {"a": [1, None]}, "seed": 6, "kept": None}
    assert second.extra == {"seed": 5, "kept": 1}
    assert '  body.guided        {"a":[1,null]}\n' in out
    assert "  body.Top_A         (not sent)\n" in out
    assert err.endswith("body.guided: (not sent)\nbody.seed: (not sent)\nbody.kept: 1\nbody.Top_A: (not sent)\n")


def test_the_settings_list_other_fields():
    harness = ShellHarness("/set body.a_very_long_name 1", "/set", "/status")
    out, _ = harness.run()
    assert "  temperature            0.7\n" in out
    assert "  body.a_very_long_name  1\n" in out
    assert "body.a_very_long_name 1" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("body.x abc", "body.x: 'abc' is not JSON\n   Text is JSON in quotes: \"abc\""),
        ("body.model 1", "body.model: 'model' cannot be set here\n   Use --model"),
        ("body.stream true", "body.stream: 'stream' cannot be set here\n   Use --no-stream"),
        ("body.messages", "body.messages: 'messages' cannot be set here"),
        ("body. 1", "body.: a field needs a name without blanks"),
        ("think maybe", "think: 'maybe' is not one of on, off, auto"),
        ("schema /none", "schema: cannot read '/none': No such file or directory"),
    ],
)
def test_other_fields_that_cannot_be_set(setting, message):
    harness = ShellHarness(f"/set {setting}")
    _, err = harness.run()
    assert message in err
    assert harness.shell.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(("think", "value"), [("on", True), ("off", False)])
def test_think_is_sent_under_both_names(think, value):
    harness = ShellHarness(f"/set think {think}", "a", "/set think auto", "b")
    harness.run()
    kwargs = {"chat_template_kwargs": {"enable_thinking": value, "thinking": value}}
    assert [request.extra for request in harness.server.requests] == [kwargs, {}]


@pytest.mark.parametrize(
    ("wanted", "requested", "extra"), [("7", 7, {}), ("null", None, {}), ("1.5", None, {"max_tokens": 1.5})]
)
def test_max_tokens_of_the_body_is_the_setting(wanted, requested, extra):
    harness = ShellHarness(f"/set body.max_tokens {wanted}", "a")
    harness.run()
    [request] = harness.server.requests
    assert (request.max_tokens, request.extra) == (requested, extra)


def test_a_field_that_the_server_rejects_has_a_hint():
    harness = ShellHarness("/set think on", "/set body.top_a 1", "a", "b", keep_going=True)
    harness.server.answers = [
        ModelError("Unknown parameter: 'chat_template_kwargs'"),
        ModelError("Unknown parameter: 'top_a'"),
    ]
    _, err = harness.run()
    assert "   Leave out --think, and the server decides\n" in err
    assert "   Leave out 'top_a' in --extra-body, and the server decides\n" in err


def test_a_field_that_the_server_rejects_has_a_hint_at_a_prompt():
    harness = ShellHarness("/set think on", "/set body.top_a 1", "a", "b", interactive=True)
    harness.server.answers = [
        ModelError("Unknown parameter: 'chat_template_kwargs'"),
        ModelError("Unknown parameter: 'top_a'"),
    ]
    _, err = harness.run()
    assert err.count("leaves the choice") == 2
    assert "'/set think default' leaves the choice to the server\n" in err
    assert "'/set body.top_a default' leaves the choice to the server\n" in err


def test_set_shows_one_setting_or_all():
    harness = ShellHarness("/set seed 5", "/set seed", "/set", "/unset")
    out, err = harness.run()
    seed, *rest = out.splitlines()
    assert seed == "  seed               5"
    assert rest[:4] == [
        "  temperature        0.7",
        "  max-tokens         5",
        "  top-p              0.9",
        "  seed               5",
    ]
    assert "  stop               (not sent)" in rest
    assert rest[-1] == "  format             plain"
    assert [line.split()[0] for line in rest] == list(harness.context.settings)
    assert err.startswith("seed: 5\n❌ Error: /unset: needs the name of a setting\n")


def test_a_setting_that_the_server_rejects_has_a_hint():
    harness = ShellHarness("/set top-k 5", "/set seed 1", "a", "b", "c", keep_going=True)
    message = "Unrecognized request argument supplied: top_k (HTTP 400)"
    harness.server.answers = [ModelError(message), ModelError("no seeding of stop_k here"), "C"]
    _, err = harness.run()
    assert f"❌ Model Error: {message}\n   Leave out --top-k, and the server decides\n" in err
    assert err.count("the server decides") == 1
    # The settings stay as the user set them.
    assert last_request(harness).extra == {"top_k": 5, "seed": 1}


def test_set_reasoning_and_format_change_what_is_shown():
    thoughtful = [Delta(reasoning="hm"), Delta(content="yes", finish_reason="stop")]
    harness = ShellHarness(
        "a", "/set reasoning off", "b", "/set format json", "c", "help", "/format plain", "d", "/format"
    )
    harness.server.answers = [thoughtful] * 4
    out, err = harness.run()
    plain, hidden, answer, again, *formats = out.splitlines()
    assert plain == hidden == again == "Assistant: yes"
    assert json.loads(answer)["text"] == "yes"
    assert "reasoning" not in json.loads(answer)
    assert formats == ["  json", "* plain", "  text"]
    assert "Available commands:\n" in err


def test_model_lists_and_selects_models():
    models = [ModelInfo(name="base", window=2048), ModelInfo(name="a\x1b[2J", window=2048, parent="base")]
    harness = ShellHarness(
        "/model", "/model bass", "/model base", "/status", "/model", "hi", models=models, keep_going=True
    )
    out, err = harness.run()
    assert out.startswith("* m\n  base  2048 tokens\n  a     2048 tokens, adapter of base\n")
    assert "The server does not list 'bass'; it is requested anyway\nDid you mean base?\nModel: bass\n" in err
    assert "\nModel: base\n" in err
    assert "  Model: base\n" in out
    assert "* base  2048 tokens\n" in out
    assert last_request(harness).model == "base"


def test_a_model_that_was_added_later_can_be_selected():
    harness = ShellHarness("/model new", "hi", models=[ModelInfo(name="base")])
    harness.server.served.append(ModelInfo(name="new"))
    harness.run()
    assert last_request(harness).model == "new"


def test_any_model_can_be_selected_when_the_server_lists_none():
    harness = ShellHarness("/model x", "/model", "hi")
    out, _ = harness.run()
    assert out.startswith("* x\n")
    assert last_request(harness).model == "x"


def test_completion_of_settings_models_and_formats():
    context = ShellHarness(models=[ModelInfo(name="base")]).context
    commands = {name: command.value for name, command in ShellHarness().shell.commands.items()}

    def complete(name, typed):
        offer = commands[name].complete
        assert offer is not None
        return list(offer(typed, context))

    assert complete("set", "te")[:2] == ["temperature", "max-tokens"]
    assert complete("set", "stats o") == ["stats on", "stats off", "stats default"]
    assert complete("set", "temperature ") == ["temperature default"]
    assert complete("set", "nothing ") == []
    assert complete("model", "") == ["base"]
    assert complete("format", "") == ["json", "plain", "text"]
    assert "seed" in complete("unset", "")
    assert commands["retry"].complete is None


# Statistics


USAGE = Usage(prompt_tokens=10, completion_tokens=5)


@pytest.mark.parametrize(
    ("reply", "window", "streamed", "line"),
    [
        (
            {"usage": USAGE, "first_token_s": 0.5, "total_s": 2.5},
            30,
            True,
            "first token after 500 ms, 2.0 tokens/s, 10 prompt + 5 completion tokens, 50% of the window",
        ),
        (
            {"usage": USAGE, "first_token_s": 2.0, "total_s": 2.0},
            None,
            False,
            "answered after 2.0 s, 2.5 tokens/s, 10 prompt + 5 completion tokens",
        ),
        ({"first_token_s": 1.25, "total_s": 2.0}, 30, True, "first token after 1.2 s"),
        ({"total_s": 0.25}, 30, True, "answered after 250 ms"),
        (
            {"usage": Usage(prompt_tokens=10, completion_tokens=1, cached_tokens=0), "first_token_s": 1, "total_s": 1},
            None,
            True,
            "first token after 1.0 s, 10 prompt (0 cached) + 1 completion tokens",
        ),
        (
            {"usage": Usage(prompt_tokens=1, completion_tokens=301), "first_token_s": 1, "total_s": 2},
            None,
            True,
            "first token after 1.0 s, 300 tokens/s, 1 prompt + 301 completion tokens",
        ),
    ],
)
def test_the_statistics_line_shows_what_is_known(reply, window, streamed, line):
    assert statistics_line(Reply(content="x", finish_reason="stop", **reply), window, streamed=streamed) == line


def test_statistics_follow_each_complete_answer():
    harness = ShellHarness("/set stats on", "a", "b", "/set stats off", "c", keep_going=True)
    harness.server.answers = ["A", ModelError("x"), "C"]
    _, err = harness.run()
    assert err.count("(first token after ") == 1
    assert ", 2 prompt + 2 completion tokens)\n" in err
